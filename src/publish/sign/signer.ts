/**
 * A key that signs, wherever it lives: `key-file.ts` and `token.ts` make one, `signed-data.ts` uses it.
 *
 *   rsa-pkcs1-sha256    RSASSA-PKCS1-v1_5 (RFC 8017, section 8.2)
 *   rsa-pss-sha256      RSASSA-PSS, MGF1 with SHA-256, salt of 32 bytes (section 8.1)
 *   ecdsa-p256-sha256   ECDSA (FIPS 186-5), as DER Ecdsa-Sig-Value (RFC 3279, section 2.2.3)
 *   ecdsa-p384-sha384
 *
 * Ed25519 is missing on purpose: OpenSSL 3.0 refuses it inside CMS ("invalid digest"), so nobody could
 * check our signature with the tool that is on every machine.
 */
import { constants, createHash, type KeyObject, verify } from "node:crypto";
import { SignError } from "./sign-error.ts";

export type SignatureAlgorithm =
  | "rsa-pkcs1-sha256"
  | "rsa-pss-sha256"
  | "ecdsa-p256-sha256"
  | "ecdsa-p384-sha384";

export type RsaPadding = "pkcs1" | "pss";

export type Signer = {
  readonly publicKey: KeyObject;
  readonly algorithm: SignatureAlgorithm;
  /** Digests and signs; ECDSA comes back as DER, RSA as the bare number. */
  sign(bytes: Uint8Array): Promise<Uint8Array>;
  close(): Promise<void>;
};

/** Salt as long as the digest (RFC 8017, section 9.1). */
export const PSS_SALT_BYTES = 32;

/** For explaining a refusal, never for accepting anything. */
export const WITH_ANY_SALT = {
  padding: constants.RSA_PKCS1_PSS_PADDING,
  saltLength: constants.RSA_PSS_SALTLEN_AUTO,
} as const;

/** NIST SP 800-131A: shorter RSA keys are no longer allowed to sign. */
const MIN_RSA_BITS = 2048;
/** OpenSSL verifies no larger modulus (OPENSSL_RSA_MAX_MODULUS_BITS). */
const MAX_RSA_BITS = 16384;

export function digestOf(algorithm: SignatureAlgorithm): "sha256" | "sha384" {
  return algorithm === "ecdsa-p384-sha384" ? "sha384" : "sha256";
}

export function digest(algorithm: SignatureAlgorithm, bytes: Uint8Array): Uint8Array {
  return createHash(digestOf(algorithm)).update(bytes).digest();
}

/** What node:crypto needs beside the digest's name to sign or verify. */
export function nodeKeyOptions(
  algorithm: SignatureAlgorithm,
  key: KeyObject,
): { key: KeyObject; padding?: number; saltLength?: number; dsaEncoding?: "der" } {
  switch (algorithm) {
    case "rsa-pkcs1-sha256":
      return { key, padding: constants.RSA_PKCS1_PADDING };
    case "rsa-pss-sha256":
      return { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: PSS_SALT_BYTES };
    case "ecdsa-p256-sha256":
    case "ecdsa-p384-sha384":
      return { key, dsaEncoding: "der" };
  }
}

/** @throws SignError KEY_UNSUPPORTED */
export function algorithmFor(key: KeyObject, padding: RsaPadding, where: string): SignatureAlgorithm {
  const details = key.asymmetricKeyDetails;
  const curve = details?.namedCurve;
  if (key.asymmetricKeyType === "rsa") {
    const bits = details?.modulusLength ?? 0;
    if (bits >= MIN_RSA_BITS && bits <= MAX_RSA_BITS) return `rsa-${padding}-sha256`;
    throw unsupported(where, `an RSA key of ${bits} bits`);
  }
  if (curve === "prime256v1") return "ecdsa-p256-sha256";
  if (curve === "secp384r1") return "ecdsa-p384-sha384";
  throw unsupported(
    where,
    `a key of the type ${key.asymmetricKeyType ?? "unknown"}${curve ? ` on ${curve}` : ""}`,
  );
}

/**
 * A token that answers CKR_OK may still have signed something else: CKM_RSA_PKCS over a bare digest and
 * CKM_ECDSA over a digest longer than the curve both "succeed". So nothing leaves before it verified.
 *
 * @throws SignError SIGNATURE_UNVERIFIABLE
 */
export function checkSignature(
  algorithm: SignatureAlgorithm,
  publicKey: KeyObject,
  bytes: Uint8Array,
  signature: Uint8Array,
): void {
  let cause: unknown;
  try {
    if (verify(digestOf(algorithm), bytes, nodeKeyOptions(algorithm, publicKey), signature)) return;
  } catch (error) {
    cause = error;
  }
  throw new SignError(
    "SIGNATURE_UNVERIFIABLE",
    `the key made a signature (${algorithm}, ${signature.length} bytes) that its own public key does not verify`,
    { cause, hint: "nothing was written; check the token's firmware and module", facts: { algorithm } },
  );
}

/** The same question, for those who go on asking. */
export function isSignedBy(
  algorithm: SignatureAlgorithm,
  publicKey: KeyObject,
  bytes: Uint8Array,
  signature: Uint8Array,
): boolean {
  try {
    return verify(digestOf(algorithm), bytes, nodeKeyOptions(algorithm, publicKey), signature);
  } catch {
    // Of a form that is no signature at all.
    return false;
  }
}

function unsupported(where: string, what: string): SignError {
  return new SignError("KEY_UNSUPPORTED", `${where} holds ${what}, which devices do not verify`, {
    hint: "use RSA with 2048 bits or more, P-256 or P-384",
  });
}
