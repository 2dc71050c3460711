/**
 * CMS signatures: SignedData of RFC 5652, section 5, in the profile of this product.
 *
 *   ContentInfo { id-signedData, [0] SignedData {
 *     version, digestAlgorithms, { id-data, no content }, [0] certificates, [1] crls, signerInfos } }
 *
 * The content of ours is never inside: a message that carries its own copy could be shown with one and verified
 * with the other. Signed attributes are always there, because without them a signature over an
 * attributes' encoding can be replayed as a signature over a content of the same bytes.
 *
 * SignedData as such may be BER by RFC 5652; here it is DER, and only certificates, crls and signerInfos
 * may stand in any order, because common builders do not sort them and nothing depends on it.
 */
import {
  digestLengths,
  type HashName,
  readDigestAlgorithm,
  readSignatureAlgorithm,
  type SignatureAlgorithm,
} from "./algorithm.ts";
import { type Certificate, decodeCertificate } from "./certificate.ts";
import { CmsError } from "./cms-error.ts";
import { type Crl, decodeCrl } from "./crl.ts";
import {
  type DerElement,
  DerFields,
  equalBytes,
  expectSetOrder,
  expectTag,
  readDer,
  readOid,
  readSmallInteger,
  readTime,
  tags,
} from "./der.ts";
import { readName } from "./name.ts";

export type SignedData = {
  readonly certificates: readonly Certificate[];
  /** Whoever passes the message on may have put them in; nothing but their own signatures vouches for them. */
  readonly crls: readonly Crl[];
  readonly signers: readonly SignerInfo[];
};

export type SignerInfo = {
  readonly id: SignerIdentifier;
  readonly digestAlgorithm: HashName;
  readonly signatureAlgorithm: SignatureAlgorithm;
  readonly signature: Uint8Array;
  /** The exact bytes that were signed: the attributes under a SET OF tag (RFC 5652, 5.4). */
  readonly signedBytes: Uint8Array;
  readonly messageDigest: Uint8Array;
  /** What the signer's clock said; nobody vouches for it. */
  readonly signingTime: Date | undefined;
  /** The certificates that signingCertificateV2 names, the signer's first; empty when absent. */
  readonly signingCertificates: readonly CertificateId[];
  /** Of this signature, unread; nobody vouches for them but the authorities that made them (RFC 3161, appendix A). */
  readonly timeStampTokens: readonly Uint8Array[];
};

export type SignerIdentifier =
  | { readonly kind: "issuer-and-serial"; readonly issuer: Uint8Array; readonly serial: string }
  | { readonly kind: "key-identifier"; readonly keyIdentifier: Uint8Array };

export type CertificateId = { readonly hash: HashName; readonly digest: Uint8Array };

export const oids = {
  data: "1.2.840.113549.1.7.1",
  signedData: "1.2.840.113549.1.7.2",
  contentType: "1.2.840.113549.1.9.3",
  messageDigest: "1.2.840.113549.1.9.4",
  signingTime: "1.2.840.113549.1.9.5",
  signingCertificateV2: "1.2.840.113549.1.9.16.2.47",
  algorithmProtection: "1.2.840.113549.1.9.52",
  timeStampToken: "1.2.840.113549.1.9.16.2.14",
} as const;

/** A release has a handful of signers with chains of up to eight; beyond that it is someone's experiment. */
const MAX_CERTIFICATES = 32;
const MAX_CRLS = 32;
const MAX_SIGNERS = 16;
const MAX_ATTRIBUTES = 32;
/** One is enough; who changes the authority may have a second one beside it for a while. */
const MAX_TIME_STAMPS = 4;

/** A detached signature. @throws CmsError CMS_MALFORMED, DER_MALFORMED, CERTIFICATE_MALFORMED, CRL_MALFORMED, CMS_ALGORITHM_REFUSED */
export function decodeSignedData(der: Uint8Array): SignedData {
  const { content, ...signed } = decodeMessage(der, oids.data);
  if (content !== undefined) throw malformed("it carries its content along; the signature must be detached");
  return signed;
}

/** One that holds what it signs, of another type than id-data. @throws as decodeSignedData */
export function decodeAttachedData(
  der: Uint8Array,
  contentType: string,
): SignedData & { readonly content: Uint8Array } {
  const { content, ...signed } = decodeMessage(der, contentType);
  if (content === undefined) throw malformed("it does not hold what it signs");
  return { ...signed, content };
}

function decodeMessage(
  der: Uint8Array,
  contentType: string,
): SignedData & { readonly content: Uint8Array | undefined } {
  const info = new DerFields(readDer(der), "the CMS message");
  if (readOid(info.any("content type")) !== oids.signedData) throw malformed("it is not signedData");
  const explicit = new DerFields(info.next(0xa0, "content"), "the content", 0xa0);
  info.end();
  const body = explicit.next(tags.sequence, "SignedData");
  explicit.end();

  const fields = new DerFields(body, "SignedData");
  const version = readSmallInteger(fields.next(tags.integer, "version"));
  const digests = readDigestAlgorithms(fields.next(tags.set, "digestAlgorithms"));
  const content = readEncapsulatedContent(fields.next(tags.sequence, "encapContentInfo"), contentType);
  const certificates = readCertificates(fields.optional(0xa0));
  const crls = readCrls(fields.optional(0xa1));
  const signers = bounded(fields.next(tags.set, "signerInfos").children, MAX_SIGNERS, "signers").map(
    (signer) => readSigner(signer, contentType),
  );
  fields.end();

  if (signers.length === 0) throw malformed("nobody signed it");
  // RFC 5652, 5.1: 3 for another content than id-data, and as soon as one signer is named by its key; else 1 (we accept
  // nothing that asks for 4 or 5).
  const isNamedByKey = signers.some((signer) => signer.id.kind === "key-identifier");
  const expected = contentType !== oids.data || isNamedByKey ? 3 : 1;
  if (version !== expected) throw malformed(`its version is ${version} and should be ${expected}`);
  const used = new Set(signers.map((signer) => signer.digestAlgorithm));
  if (used.size !== digests.size || [...used].some((digest) => !digests.has(digest))) {
    throw malformed("its list of digest algorithms is not that of its signers");
  }
  return { content, certificates, crls, signers };
}

function readDigestAlgorithms(element: DerElement): ReadonlySet<HashName> {
  const list = bounded(element.children, MAX_SIGNERS, "digest algorithms").map(readDigestAlgorithm);
  if (new Set(list).size !== list.length) throw malformed("it lists a digest algorithm twice");
  return new Set(list);
}

/** RFC 5652, 5.2: a detached signature leaves eContent out. */
function readEncapsulatedContent(element: DerElement, contentType: string): Uint8Array | undefined {
  const fields = new DerFields(element, "encapContentInfo");
  if (readOid(fields.any("eContentType")) !== contentType) {
    throw malformed(`what it signs is not ${nameOf(contentType)}`);
  }
  const explicit = fields.optional(0xa0);
  fields.end();
  if (explicit === undefined) return undefined;
  const inner = new DerFields(explicit, "eContent", 0xa0);
  const { content } = inner.next(tags.octetString, "content");
  inner.end();
  return content;
}

/** RFC 5652, 10.2.2: only the plain certificate, none of the obsolete or attribute forms. */
function readCertificates(element: DerElement | undefined): readonly Certificate[] {
  const byDer = new Map<string, Certificate>();
  for (const item of bounded(element?.children ?? [], MAX_CERTIFICATES, "certificates")) {
    expectTag(item, tags.sequence, "a certificate");
    byDer.set(Buffer.from(item.bytes).toString("latin1"), decodeCertificate(item.bytes));
  }
  return [...byDer.values()];
}

/** RFC 5652, 10.2.1: only X.509 lists, no other format. */
function readCrls(element: DerElement | undefined): readonly Crl[] {
  return bounded(element?.children ?? [], MAX_CRLS, "revocation lists").map((item) =>
    decodeCrl(expectTag(item, tags.sequence, "a revocation list").bytes),
  );
}

/** RFC 5652, 5.3. */
function readSigner(element: DerElement, contentType: string): SignerInfo {
  const fields = new DerFields(element, "a SignerInfo");
  const version = readSmallInteger(fields.next(tags.integer, "version"));
  const id = readSignerIdentifier(fields.any("signer identifier"));
  if (version !== (id.kind === "key-identifier" ? 3 : 1)) {
    throw malformed(`a signer's version ${version} does not fit the way it is named`);
  }
  const digestElement = fields.next(tags.sequence, "digest algorithm");
  const digestAlgorithm = readDigestAlgorithm(digestElement);
  const attributes = fields.optional(0xa0);
  if (attributes === undefined) throw malformed("a signer has no signed attributes");
  const algorithmElement = fields.next(tags.sequence, "signature algorithm");
  const signatureAlgorithm = readSignatureAlgorithm(algorithmElement, digestAlgorithm);
  const signature = fields.next(tags.octetString, "signature").content;
  const timeStampTokens = readTimeStampTokens(fields.optional(0xa1));
  fields.end();

  const hash = signatureAlgorithm.kind === "ed25519" ? "sha512" : signatureAlgorithm.hash;
  // RFC 8419, 3.1: Ed25519 goes with SHA-512; elsewhere one hash serves for both.
  if (hash !== digestAlgorithm) {
    throw new CmsError(
      "CMS_ALGORITHM_REFUSED",
      `the signer digests with ${digestAlgorithm} but signs with ${hash}`,
    );
  }
  return {
    id,
    digestAlgorithm,
    signatureAlgorithm,
    signature,
    timeStampTokens,
    ...readSignedAttributes(attributes, { contentType, digestAlgorithm, digestElement, algorithmElement }),
  };
}

function readSignerIdentifier(element: DerElement): SignerIdentifier {
  if (element.tag === 0x80) {
    if (element.content.length === 0) throw malformed("a signer's key identifier is empty");
    return { kind: "key-identifier", keyIdentifier: element.content };
  }
  const fields = new DerFields(element, "a signer identifier");
  const issuer = readName(fields.next(tags.sequence, "issuer")).der;
  const serial = Buffer.from(fields.next(tags.integer, "serial number").content).toString("hex");
  fields.end();
  return { kind: "issuer-and-serial", issuer, serial };
}

type SignerFields = {
  readonly contentType: string;
  readonly digestAlgorithm: HashName;
  readonly digestElement: DerElement;
  readonly algorithmElement: DerElement;
};

/** RFC 5652, 5.3 and 11: each type once; contentType and messageDigest must be there, with one value. */
function readSignedAttributes(
  element: DerElement,
  { contentType, digestAlgorithm, digestElement, algorithmElement }: SignerFields,
): Pick<SignerInfo, "signedBytes" | "messageDigest" | "signingTime" | "signingCertificates"> {
  expectSetOrder(element.children, "the signed attributes");
  const attributes = readAttributes(element);

  const type = single(attributes, oids.contentType, "contentType");
  if (type === undefined || readOid(type) !== contentType) {
    throw malformed(`the signed content type is not ${nameOf(contentType)}`);
  }
  const digest = single(attributes, oids.messageDigest, "messageDigest");
  if (digest === undefined) throw malformed("a signer has no messageDigest");
  const messageDigest = expectTag(digest, tags.octetString, "messageDigest").content;
  if (messageDigest.length !== digestLengths[digestAlgorithm]) {
    throw malformed(`messageDigest is ${messageDigest.length} bytes long, not what ${digestAlgorithm} gives`);
  }
  const time = single(attributes, oids.signingTime, "signingTime");
  const named = single(attributes, oids.signingCertificateV2, "signingCertificateV2");
  const protection = single(attributes, oids.algorithmProtection, "CMSAlgorithmProtection");
  if (protection !== undefined) checkAlgorithmProtection(protection, digestElement, algorithmElement);

  // RFC 5652, 5.4: what is signed is the EXPLICIT SET OF encoding, not the [0] that stands in the message.
  const signedBytes = Uint8Array.from(element.bytes);
  signedBytes[0] = tags.set;
  return {
    signedBytes,
    messageDigest,
    signingTime: time === undefined ? undefined : readTime(time),
    signingCertificates: named === undefined ? [] : readSigningCertificates(named),
  };
}

/** Nobody vouches for unsigned attributes; they must only be well-formed and few. */
function readTimeStampTokens(element: DerElement | undefined): readonly Uint8Array[] {
  const values = element === undefined ? [] : (readAttributes(element).get(oids.timeStampToken) ?? []);
  return bounded(values, MAX_TIME_STAMPS, "time-stamps of one signer").map(({ bytes }) => bytes);
}

function readAttributes(element: DerElement): ReadonlyMap<string, readonly DerElement[]> {
  const attributes = new Map<string, readonly DerElement[]>();
  if (element.children.length === 0) throw malformed("a set of attributes is empty");
  for (const item of bounded(element.children, MAX_ATTRIBUTES, "attributes")) {
    const fields = new DerFields(item, "an attribute");
    const oid = readOid(fields.any("type"));
    const values = fields.next(tags.set, "values").children;
    fields.end();
    if (values.length === 0) throw malformed(`the attribute ${oid} has no value`);
    if (attributes.has(oid)) throw malformed(`the attribute ${oid} appears twice`);
    attributes.set(oid, values);
  }
  return attributes;
}

function single(
  attributes: ReadonlyMap<string, readonly DerElement[]>,
  oid: string,
  name: string,
): DerElement | undefined {
  const values = attributes.get(oid);
  if (values !== undefined && values.length !== 1) throw malformed(`${name} has ${values.length} values`);
  return values?.[0];
}

/** RFC 5035, 3: SigningCertificateV2 { certs SEQUENCE OF ESSCertIDv2, policies OPTIONAL }. */
function readSigningCertificates(element: DerElement): readonly CertificateId[] {
  const fields = new DerFields(element, "signingCertificateV2");
  const certs = fields.next(tags.sequence, "certs").children;
  fields.optional(tags.sequence);
  fields.end();
  if (certs.length === 0) throw malformed("signingCertificateV2 names no certificate");
  return bounded(certs, MAX_CERTIFICATES, "named certificates").map((item) => {
    const id = new DerFields(item, "a certificate identifier");
    const algorithm = id.optional(tags.sequence);
    const digest = id.next(tags.octetString, "hash").content;
    id.optional(tags.sequence);
    id.end();
    return { hash: algorithm === undefined ? "sha256" : readDigestAlgorithm(algorithm), digest };
  });
}

/** RFC 6211, 2: the attribute repeats the algorithms inside the signature, so that none can be exchanged. */
function checkAlgorithmProtection(
  element: DerElement,
  digestElement: DerElement,
  algorithmElement: DerElement,
): void {
  const fields = new DerFields(element, "CMSAlgorithmProtection");
  const digest = fields.next(tags.sequence, "digest algorithm");
  const algorithm = fields.next(0xa1, "signature algorithm");
  fields.end();
  if (
    !equalBytes(digest.bytes, digestElement.bytes) ||
    !equalBytes(algorithm.content, algorithmElement.content)
  ) {
    throw malformed("CMSAlgorithmProtection names other algorithms than the signer uses");
  }
}

function bounded<T>(list: readonly T[], limit: number, what: string): readonly T[] {
  if (list.length > limit) throw malformed(`it holds ${list.length} ${what}; the limit is ${limit}`);
  return list;
}

function nameOf(contentType: string): string {
  return contentType === oids.data ? "id-data" : contentType;
}

function malformed(why: string): CmsError {
  return new CmsError("CMS_MALFORMED", `the signature cannot be used: ${why}`);
}
