/**
 * X.509 certificates, version 3 (RFC 5280, section 4).
 *
 *   Certificate ::= SEQUENCE { tbsCertificate, signatureAlgorithm, signatureValue BIT STRING }
 *
 * A value here says what stands in the certificate, nothing about trust.
 */
import { readPublicKeyAlgorithm, readSignatureAlgorithm, type SignatureAlgorithm } from "./algorithm.ts";
import { type CertificateExtensions, readCertificateExtensions } from "./certificate-extensions.ts";
import { malformedCertificate as malformed } from "./cms-error.ts";
import {
  type DerElement,
  DerFields,
  equalBytes,
  readDer,
  readSmallInteger,
  readValidityTime,
  readWholeBitString,
  tags,
} from "./der.ts";
import { onlyChild } from "./extensions.ts";
import { type Name, readName } from "./name.ts";
import { decodePem, type PemKind } from "./pem.ts";

export type Certificate = CertificateExtensions & {
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
};

/** Ours by choice: half of the bound on a whole signature. */
const MAX_CERTIFICATE_BYTES = 32 << 10;

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
  // RFC 5280, 4.1.2.4: nobody with an empty name issues anything.
  if (issuer.parts.length === 0) throw malformed("its issuer has no name");
  const validity = new DerFields(fields.next(tags.sequence, "validity"), "validity");
  const notBefore = readValidityTime(validity.any("notBefore"));
  const notAfter = readValidityTime(validity.any("notAfter"));
  validity.end();
  const subject = readName(fields.next(tags.sequence, "subject"));
  const spki = readSpki(fields.next(tags.sequence, "subjectPublicKeyInfo"));
  // issuerUniqueID and subjectUniqueID: obsolete, signed, without meaning to us.
  fields.optional(0x81);
  fields.optional(0x82);
  const list = fields.optional(0xa3);
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
    ...readCertificateExtensions(list === undefined ? undefined : onlyChild(list), issuer),
  };
}

/** Every certificate of a PEM text. @throws CmsError CERTIFICATE_MALFORMED and whatever decodeCertificate throws */
export function decodePemCertificates(bytes: Uint8Array): Certificate[] {
  return decodePem(bytes, certificatePem).map(decodeCertificate);
}

/** The same of a file that may also be one certificate in DER. */
export function decodeCertificateFile(bytes: Uint8Array): Certificate[] {
  return bytes[0] === tags.sequence
    ? [decodeCertificate(Uint8Array.from(bytes))]
    : decodePemCertificates(bytes);
}

const certificatePem: PemKind = {
  label: "CERTIFICATE",
  what: "a certificate",
  code: "CERTIFICATE_MALFORMED",
  // Room for every anchor a device could pin.
  maxBytes: 1 << 20,
};

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
