/**
 * Certificate revocation lists (RFC 5280, section 5), complete, delta and indirect.
 *
 *   CertificateList ::= SEQUENCE { tbsCertList, signatureAlgorithm, signatureValue BIT STRING }
 *
 * A list may be long, so its entries are read one by one and only what they say is kept. A value here says
 * what stands in the list; whether it was signed by whom it names, and is fresh, is for `trust` to find out.
 */
import { readSignatureAlgorithm, type SignatureAlgorithm } from "./algorithm.ts";
import { readAuthorityKeyIdentifier } from "./certificate-extensions.ts";
import { CmsError } from "./cms-error.ts";
import {
  type DerElement,
  DerFields,
  eachElement,
  equalBytes,
  expectTag,
  readDer,
  readDerShallow,
  readSmallInteger,
  readValidityTime,
  readWholeBitString,
  tags,
} from "./der.ts";
import { type IssuingDistributionPoint, readIssuingDistributionPoint } from "./distribution-point.ts";
import { onlyChild, readExtensions } from "./extensions.ts";
import { readGeneralNames } from "./general-name.ts";
import { type Name, readName } from "./name.ts";
import { decodePem, type PemKind } from "./pem.ts";

export type Crl = {
  readonly der: Uint8Array;
  /** The signed part, with tag and length. */
  readonly tbs: Uint8Array;
  readonly issuer: Name;
  readonly thisUpdate: Date;
  /** undefined when the issuer promises no next one; such a list is never fresh. */
  readonly nextUpdate: Date | undefined;
  readonly signatureAlgorithm: SignatureAlgorithm;
  readonly signature: Uint8Array;
  readonly authorityKeyIdentifier: Uint8Array | undefined;
  readonly number: bigint | undefined;
  /** The number of the complete list that this one changes; undefined for a complete list. */
  readonly baseNumber: bigint | undefined;
  readonly issuingDistributionPoint: IssuingDistributionPoint | undefined;
  /** What list this is among those of its issuer: equal for a list and the next one in its place. */
  readonly scope: string;
  /** By the certificate issuer's name key, then by serial number (lower-case hex). */
  readonly entries: ReadonlyMap<string, ReadonlyMap<string, RevokedEntry>>;
  /** Critical extensions of the list or an entry that we do not interpret: nobody relies on the list. */
  readonly unknownCritical: readonly string[];
};

export type RevokedEntry = { readonly revokedAt: Date; readonly reason: RevocationReason };

export type RevocationReason = (typeof reasons)[number];

/** CRLReason (RFC 5280, 5.3.1), by number; 7 is unused. */
const reasons = [
  "unspecified",
  "keyCompromise",
  "cACompromise",
  "affiliationChanged",
  "superseded",
  "cessationOfOperation",
  "certificateHold",
  "unused",
  "removeFromCRL",
  "privilegeWithdrawn",
  "aACompromise",
] as const;

const listOids = {
  number: "2.5.29.20",
  deltaIndicator: "2.5.29.27",
  issuingDistributionPoint: "2.5.29.28",
  authorityKeyIdentifier: "2.5.29.35",
} as const;

const entryOids = { reason: "2.5.29.21", certificateIssuer: "2.5.29.29" } as const;

/** Ours by choice: some hundred thousand entries, read in about a second. */
export const MAX_CRL_BYTES = 4 << 20;

/** RFC 5280, 5.2.3: at most 20 octets, and one that keeps it positive. */
const MAX_NUMBER_BYTES = 21;

/** As in a certificate: 20 octets and one that keeps the number positive. */
const MAX_SERIAL_BYTES = 21;

const ENUMERATED = 0x0a;

const crlPem: PemKind = {
  label: "X509 CRL",
  what: "a revocation list",
  code: "CRL_MALFORMED",
  maxBytes: 2 * MAX_CRL_BYTES,
};

/** @throws CmsError CRL_MALFORMED, CMS_ALGORITHM_REFUSED */
export function decodeCrl(der: Uint8Array): Crl {
  try {
    return readCrl(der);
  } catch (error) {
    if (!(error instanceof CmsError) || error.code === "CMS_ALGORITHM_REFUSED") throw error;
    // Parts that certificates have too speak of a certificate.
    const why = error.message.replace(/^the certificate cannot be used: /, "");
    throw new CmsError("CRL_MALFORMED", `the revocation list cannot be used: ${why}`, { cause: error });
  }
}

/** Every list of a PEM text, or the one in DER. @throws CmsError CRL_MALFORMED, CMS_ALGORITHM_REFUSED */
export function decodeCrlFile(bytes: Uint8Array): Crl[] {
  if (bytes[0] === tags.sequence) return [decodeCrl(Uint8Array.from(bytes))];
  return decodePem(bytes, crlPem).map(decodeCrl);
}

function readCrl(der: Uint8Array): Crl {
  if (der.length > MAX_CRL_BYTES) throw malformed(`it is longer than ${MAX_CRL_BYTES} bytes`);
  const outer = new DerFields(readDerShallow(der, 3), "the revocation list");
  const tbs = outer.next(tags.sequence, "tbsCertList").bytes;
  const outerAlgorithm = readDer(outer.next(tags.sequence, "signatureAlgorithm").bytes);
  const signature = readWholeBitString(readDer(outer.any("signature").bytes), "the list's signature");
  outer.end();

  const fields = new DerFields(readDerShallow(tbs, 7), "tbsCertList");
  const next = (tag: number, what: string): DerElement => readDer(fields.next(tag, what).bytes);
  const versionElement = fields.optional(tags.integer);
  // RFC 5280, 5.1.2.1: version 2 is written as 1, and version 1, which has no extensions, not at all.
  if (versionElement !== undefined && readSmallInteger(readDer(versionElement.bytes)) !== 1) {
    throw malformed("its version is neither 1 nor 2");
  }
  const innerAlgorithm = next(tags.sequence, "signature");
  if (!equalBytes(innerAlgorithm.bytes, outerAlgorithm.bytes)) {
    throw malformed("its inner and outer signature algorithms differ");
  }
  const issuer = readName(next(tags.sequence, "issuer"));
  if (issuer.parts.length === 0) throw malformed("its issuer has no name");
  const thisUpdate = readValidityTime(readDer(fields.any("thisUpdate").bytes));
  const nextElement = fields.optional(tags.utcTime) ?? fields.optional(tags.generalizedTime);
  const revoked = fields.optional(tags.sequence);
  const extensions = fields.optional(0xa0);
  fields.end();
  if (versionElement === undefined && extensions !== undefined)
    throw malformed("version 1 has no extensions");

  const own = readListExtensions(extensions, issuer);
  const indirect = own.issuingDistributionPoint?.indirect ?? false;
  const { entries, unknownCritical } = readEntries(revoked, { issuer, indirect, version: versionElement });
  return {
    der,
    tbs,
    issuer,
    thisUpdate,
    nextUpdate: nextElement && readValidityTime(readDer(nextElement.bytes)),
    signatureAlgorithm: readSignatureAlgorithm(outerAlgorithm),
    signature,
    ...own,
    entries,
    unknownCritical: [...own.unknownCritical, ...unknownCritical],
  };
}

type ListExtensions = Pick<
  Crl,
  | "authorityKeyIdentifier"
  | "number"
  | "baseNumber"
  | "issuingDistributionPoint"
  | "scope"
  | "unknownCritical"
>;

function readListExtensions(element: DerElement | undefined, issuer: Name): ListExtensions {
  const list = element === undefined ? undefined : onlyChild(readDer(element.bytes));
  const { values, unknownCritical } = readExtensions(list, Object.values(listOids));
  const take = <T>(oid: string, read: (value: DerElement) => T): T | undefined => {
    const value = values.get(oid);
    return value === undefined ? undefined : read(value);
  };
  const point = values.get(listOids.issuingDistributionPoint);
  const number = take(listOids.number, readNumber);
  const baseNumber = take(listOids.deltaIndicator, readNumber);
  if (baseNumber !== undefined && number === undefined) throw malformed("a delta list has no number");
  return {
    authorityKeyIdentifier: take(listOids.authorityKeyIdentifier, readAuthorityKeyIdentifier),
    number,
    baseNumber,
    issuingDistributionPoint: point && readIssuingDistributionPoint(point, issuer),
    scope: `${issuer.key}\u0002${Buffer.from(point?.bytes ?? []).toString("hex")}`,
    unknownCritical,
  };
}

type EntryContext = {
  readonly issuer: Name;
  readonly indirect: boolean;
  readonly version: DerElement | undefined;
};

function readEntries(
  element: DerElement | undefined,
  { issuer, indirect, version }: EntryContext,
): Pick<Crl, "entries" | "unknownCritical"> {
  const entries = new Map<string, Map<string, RevokedEntry>>();
  const unknownCritical = new Set<string>();
  // RFC 5280, 5.1.2.6: nobody revoked is written as no list.
  if (element?.content.length === 0) throw malformed("its list of revoked certificates is empty");
  // RFC 5280, 5.3.3: an entry without a certificateIssuer has that of the entry before.
  let owner = issuer.key;
  for (const { bytes } of eachElement(element?.content ?? new Uint8Array())) {
    const fields = new DerFields(readDer(bytes), "an entry");
    const serial = readSerial(fields.next(tags.integer, "serial number"));
    const revokedAt = readValidityTime(fields.any("revocation date"));
    const list = fields.optional(tags.sequence);
    fields.end();
    if (list !== undefined && version === undefined) throw malformed("version 1 has no extensions");
    const extensions = readExtensions(list, Object.values(entryOids));
    for (const oid of extensions.unknownCritical) unknownCritical.add(oid);
    const named = extensions.values.get(entryOids.certificateIssuer);
    if (named !== undefined) {
      if (!indirect) throw malformed("an entry is of another issuer, and the list is not indirect");
      owner = readCertificateIssuer(named);
    }
    const ofOwner = entries.get(owner) ?? new Map<string, RevokedEntry>();
    if (ofOwner.has(serial)) throw malformed(`it lists the serial number ${serial} twice`);
    ofOwner.set(serial, { revokedAt, reason: readReason(extensions.values.get(entryOids.reason)) });
    entries.set(owner, ofOwner);
  }
  return { entries, unknownCritical: [...unknownCritical] };
}

function readSerial({ content }: DerElement): string {
  if (content.length > MAX_SERIAL_BYTES) throw malformed("a serial number is longer than 20 bytes");
  return Buffer.from(content).toString("hex");
}

/** RFC 5280, 5.3.3: the issuer's directory name is among the names. */
function readCertificateIssuer(value: DerElement): string {
  const names = readGeneralNames(value).flatMap((each) => (each.kind === "directory" ? [each.name] : []));
  const [name, more] = names;
  if (name === undefined || more !== undefined)
    throw malformed("an entry's issuer is not one directory name");
  return name.key;
}

function readReason(value: DerElement | undefined): RevocationReason {
  if (value === undefined) return "unspecified";
  const [byte, more] = expectTag(value, ENUMERATED, "a reason").content;
  const reason = more === undefined ? reasons[byte!] : undefined;
  if (reason === undefined || reason === "unused")
    throw malformed("an entry has a reason that does not exist");
  return reason;
}

function readNumber(value: DerElement): bigint {
  const { content } = expectTag(value, tags.integer, "a list's number");
  if (content.length > MAX_NUMBER_BYTES || content[0]! > 0x7f) {
    throw malformed("its number is negative or longer than 20 bytes");
  }
  return BigInt(`0x${Buffer.from(content).toString("hex")}`);
}

function malformed(why: string): CmsError {
  return new CmsError("CRL_MALFORMED", why);
}
