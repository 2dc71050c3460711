/**
 * A signature whose key is where this program is not: a machine without a network, a KMS without PKCS#11, a person.
 *
 *   here                       there                  here
 *   manifest + certificate  -> request -> signature   request + signature -> the CMS that `sign` would have made
 *
 * The request goes through hands that need not be trusted. So it is made anew from the manifest when the signature comes
 * back, and must be the same to the last byte; then the signature must be one of exactly these attributes by the
 * certificate's key. What was swapped on the way, or belongs to another release, ends there.
 */
import { type KeyObject, verify, type X509Certificate } from "node:crypto";
import { sha256 } from "../../base/digest.ts";
import { oneLine } from "../../base/one-line.ts";
import { decodeCertificate } from "../../format/cms/certificate.ts";
import {
  decodeSigningRequest,
  encodeSigningRequest,
  type SigningRequest,
  writeSigningTime,
} from "../../format/manifest/signing-request.ts";
import { ecdsaDer } from "./ecdsa-der.ts";
import { checkSigning, readCertificates, type SignRequest, signManifest } from "./sign.ts";
import { SignError } from "./sign-error.ts";
import { signedAttributes } from "./signed-data.ts";
import {
  algorithmFor,
  digest,
  digestOf,
  isSignedBy,
  type RsaPadding,
  type SignatureAlgorithm,
  WITH_ANY_SALT,
} from "./signer.ts";

/** What is signed, and the words for a person who is asked to sign it. */
export type Subject = Omit<SignRequest, "signer" | "signingTime"> & {
  readonly product: string;
  readonly version: string;
};

export type Asked = {
  readonly request: SigningRequest;
  /** The document, canonical JSON. */
  readonly bytes: Uint8Array;
  /** For what digests by itself. */
  readonly signedAttributes: Uint8Array;
  /** Of them, for what signs a digest. */
  readonly digest: Uint8Array;
};

export type BroughtBack = {
  /** What `askForSignature` gave. */
  readonly request: Uint8Array;
  /** DER or r‖s of an ECDSA key, the bare number of an RSA key; either may be base64. */
  readonly signature: Uint8Array;
};

/** @throws as checkSigning; SignError KEY_UNSUPPORTED */
export function askForSignature(subject: Subject, rsaPadding: RsaPadding): Asked {
  const own = readCertificates(subject.certificatesPem, "the certificate file")[0];
  checkSigning(subject, own.publicKey);
  const algorithm = algorithmFor(own.publicKey, rsaPadding, "the certificate");
  return asked(subject, own, algorithm, subject.now);
}

/**
 * @returns the signature, and by what algorithm it is
 * @throws as signManifest; SignError SIGNING_REQUEST_MISMATCH, SIGNATURE_UNVERIFIABLE; JsonError, DocumentError
 */
export async function attachSignature(
  subject: Subject,
  { request: bytes, signature }: BroughtBack,
): Promise<{ readonly signature: Uint8Array; readonly algorithm: SignatureAlgorithm }> {
  const request = decodeSigningRequest(bytes);
  const { algorithm } = request;
  const own = readCertificates(subject.certificatesPem, "the certificate file")[0];
  const { publicKey } = own;
  if (algorithmFor(publicKey, paddingOf(algorithm), "the certificate") !== algorithm) {
    throw mismatch(`asks for ${algorithm}, which the key of the certificate cannot make`);
  }
  const signingTime = new Date(request.signing_time);
  const anew = asked(subject, own, algorithm, signingTime);
  refuseDifferent(request, anew.request);
  const brought = { algorithm, publicKey, manifest: subject.manifest, ...anew };
  const signer = {
    publicKey,
    algorithm,
    sign: async (attributes: Uint8Array) => signatureOf(signature, { ...brought, attributes }),
    close: async () => {},
  };
  return { signature: await signManifest({ ...subject, signer, signingTime }), algorithm };
}

function asked(
  { manifest, product, version }: Subject,
  own: X509Certificate,
  algorithm: SignatureAlgorithm,
  signingTime: Date,
): Asked {
  const facts = { content: manifest, certificate: own.raw, algorithm, signingTime };
  const attributes = signedAttributes(facts).signedBytes;
  const value = digest(algorithm, attributes);
  const request: SigningRequest = {
    schema_version: 1,
    product,
    version,
    manifest_sha256: sha256(manifest),
    certificate_sha256: sha256(own.raw),
    certificate_subject: oneLine(decodeCertificate(own.raw).subject.text, 1000),
    algorithm,
    signing_time: writeSigningTime(signingTime),
    signed_attributes: Buffer.from(attributes).toString("base64"),
    digest_algorithm: digestOf(algorithm),
    digest: Buffer.from(value).toString("hex"),
  };
  return { request, bytes: encodeSigningRequest(request), signedAttributes: attributes, digest: value };
}

/** @throws SignError SIGNING_REQUEST_MISMATCH */
function refuseDifferent(brought: SigningRequest, anew: SigningRequest): void {
  const keys = Object.keys(anew) as (keyof SigningRequest)[];
  const [first] = keys.filter((key) => brought[key] !== anew[key]);
  if (first === undefined) return;
  if (["product", "version", "manifest_sha256"].includes(first)) {
    throw mismatch(`is for ${brought.product} ${brought.version}, and for another manifest than this one`);
  }
  if (first.startsWith("certificate")) {
    throw mismatch(
      `is for the certificate of ${oneLine(brought.certificate_subject, 200)}, and --certificates begins with another one`,
    );
  }
  throw mismatch(`was changed: its ${first} does not follow from the manifest and the certificate`);
}

function mismatch(why: string): SignError {
  return new SignError("SIGNING_REQUEST_MISMATCH", `the signing request ${why}`, {
    hint: "nothing was written; ask anew with --digest-only, and attach the signature that is made for it",
  });
}

type Expected = {
  readonly algorithm: SignatureAlgorithm;
  readonly publicKey: KeyObject;
  readonly attributes: Uint8Array;
  readonly digest: Uint8Array;
  readonly manifest: Uint8Array;
};

/** The form that CMS wants, of whatever form came. @throws SignError SIGNATURE_UNVERIFIABLE */
function signatureOf(given: Uint8Array, expected: Expected): Uint8Array {
  const { algorithm, publicKey, attributes } = expected;
  const forms = formsOf(given, algorithm);
  const good = forms.find((form) => isSignedBy(algorithm, publicKey, attributes, form));
  if (good !== undefined) return good;
  throw new SignError(
    "SIGNATURE_UNVERIFIABLE",
    `the signature that was brought (${given.length} bytes) is not one of this request by the certificate's key (${algorithm})${guess(forms, expected)}`,
    {
      facts: { algorithm, bytes: given.length },
      hint: "nothing was written; sign the .der file, or the .digest file with what takes a digest",
    },
  );
}

/** Tools write bytes, services base64; tokens and some services write r‖s. Which it is the key decides. */
function formsOf(given: Uint8Array, algorithm: SignatureAlgorithm): readonly Uint8Array[] {
  const text = Buffer.from(given).toString("latin1").replaceAll(/\s/g, "");
  const isText = /^[A-Za-z0-9+/_-]+={0,2}$/.test(text);
  const whole = isText ? [given, Buffer.from(text, "base64")] : [given];
  if (!algorithm.startsWith("ecdsa")) return whole;
  const rawBytes = algorithm === "ecdsa-p384-sha384" ? 96 : 64;
  return whole.flatMap((form) => (form.length === rawBytes ? [form, ecdsaDer(form, algorithm)] : [form]));
}

/** The mistakes that people make, each with the right key. */
function guess(
  forms: readonly Uint8Array[],
  { algorithm, publicKey, attributes, digest: value, manifest }: Expected,
): string {
  const isOver = (bytes: Uint8Array): boolean =>
    forms.some((form) => isSignedBy(algorithm, publicKey, bytes, form));
  if (isOver(value)) return "; it is over the digest of the digest";
  if (isOver(manifest)) return "; it is over the manifest itself";
  const isBy = (how: Parameters<typeof verify>[2]): boolean =>
    forms.some((form) => verify(digestOf(algorithm), attributes, how, form));
  if (!algorithm.startsWith("rsa")) return "";
  if (isBy({ key: publicKey, ...WITH_ANY_SALT }))
    return algorithm === "rsa-pss-sha256"
      ? "; its salt has another length than the digest"
      : "; it is padded by PSS, and the request asks for PKCS #1";
  return algorithm === "rsa-pss-sha256" && isBy(publicKey)
    ? "; it is padded by PKCS #1, and the request asks for PSS"
    : "";
}

function paddingOf(algorithm: SignatureAlgorithm): RsaPadding {
  return algorithm === "rsa-pss-sha256" ? "pss" : "pkcs1";
}
