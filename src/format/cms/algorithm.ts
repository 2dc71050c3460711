/**
 * The algorithms we believe in, by object identifier (RFC 5754, RFC 4056, RFC 5758, RFC 8410, RFC 8419).
 *
 *   sha256WithRSAEncryption  1.2.840.113549.1.1.11  NULL     ->  { kind: "rsa-pkcs1", hash: "sha256" }
 *   RSASSA-PSS               1.2.840.113549.1.1.10  params   ->  { kind: "rsa-pss", hash, saltLength }
 *
 * It is an allow-list: what does not stand here is refused, SHA-1 and MD5 among it. RSASSA-PSS comes with
 * parameters an attacker could weaken, so there is one good value for each: the same hash in MGF1, a salt
 * as long as the digest, the default trailer.
 */
import { CmsError } from "./cms-error.ts";
import { type DerElement, DerFields, readOid, readSmallInteger, tags } from "./der.ts";

export type HashName = "sha256" | "sha384" | "sha512";

export type SignatureAlgorithm =
  | { readonly kind: "rsa-pkcs1"; readonly hash: HashName }
  | { readonly kind: "rsa-pss"; readonly hash: HashName; readonly saltLength: number }
  | { readonly kind: "ecdsa"; readonly hash: HashName }
  | { readonly kind: "ed25519" };

export type PublicKeyAlgorithm =
  | { readonly kind: "rsa" }
  | { readonly kind: "ec"; readonly curve: "P-256" | "P-384" | "P-521" }
  | { readonly kind: "ed25519" };

const hashes: Readonly<Record<string, HashName>> = {
  "2.16.840.1.101.3.4.2.1": "sha256",
  "2.16.840.1.101.3.4.2.2": "sha384",
  "2.16.840.1.101.3.4.2.3": "sha512",
};

export const digestLengths: Readonly<Record<HashName, number>> = { sha256: 32, sha384: 48, sha512: 64 };

const rsaWithHash: Readonly<Record<string, HashName>> = {
  "1.2.840.113549.1.1.11": "sha256",
  "1.2.840.113549.1.1.12": "sha384",
  "1.2.840.113549.1.1.13": "sha512",
};

const ecdsaWithHash: Readonly<Record<string, HashName>> = {
  "1.2.840.10045.4.3.2": "sha256",
  "1.2.840.10045.4.3.3": "sha384",
  "1.2.840.10045.4.3.4": "sha512",
};

const curves: Readonly<Record<string, "P-256" | "P-384" | "P-521">> = {
  "1.2.840.10045.3.1.7": "P-256",
  "1.3.132.0.34": "P-384",
  "1.3.132.0.35": "P-521",
};

const RSA_ENCRYPTION = "1.2.840.113549.1.1.1";
const RSASSA_PSS = "1.2.840.113549.1.1.10";
const MGF1 = "1.2.840.113549.1.1.8";
const EC_PUBLIC_KEY = "1.2.840.10045.2.1";
const ED25519 = "1.3.101.112";

/** Names for refusals: a person should read "SHA-1", not 1.3.14.3.2.26. */
const refusedNames: Readonly<Record<string, string>> = {
  "1.3.14.3.2.26": "SHA-1",
  "1.2.840.113549.2.5": "MD5",
  "2.16.840.1.101.3.4.2.4": "SHA-224",
  "1.2.840.113549.1.1.5": "RSA with SHA-1",
  "1.2.840.113549.1.1.4": "RSA with MD5",
  "1.2.840.10045.4.1": "ECDSA with SHA-1",
};

/** RFC 5754, 2: parameters are absent, and NULL is accepted too. */
export function readDigestAlgorithm(element: DerElement): HashName {
  const { oid, parameters } = readAlgorithmIdentifier(element);
  const hash = own(hashes, oid);
  if (hash === undefined) throw refused(oid, "digest algorithm");
  if (parameters !== undefined && parameters.tag !== tags.null) throw badParameters(oid);
  return hash;
}

/**
 * @param digest what a CMS signer says it hashed with; plain rsaEncryption takes its hash from there
 *   (RFC 5754, 3.2), and a certificate, which has no such field, may not use it.
 */
export function readSignatureAlgorithm(element: DerElement, digest?: HashName): SignatureAlgorithm {
  const { oid, parameters } = readAlgorithmIdentifier(element);
  const rsaHash = oid === RSA_ENCRYPTION ? digest : own(rsaWithHash, oid);
  if (rsaHash !== undefined) {
    // RFC 4055, 5: the parameters are NULL, not absent.
    if (parameters?.tag !== tags.null) throw badParameters(oid);
    return { kind: "rsa-pkcs1", hash: rsaHash };
  }
  if (oid === RSASSA_PSS) return readPssParameters(parameters);
  const ecdsaHash = own(ecdsaWithHash, oid);
  if (ecdsaHash === undefined && oid !== ED25519) throw refused(oid, "signature algorithm");
  // RFC 5758, 3.2, and RFC 8410, 3: the parameters are absent.
  if (parameters !== undefined) throw badParameters(oid);
  return ecdsaHash === undefined ? { kind: "ed25519" } : { kind: "ecdsa", hash: ecdsaHash };
}

/** The algorithm of a SubjectPublicKeyInfo: named curves only (RFC 5480, 2.1.1), never explicit parameters. */
export function readPublicKeyAlgorithm(element: DerElement): PublicKeyAlgorithm {
  const { oid, parameters } = readAlgorithmIdentifier(element);
  if (oid === RSA_ENCRYPTION) {
    if (parameters?.tag !== tags.null) throw badParameters(oid);
    return { kind: "rsa" };
  }
  if (oid === ED25519) {
    if (parameters !== undefined) throw badParameters(oid);
    return { kind: "ed25519" };
  }
  if (oid !== EC_PUBLIC_KEY) throw refused(oid, "public key algorithm");
  if (parameters?.tag !== tags.oid) throw badParameters(oid);
  const curve = own(curves, readOid(parameters));
  if (curve === undefined) throw refused(readOid(parameters), "elliptic curve");
  return { kind: "ec", curve };
}

/** What a report calls an algorithm: "RSA-PSS SHA-256", "ECDSA SHA-384", "Ed25519". */
export function algorithmName(algorithm: SignatureAlgorithm): string {
  if (algorithm.kind === "ed25519") return "Ed25519";
  const family = { "rsa-pkcs1": "RSA", "rsa-pss": "RSA-PSS", ecdsa: "ECDSA" }[algorithm.kind];
  return `${family} ${algorithm.hash.replace("sha", "SHA-")}`;
}

/**
 * RFC 4055, 3.1. The defaults are SHA-1 and a salt of 20, so all three fields must be there;
 * the only trailer is the default one, which DER leaves out.
 */
function readPssParameters(parameters: DerElement | undefined): SignatureAlgorithm {
  const present = parameters?.children.map(({ tag }) => tag).join();
  if (parameters === undefined || present !== [0xa0, 0xa1, 0xa2].join()) throw badParameters(RSASSA_PSS);
  const fields = new DerFields(parameters, "the RSASSA-PSS parameters");
  const hash = readDigestAlgorithm(explicit(fields.next(0xa0, "hash algorithm")));
  const mask = readAlgorithmIdentifier(explicit(fields.next(0xa1, "mask generation")));
  const saltLength = readSmallInteger(explicit(fields.next(0xa2, "salt length")));
  fields.end();
  if (mask.oid !== MGF1 || mask.parameters === undefined) throw badParameters(RSASSA_PSS);
  if (readDigestAlgorithm(mask.parameters) !== hash || saltLength !== digestLengths[hash]) {
    throw badParameters(RSASSA_PSS);
  }
  return { kind: "rsa-pss", hash, saltLength };
}

/** The one element inside an explicit tag. */
function explicit(element: DerElement): DerElement {
  const [inner, more] = element.children;
  if (inner === undefined || more !== undefined) {
    throw new CmsError("DER_MALFORMED", "an explicit tag does not hold exactly one element");
  }
  return inner;
}

function readAlgorithmIdentifier(element: DerElement): { oid: string; parameters: DerElement | undefined } {
  const fields = new DerFields(element, "an algorithm identifier");
  const oid = readOid(fields.any("algorithm"));
  const parameters = element.children.length > 1 ? fields.any("parameters") : undefined;
  fields.end();
  return { oid, parameters };
}

/** A lookup that an identifier named like a method of Object cannot fool. */
function own<T>(table: Readonly<Record<string, T>>, key: string): T | undefined {
  return Object.hasOwn(table, key) ? table[key] : undefined;
}

function refused(oid: string, what: string): CmsError {
  const name = own(refusedNames, oid) ?? oid;
  return new CmsError("CMS_ALGORITHM_REFUSED", `the ${what} ${name} is not one we accept`, {
    facts: { oid },
    hint: "sign with SHA-256, SHA-384 or SHA-512 and an RSA (2048 bits or more), P-256 or P-384 key",
  });
}

function badParameters(oid: string): CmsError {
  const message =
    oid === RSASSA_PSS
      ? "RSASSA-PSS must use one hash for message and mask, and a salt as long as the digest"
      : `the parameters of the algorithm ${oid} are not the one form we accept`;
  return new CmsError("CMS_ALGORITHM_REFUSED", message, { facts: { oid } });
}
