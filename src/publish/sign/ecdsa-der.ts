/** PKCS#11 returns r and s side by side, CMS wants Ecdsa-Sig-Value (RFC 3279, section 2.2.3). */
import { SignError } from "./sign-error.ts";
import type { SignatureAlgorithm } from "./signer.ts";

/** r‖s of a token into Ecdsa-Sig-Value ::= SEQUENCE { r INTEGER, s INTEGER } (RFC 3279, section 2.2.3). */
export function ecdsaDer(raw: Uint8Array, algorithm: SignatureAlgorithm): Uint8Array {
  const bytes = algorithm === "ecdsa-p384-sha384" ? 48 : 32;
  if (raw.length !== 2 * bytes) {
    throw new SignError(
      "SIGNATURE_UNVERIFIABLE",
      `the token returned ${raw.length} bytes for ${algorithm}, expected ${2 * bytes}`,
    );
  }
  const body = [...derInteger(raw.subarray(0, bytes)), ...derInteger(raw.subarray(bytes))];
  // At most 2 * (48 + 3) = 102 bytes, so the short form of the length is enough.
  return Uint8Array.from([0x30, body.length, ...body]);
}

/** X.690, 8.3.2: no leading zero byte, except one that keeps the number positive. */
function derInteger(bytes: Uint8Array): number[] {
  const first = bytes.findIndex((byte) => byte !== 0);
  const digits = first < 0 ? [0] : [...bytes.subarray(first)];
  if (digits[0]! >= 0x80) digits.unshift(0);
  return [0x02, digits.length, ...digits];
}
