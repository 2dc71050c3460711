/** Revocation lists that a caller hands in: PEM with one or more, or one in DER. */
import { type Crl, decodeCrlFile } from "../format/cms/crl.ts";
import { refuseMalformed } from "./trust-error.ts";

/** @throws TrustError CRL_MALFORMED */
export function readCrls(bytes: Uint8Array): Crl[] {
  return refuseMalformed("CRL_MALFORMED", () => decodeCrlFile(bytes));
}
