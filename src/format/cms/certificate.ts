/**
 * X.509 certificates, version 3 (RFC 5280, section 4), and the PEM text they travel in (RFC 7468).
 *
 *   Certificate ::= SEQUENCE { tbsCertificate, signatureAlgorithm, signatureValue BIT STRING }
 *
 * A value here says what stands in the certificate, nothing about trust. Names are compared as raw DER:
 * a CA that spells its own name in two ways is refused sooner than two CAs are taken for one.
 */
import { readPublicKeyAlgorithm, readSignatureAlgorithm, type SignatureAlgorithm } from "./algorithm.ts";
import { CmsError } from "./cms-error.ts";
import {
  type DerElement,
  DerFields,
  equalBytes,
  expectTag,
  readBoolean,
  readDer,
  readNamedBits,
  readOid,
  readSmallInteger,
  readTime,
  readWholeBitString,
  tags,
} from "./der.ts";

export type Name = {
  /** The whole SEQUENCE, for comparing. */
  readonly der: Uint8Array;
  /** RFC 4514, for people: "CN=Release signer,O=Example". */
  readonly text: string;
};

export type Certificate = {
  readonly der: Uint8Array;
  /** The signed part, with tag and length. */
  readonly tbs: Uint8Array;
  /** Lower-case hex of the INTEGER's content. */
  readonly serial: string;
  readonly issuer: Name;
  readonly subject: Name;
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** SubjectPublicKeyInfo, with an algorithm and curve from the allow-list. */
  readonly spki: Uint8Array;
  readonly signatureAlgorithm: SignatureAlgorithm;
  readonly signature: Uint8Array;
  /** What the extensions say, or undefined where there is no such extension. */
  readonly basicConstraints: BasicConstraints | undefined;
  readonly keyUsage: ReadonlySet<number> | undefined;
  readonly extendedKeyUsage: readonly string[] | undefined;
  readonly subjectKeyIdentifier: Uint8Array | undefined;
  readonly authorityKeyIdentifier: Uint8Array | undefined;
  /** Critical extensions that this reader does not interpret: whoever relies on the certificate refuses it. */
  readonly unknownCritical: readonly string[];
};

export type BasicConstraints = { readonly ca: boolean; readonly pathLength: number | undefined };

/** Bit numbers of KeyUsage (RFC 5280, 4.2.1.3). */
export const keyUsages = { digitalSignature: 0, keyCertSign: 5, crlSign: 6 } as const;

export const extendedKeyUsages = { any: "2.5.29.37.0", codeSigning: "1.3.6.1.5.5.7.3.3" } as const;

const extensions = {
  subjectKeyIdentifier: "2.5.29.14",
  keyUsage: "2.5.29.15",
  basicConstraints: "2.5.29.19",
  authorityKeyIdentifier: "2.5.29.35",
  extendedKeyUsage: "2.5.29.37",
} as const;

/** Ours by choice: half of the bound on a whole signature, and room for every anchor a device could pin. */
const MAX_CERTIFICATE_BYTES = 32 << 10;
const MAX_PEM_BYTES = 1 << 20;
const MAX_PEM_CERTIFICATES = 64;
const MAX_EXTENSIONS = 64;

/** RFC 5280, 4.1.2.2: at most 20 octets. */
const MAX_SERIAL_BYTES = 20;

/** @throws CmsError DER_MALFORMED, CERTIFICATE_MALFORMED, CMS_ALGORITHM_REFUSED */
export function decodeCertificate(der: Uint8Array): Certificate {
  if (der.length > MAX_CERTIFICATE_BYTES) throw malformed(`it is longer than ${MAX_CERTIFICATE_BYTES} bytes`);
  const outer = new DerFields(readDer(der), "the certificate");
  const tbs = outer.next(tags.sequence, "tbsCertificate");
  const outerAlgorithm = outer.next(tags.sequence, "signatureAlgorithm");
  const signature = readWholeBitString(outer.any("signature"), "the certificate's signature");
  outer.end();

  const fields = new DerFields(tbs, "tbsCertificate");
  readVersion(fields.optional(0xa0));
  const serial = readSerial(fields.next(tags.integer, "serial number"));
  const innerAlgorithm = fields.next(tags.sequence, "signature");
  // RFC 5280, 4.1.1.2: the two must be the same; the outer one is not signed.
  if (!equalBytes(innerAlgorithm.bytes, outerAlgorithm.bytes)) {
    throw malformed("its inner and outer signature algorithms differ");
  }
  const issuer = readName(fields.next(tags.sequence, "issuer"));
  const validity = new DerFields(fields.next(tags.sequence, "validity"), "validity");
  const notBefore = readTime(validity.any("notBefore"));
  const notAfter = readTime(validity.any("notAfter"));
  validity.end();
  const subject = readName(fields.next(tags.sequence, "subject"));
  const spki = readSpki(fields.next(tags.sequence, "subjectPublicKeyInfo"));
  // issuerUniqueID and subjectUniqueID: obsolete, signed, without meaning to us.
  fields.optional(0x81);
  fields.optional(0x82);
  const found = readExtensions(fields.optional(0xa3));
  fields.end();

  return {
    der,
    tbs: tbs.bytes,
    serial,
    issuer,
    subject,
    notBefore,
    notAfter,
    spki,
    signatureAlgorithm: readSignatureAlgorithm(outerAlgorithm),
    signature,
    ...found,
  };
}

/**
 * Every certificate of a PEM text. Text around the blocks is allowed (RFC 7468, section 2), another kind of
 * block is not: a private key in a file of certificates is an accident someone should hear about.
 *
 * @throws CmsError CERTIFICATE_MALFORMED and whatever decodeCertificate throws
 */
export function decodePemCertificates(bytes: Uint8Array): Certificate[] {
  if (bytes.length > MAX_PEM_BYTES) throw pemMalformed(`it is longer than ${MAX_PEM_BYTES} bytes`);
  const certificates: Certificate[] = [];
  let body: string[] | undefined;
  for (const line of Buffer.from(bytes).toString("latin1").split(/\r?\n/)) {
    const text = line.trimEnd();
    if (body === undefined) {
      if (text === "-----BEGIN CERTIFICATE-----") body = [];
      else if (text.includes("-----")) throw pemMalformed("it holds a block that is not a certificate");
    } else if (text === "-----END CERTIFICATE-----") {
      certificates.push(decodeCertificate(decodeBase64(body.join(""))));
      if (certificates.length > MAX_PEM_CERTIFICATES) {
        throw pemMalformed(`it holds more than ${MAX_PEM_CERTIFICATES} certificates`);
      }
      body = undefined;
    } else if (/^[A-Za-z0-9+/]{1,76}={0,2}$/.test(text)) body.push(text);
    else throw pemMalformed("a line inside a certificate is not base64");
  }
  if (body !== undefined) throw pemMalformed("a certificate does not end");
  if (certificates.length === 0) throw pemMalformed("it holds no certificate");
  return certificates;
}

/** RFC 5280, 4.1.2.1: [0] EXPLICIT 2 means v3; older ones have no extensions, so they cannot say "CA". */
function readVersion(element: DerElement | undefined): void {
  const [version, more] = element?.children ?? [];
  if (version === undefined || more !== undefined || readSmallInteger(version) !== 2) {
    throw malformed("it is not version 3");
  }
}

function readSerial({ content }: DerElement): string {
  if (content[0]! > 0x7f) throw malformed("its serial number is negative");
  // A leading 00 only keeps the number positive and is not counted.
  if (content.length > MAX_SERIAL_BYTES + (content[0] === 0 ? 1 : 0)) {
    throw malformed(`its serial number is longer than ${MAX_SERIAL_BYTES} bytes`);
  }
  return Buffer.from(content).toString("hex");
}

function readSpki(element: DerElement): Uint8Array {
  const fields = new DerFields(element, "subjectPublicKeyInfo");
  readPublicKeyAlgorithm(fields.any("algorithm"));
  readWholeBitString(fields.any("public key"), "the public key");
  fields.end();
  return element.bytes;
}

type Extensions = Pick<
  Certificate,
  | "basicConstraints"
  | "keyUsage"
  | "extendedKeyUsage"
  | "subjectKeyIdentifier"
  | "authorityKeyIdentifier"
  | "unknownCritical"
>;

/** RFC 5280, 4.2: no extension may appear twice. */
function readExtensions(element: DerElement | undefined): Extensions {
  const found = new Map<string, DerElement>();
  const unknownCritical: string[] = [];
  const list = element === undefined ? [] : readSequenceOf(onlyChild(element), "the extensions");
  if (list.length > MAX_EXTENSIONS) throw malformed(`it has more than ${MAX_EXTENSIONS} extensions`);
  const seen = new Set<string>();
  for (const item of list) {
    const fields = new DerFields(item, "an extension");
    const oid = readOid(fields.any("identifier"));
    const critical = fields.optional(tags.boolean);
    const value = fields.next(tags.octetString, "value");
    fields.end();
    if (seen.has(oid)) throw malformed(`it has the extension ${oid} twice`);
    seen.add(oid);
    // X.690, 11.5: a default is not written down.
    if (critical !== undefined && !readBoolean(critical)) throw malformed("it spells out a default (DER)");
    if (Object.values<string>(extensions).includes(oid)) found.set(oid, readDer(value.content));
    else if (critical !== undefined) unknownCritical.push(oid);
  }
  const take = <T>(oid: string, read: (value: DerElement) => T): T | undefined => {
    const value = found.get(oid);
    return value === undefined ? undefined : read(value);
  };
  return {
    basicConstraints: take(extensions.basicConstraints, readBasicConstraints),
    keyUsage: take(extensions.keyUsage, readNamedBits),
    extendedKeyUsage: take(extensions.extendedKeyUsage, (value) =>
      readSequenceOf(value, "the extended key usage").map(readOid),
    ),
    subjectKeyIdentifier: take(
      extensions.subjectKeyIdentifier,
      (value) => expectTag(value, tags.octetString, "the subject key identifier").content,
    ),
    authorityKeyIdentifier: take(extensions.authorityKeyIdentifier, readAuthorityKeyIdentifier),
    unknownCritical,
  };
}

/** RFC 5280, 4.2.1.9. */
function readBasicConstraints(value: DerElement): BasicConstraints {
  const fields = new DerFields(value, "basicConstraints");
  const flag = fields.optional(tags.boolean);
  const limit = fields.optional(tags.integer);
  fields.end();
  const ca = flag !== undefined;
  if (flag !== undefined && !readBoolean(flag)) throw malformed("it spells out a default (DER)");
  if (limit !== undefined && !ca) throw malformed("it limits the path without being a CA");
  return { ca, pathLength: limit === undefined ? undefined : readSmallInteger(limit) };
}

/** RFC 5280, 4.2.1.1: only keyIdentifier [0] helps to find the issuer. */
function readAuthorityKeyIdentifier(value: DerElement): Uint8Array | undefined {
  const fields = new DerFields(value, "the authority key identifier");
  const identifier = fields.optional(0x80);
  fields.optional(0xa1);
  fields.optional(0x82);
  fields.end();
  return identifier?.content;
}

function readSequenceOf(element: DerElement, what: string): readonly DerElement[] {
  expectTag(element, tags.sequence, what);
  if (element.children.length === 0) throw malformed(`${what} are empty`);
  return element.children;
}

function onlyChild(element: DerElement): DerElement {
  const [child, more] = element.children;
  if (child === undefined || more !== undefined)
    throw malformed("an explicit tag holds not exactly one value");
  return child;
}

const attributeNames: Readonly<Record<string, string>> = {
  "2.5.4.3": "CN",
  "2.5.4.5": "serialNumber",
  "2.5.4.6": "C",
  "2.5.4.7": "L",
  "2.5.4.8": "ST",
  "2.5.4.10": "O",
  "2.5.4.11": "OU",
  "1.2.840.113549.1.9.1": "emailAddress",
  "0.9.2342.19200300.100.1.25": "DC",
};

/** RFC 5280, 4.1.2.4: a sequence of sets of type and value. */
export function readName(element: DerElement): Name {
  expectTag(element, tags.sequence, "a name");
  const parts = element.children.map((set) => {
    expectTag(set, tags.set, "a part of a name");
    if (set.children.length === 0) throw malformed("a part of a name is empty");
    return set.children.map(readNamePart).join("+");
  });
  return { der: element.bytes, text: parts.reverse().join(",") };
}

function readNamePart(element: DerElement): string {
  const fields = new DerFields(element, "a part of a name");
  const oid = readOid(fields.any("type"));
  const value = fields.any("value");
  fields.end();
  const name = Object.hasOwn(attributeNames, oid) ? attributeNames[oid] : oid;
  return `${name}=${escapeNameValue(decodeString(value))}`;
}

/** UTF8String, PrintableString, IA5String, TeletexString, BMPString; anything else is shown as hex. */
function decodeString({ tag, content, bytes }: DerElement): string {
  if (tag === 0x0c) return Buffer.from(content).toString("utf8");
  if (tag === 0x13 || tag === 0x14 || tag === 0x16) return Buffer.from(content).toString("latin1");
  if (tag === 0x1e && content.length % 2 === 0) return Buffer.from(content).swap16().toString("utf16le");
  return `#${Buffer.from(bytes).toString("hex")}`;
}

/** RFC 4514, 2.4; control and bidi characters too, so that a name cannot rewrite the log it is printed in. */
function escapeNameValue(text: string): string {
  return text
    .toWellFormed()
    .replace(/[",+;<>\\]/g, "\\$&")
    .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (char) =>
      Buffer.from(char)
        .toString("hex")
        .replace(/../g, (pair) => `\\${pair}`),
    );
}

function decodeBase64(text: string): Uint8Array {
  const bytes = Buffer.from(text, "base64");
  // Buffer ignores what it does not understand; writing it back shows whether it did.
  if (bytes.toString("base64") !== text) throw pemMalformed("a certificate is not base64");
  return bytes;
}

function malformed(why: string): CmsError {
  return new CmsError("CERTIFICATE_MALFORMED", `the certificate cannot be used: ${why}`);
}

function pemMalformed(why: string): CmsError {
  return new CmsError("CERTIFICATE_MALFORMED", `the PEM text cannot be used: ${why}`);
}
