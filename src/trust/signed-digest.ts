/**
 * Which content a signature speaks of, said before anybody is asked whether to believe it.
 *
 * A device that knows it early needs not fetch what it has, and sees when manifest and signature are of two
 * releases. It says nothing of who signed: that is `verifySignature`'s answer, always asked before use.
 */
import { createHash } from "node:crypto";
import { equalBytes } from "../format/cms/der.ts";
import { decodeSignedData } from "../format/cms/signed-data.ts";
import { refuseMalformed } from "./trust-error.ts";

/** @throws TrustError SIGNATURE_MALFORMED */
export function contentSignedBy(signature: Uint8Array): (content: Uint8Array) => boolean {
  const { signers } = refuseMalformed("SIGNATURE_MALFORMED", () => decodeSignedData(signature));
  return (content) =>
    signers.every(({ digestAlgorithm, messageDigest }) =>
      equalBytes(createHash(digestAlgorithm).update(content).digest(), messageDigest),
    );
}
