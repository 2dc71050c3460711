/**
 * Where a certificate's revocation is published (RFC 5280, 4.2.1.13) and which part of it a list covers (5.2.5).
 *
 *   certificate:  "my list has this name, for these reasons, signed by that issuer"
 *   list:         "I am the one of this name, for these reasons, only of CAs, also for other issuers"
 *
 * A list says about a certificate only what the two agree on. Nothing is fetched from the names.
 */
import { malformedCertificate as malformed } from "./cms-error.ts";
import { type DerElement, DerFields, expectTag, readDer, readNamedBits, tags } from "./der.ts";
import { onlyChild, readSequenceOf, readTrueFlag } from "./extensions.ts";
import { type GeneralName, readGeneralNames } from "./general-name.ts";
import { extendName, type Name } from "./name.ts";

/** Bit 1 keyCompromise to bit 8 aACompromise; bit 0 is unused. */
export const ALL_REASONS = 0b1_1111_1110;

export type DistributionPoint = {
  /** Empty when the point has no name. A relative name has been completed. */
  readonly names: readonly GeneralName[];
  /** A mask with bit n for reason n. */
  readonly reasons: number;
  /** Who signs the list, when it is not the certificate's own issuer. */
  readonly crlIssuers: readonly Name[];
};

export type IssuingDistributionPoint = {
  readonly names: readonly GeneralName[];
  readonly onlyUserCertificates: boolean;
  readonly onlyCaCertificates: boolean;
  readonly onlyAttributeCertificates: boolean;
  readonly reasons: number;
  readonly indirect: boolean;
};

const MAX_POINTS = 32;

/** @param issuer of the certificate: relative names begin there, or at the cRLIssuer. @throws CmsError */
export function readDistributionPoints(value: DerElement, issuer: Name): readonly DistributionPoint[] {
  const points = readSequenceOf(value, "the distribution points");
  if (points.length > MAX_POINTS) throw malformed(`it has more than ${MAX_POINTS} distribution points`);
  return points.map((element) => {
    const fields = new DerFields(element, "a distribution point");
    const name = fields.optional(0xa0);
    const reasons = fields.optional(0x81);
    const crlIssuer = fields.optional(0xa2);
    fields.end();
    if (name === undefined && crlIssuer === undefined) throw malformed("a distribution point names nothing");
    const crlIssuers = (crlIssuer === undefined ? [] : readGeneralNames(crlIssuer, 0xa2)).flatMap((each) =>
      each.kind === "directory" ? [each.name] : [],
    );
    if (crlIssuer !== undefined && crlIssuers.length === 0)
      throw malformed("a CRL issuer has no directory name");
    return {
      names: readPointName(name, crlIssuers[0] ?? issuer),
      reasons: readReasons(reasons),
      crlIssuers,
    };
  });
}

/** @param issuer of the list. @throws CmsError */
export function readIssuingDistributionPoint(value: DerElement, issuer: Name): IssuingDistributionPoint {
  const fields = new DerFields(value, "the issuing distribution point");
  const name = fields.optional(0xa0);
  const onlyUserCertificates = readFlag(fields.optional(0x81));
  const onlyCaCertificates = readFlag(fields.optional(0x82));
  const reasons = fields.optional(0x83);
  const indirect = readFlag(fields.optional(0x84));
  const onlyAttributeCertificates = readFlag(fields.optional(0x85));
  fields.end();
  if ([onlyUserCertificates, onlyCaCertificates, onlyAttributeCertificates].filter(Boolean).length > 1) {
    throw malformed("a list is for only one kind of certificates, and for only another");
  }
  return {
    names: readPointName(name, issuer),
    onlyUserCertificates,
    onlyCaCertificates,
    onlyAttributeCertificates,
    reasons: readReasons(reasons),
    indirect,
  };
}

/** DistributionPointName ::= CHOICE { fullName [0], nameRelativeToCRLIssuer [1] }. */
function readPointName(element: DerElement | undefined, base: Name): readonly GeneralName[] {
  if (element === undefined) return [];
  const choice = onlyChild(element);
  if (choice.tag === 0xa0) return readGeneralNames(choice, 0xa0);
  expectTag(choice, 0xa1, "the name of a distribution point");
  return [{ kind: "directory", name: extendName(base, choice) }];
}

function readReasons(element: DerElement | undefined): number {
  if (element === undefined) return ALL_REASONS;
  const bits = readNamedBits(withTag(element, tags.bitString));
  return [...bits].reduce((mask, bit) => mask | (1 << bit), 0) & ALL_REASONS;
}

/** BOOLEAN DEFAULT FALSE: what is written down is TRUE. */
function readFlag(element: DerElement | undefined): boolean {
  return element !== undefined && readTrueFlag(withTag(element, tags.boolean));
}

/** An implicit tag hides its type from the reader of DER, which then could not check the content. */
function withTag({ bytes }: DerElement, tag: number): DerElement {
  const visible = Uint8Array.from(bytes);
  visible[0] = tag;
  return readDer(visible);
}
