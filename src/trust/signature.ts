/**
 * The mathematics of signatures, all of it by node:crypto.
 *
 * The certificate says which key, the AlgorithmIdentifier says how; they must fit each other, and both must
 * be in the profile. An attacker chooses keys too, so an RSA key is bounded from above: a modulus of a
 * million bits is no better signature, only an endless check.
 */
import { constants, createPublicKey, type KeyObject, verify } from "node:crypto";
import type { SignatureAlgorithm } from "../format/cms/algorithm.ts";
import { TrustError } from "./trust-error.ts";

const MIN_RSA_BITS = 2048;
const MAX_RSA_BITS = 8192;

/** RFC 8017 asks for e >= 3; e = 1 would make every message its own signature. */
const MIN_RSA_EXPONENT = 3n;
/** FIPS 186-5, A.1.1, stops at 2^256; nobody uses more than 65537, and time grows with its bits. */
const MAX_RSA_EXPONENT = 1n << 64n;

/** @throws TrustError SIGNATURE_ALGORITHM */
export function readPublicKey(spki: Uint8Array): KeyObject {
  let key: KeyObject;
  try {
    key = createPublicKey({ key: Buffer.from(spki), format: "der", type: "spki" });
  } catch (cause) {
    throw new TrustError("SIGNATURE_ALGORITHM", "the certificate's public key is not a usable key", {
      cause,
    });
  }
  if (key.asymmetricKeyType === "rsa") {
    const { modulusLength = 0, publicExponent = 0n } = key.asymmetricKeyDetails ?? {};
    if (modulusLength < MIN_RSA_BITS || modulusLength > MAX_RSA_BITS) {
      throw new TrustError(
        "SIGNATURE_ALGORITHM",
        `an RSA key must have ${MIN_RSA_BITS} to ${MAX_RSA_BITS} bits, this one has ${modulusLength}`,
        { facts: { modulusLength } },
      );
    }
    if (
      publicExponent < MIN_RSA_EXPONENT ||
      publicExponent > MAX_RSA_EXPONENT ||
      publicExponent % 2n === 0n
    ) {
      throw new TrustError("SIGNATURE_ALGORITHM", `the RSA exponent ${publicExponent} is not acceptable`);
    }
  }
  return key;
}

/**
 * @returns whether `signature` is one of `bytes` by the key in `spki`
 * @throws TrustError SIGNATURE_ALGORITHM when key and algorithm do not fit each other or the profile
 */
export function isSignatureBy(
  spki: Uint8Array,
  algorithm: SignatureAlgorithm,
  bytes: Uint8Array,
  signature: Uint8Array,
): boolean {
  const key = readPublicKey(spki);
  const keyType = { "rsa-pkcs1": "rsa", "rsa-pss": "rsa", ecdsa: "ec", ed25519: "ed25519" }[algorithm.kind];
  if (key.asymmetricKeyType !== keyType) {
    throw new TrustError(
      "SIGNATURE_ALGORITHM",
      `a signature of kind ${algorithm.kind} cannot come from a key of type ${key.asymmetricKeyType}`,
    );
  }
  switch (algorithm.kind) {
    case "rsa-pkcs1":
      return holds(algorithm.hash, bytes, { key, padding: constants.RSA_PKCS1_PADDING }, signature);
    case "rsa-pss": {
      const { saltLength } = algorithm;
      return holds(
        algorithm.hash,
        bytes,
        { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength },
        signature,
      );
    }
    case "ecdsa":
      return holds(algorithm.hash, bytes, { key, dsaEncoding: "der" }, signature);
    case "ed25519":
      return holds(null, bytes, { key }, signature);
  }
}

type VerifyKey = Parameters<typeof verify>[2];

/** OpenSSL answers some malformed signatures with an error instead of "no"; both mean no. */
function holds(hash: string | null, bytes: Uint8Array, key: VerifyKey, signature: Uint8Array): boolean {
  try {
    return verify(hash, bytes, key, signature);
  } catch {
    return false;
  }
}
