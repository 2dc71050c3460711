/**
 * From the bytes of a manifest to the signature that stands beside it.
 *
 *   certificates match the key -> build CMS -> verify what the key made -> hand it out
 *
 * Everything a device would refuse later is refused here, while somebody is watching: a certificate of
 * another key, one that has expired, one that is not for code signing, a chain with a hole. The mathematics
 * are always checked; the complete profile of `trust` too, when the anchors of the devices are given.
 */
import { type KeyObject, X509Certificate } from "node:crypto";
import { decodeCertificate } from "../../format/cms/certificate.ts";
import { readTrustAnchors } from "../../trust/anchor.ts";
import { verifySignature } from "../../trust/verify-signature.ts";
import { addSignature, refuseSigner } from "./add-signature.ts";
import { openKeyFile } from "./key-file.ts";
import type { SecretSources } from "./pin.ts";
import { PKCS11_SCHEME, parsePkcs11Uri } from "./pkcs11-uri.ts";
import { SignError } from "./sign-error.ts";
import { buildSignedData } from "./signed-data.ts";
import { checkSignature, type RsaPadding, type Signer } from "./signer.ts";

export type SignRequest = {
  readonly manifest: Uint8Array;
  /** The signer's certificate first, then its chain; a root at the end is left out of the signature. */
  readonly certificatesPem: string;
  readonly signer: Signer;
  readonly now: Date;
  /** What devices pin; when given, the signature is also checked as a device checks it. */
  readonly anchorsPem?: string | undefined;
  /** A signature of the same manifest, to which this one is added; default: it stands alone. */
  readonly addTo?: Uint8Array | undefined;
  /** What the signature says of its time; default: now. */
  readonly signingTime?: Date | undefined;
};

export type OpenSignerRequest = {
  /** A path, or a `pkcs11:` URI. */
  readonly key: string;
  readonly secrets: SecretSources;
  readonly rsaPadding?: RsaPadding | undefined;
  /** For tokens that keep no public key. */
  readonly certificatesPem?: string | undefined;
};

/** RFC 5280, section 4.2.1.12. */
const CODE_SIGNING = "1.3.6.1.5.5.7.3.3";
/** As many as a device follows. */
const MAX_CERTIFICATES = 8;

/** @throws SignError; TrustError when `addTo` is not a signature of this manifest, or the anchors vouch for one signer not */
export async function signManifest(request: SignRequest): Promise<Uint8Array> {
  const { manifest: content, addTo: before, now, anchorsPem, signer } = request;
  const certificates = checkSigning(request, signer.publicKey);
  const added = await buildSignedData({
    content,
    certificates: certificates.map((each) => each.raw),
    signer: verifying(signer, certificates[0]!.publicKey),
    signingTime: request.signingTime ?? now,
  });
  const signature = before === undefined ? added : addSignature({ content, before, added, now });
  if (anchorsPem !== undefined) {
    // With the anchors of the devices at hand, we ask the very code that devices ask.
    const pinned = readTrustAnchors(Buffer.from(anchorsPem));
    verifySignature({ content, signature, anchors: pinned, now });
  }
  return signature;
}

/**
 * All that can be refused before a key is asked.
 *
 * @returns the certificates that go into the signature, the signer's own first
 * @throws SignError; TrustError when `addTo` is not a signature of this manifest
 */
export function checkSigning(
  request: Omit<SignRequest, "signer">,
  publicKey: KeyObject,
): readonly [X509Certificate, ...X509Certificate[]] {
  const { manifest: content, addTo: before, now, anchorsPem } = request;
  const certificates = readCertificates(request.certificatesPem, "the certificate file");
  const [own, ...others] = certificates;
  checkOwnCertificate(own, publicKey, now);
  const anchors = anchorsPem === undefined ? [] : readCertificates(anchorsPem, "the file of anchors");
  checkChain(certificates, anchors, now);
  if (before !== undefined) refuseSigner(decodeCertificate(own.raw), { content, before, now });
  return [own, ...others.filter((each) => !isRoot(each))];
}

export async function openSigner(request: OpenSignerRequest): Promise<Signer> {
  const { key, secrets, rsaPadding = "pkcs1", certificatesPem } = request;
  // `--key "$(cat key.pem)"`: the argument is the secret, so no message may repeat it.
  if (/PRIVATE KEY|[\r\n]/.test(key)) {
    throw new SignError("KEY_UNREADABLE", "--key takes the name of a file, what was given is its content", {
      hint: "give --key key.pem; this key has been on a command line, so think about making a new one",
    });
  }
  if (!key.startsWith(PKCS11_SCHEME)) return openKeyFile(key, { rsaPadding, secrets });
  const uri = parsePkcs11Uri(key);
  // Here and not above: whoever signs with a file never loads a line of PKCS#11.
  const { openToken } = await import("./token.ts");
  const publicKey = certificatesPem && readCertificates(certificatesPem, "the certificate file")[0].publicKey;
  return openToken(uri, { rsaPadding, secrets, ...(publicKey && { publicKey }) });
}

/** The same signer, whose signatures have been verified with the key that devices will use. */
function verifying(signer: Signer, publicKey: KeyObject): Signer {
  return {
    ...signer,
    sign: async (bytes) => {
      const signature = await signer.sign(bytes);
      checkSignature(signer.algorithm, publicKey, bytes, signature);
      return signature;
    },
  };
}

function checkOwnCertificate(certificate: X509Certificate, publicKey: KeyObject, now: Date): void {
  const name = nameOf(certificate);
  if (!certificate.publicKey.equals(publicKey)) {
    throw new SignError(
      "CERTIFICATE_MISMATCH",
      `the first certificate (${name}) belongs to another key than the one that signs`,
      {
        facts: { subject: name },
        hint: "put the signer's own certificate first, or choose the key that it was made for",
      },
    );
  }
  checkValidity(certificate, now);
  // Node calls the extended key usages `keyUsage`.
  if (!certificate.keyUsage?.includes(CODE_SIGNING) || certificate.ca) {
    throw new SignError(
      "CERTIFICATE_NOT_FOR_SIGNING",
      `the certificate (${name}) is ${certificate.ca ? "an authority's" : "not for code signing"}, devices would refuse the release`,
      {
        facts: { subject: name, extendedKeyUsage: certificate.keyUsage ?? [] },
        hint: "ask for a certificate with the extended key usage codeSigning",
      },
    );
  }
}

function checkValidity(certificate: X509Certificate, now: Date): void {
  const { validFromDate: from, validToDate: to } = certificate;
  if (from <= now && now <= to) return;
  const name = nameOf(certificate);
  throw new SignError(
    "CERTIFICATE_EXPIRED",
    `the certificate (${name}) is valid from ${from.toISOString()} to ${to.toISOString()}, now is ${now.toISOString()}`,
    { facts: { subject: name, from: from.toISOString(), to: to.toISOString() } },
  );
}

/** Each certificate is signed by the next one; one of them by an anchor, when anchors are given. */
function checkChain(
  certificates: readonly X509Certificate[],
  anchors: readonly X509Certificate[],
  now: Date,
): void {
  for (const [index, certificate] of certificates.entries()) {
    checkValidity(certificate, now);
    const issuer = certificates[index + 1];
    if (issuer && !issued(issuer, certificate)) {
      throw broken(`the certificate ${index + 2} (${nameOf(issuer)}) did not issue the one before it`);
    }
  }
  const reaches = (certificate: X509Certificate): boolean =>
    anchors.some((anchor) => anchor.raw.equals(certificate.raw) || issued(anchor, certificate));
  if (anchors.length > 0 && !certificates.some(reaches)) {
    throw broken(`the chain ends at ${nameOf(certificates.at(-1)!)}, which no anchor issued`);
  }
}

/** @throws SignError CERTIFICATE_UNREADABLE */
export function readCertificates(
  pem: string,
  where: string,
): readonly [X509Certificate, ...X509Certificate[]] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  if (blocks.length === 0 || blocks.length > MAX_CERTIFICATES) {
    throw new SignError(
      "CERTIFICATE_UNREADABLE",
      `${where} should hold 1 to ${MAX_CERTIFICATES} certificates in PEM, it holds ${blocks.length}`,
    );
  }
  const certificates = blocks.map((block, index) => {
    try {
      return new X509Certificate(block);
    } catch (cause) {
      throw new SignError("CERTIFICATE_UNREADABLE", `certificate ${index + 1} in ${where} is damaged`, {
        cause,
      });
    }
  });
  return certificates as [X509Certificate, ...X509Certificate[]];
}

function issued(issuer: X509Certificate, certificate: X509Certificate): boolean {
  return certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
}

function isRoot(certificate: X509Certificate): boolean {
  return certificate.subject === certificate.issuer && issued(certificate, certificate);
}

function nameOf(certificate: X509Certificate): string {
  return certificate.subject.replaceAll("\n", ", ");
}

function broken(why: string): SignError {
  return new SignError("CERTIFICATE_CHAIN_BROKEN", why, {
    hint: "the file holds the signer's certificate, then each issuer in turn up to the one below the root",
  });
}
