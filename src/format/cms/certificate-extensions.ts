/**
 * What the extensions of a certificate say (RFC 5280, 4.2.1); undefined or empty where there is no such one.
 *
 * Everything that section 6 asks for is here. Qualifiers of policies are looked at for their form and not kept:
 * they are for people, and no decision hangs on them.
 */
import { malformedCertificate as malformed } from "./cms-error.ts";
import {
  type DerElement,
  DerFields,
  expectTag,
  readDer,
  readNamedBits,
  readOid,
  readSmallInteger,
  tags,
} from "./der.ts";
import { type DistributionPoint, readDistributionPoints } from "./distribution-point.ts";
import { readExtensions, readSequenceOf, readTrueFlag } from "./extensions.ts";
import { type GeneralName, readGeneralName, readGeneralNames } from "./general-name.ts";
import type { Name } from "./name.ts";

export type CertificateExtensions = {
  readonly basicConstraints: BasicConstraints | undefined;
  readonly keyUsage: ReadonlySet<number> | undefined;
  readonly extendedKeyUsage: readonly string[] | undefined;
  readonly isExtendedKeyUsageCritical: boolean;
  readonly subjectKeyIdentifier: Uint8Array | undefined;
  readonly authorityKeyIdentifier: Uint8Array | undefined;
  readonly alternativeNames: readonly GeneralName[];
  readonly nameConstraints: NameConstraints | undefined;
  readonly policies: readonly string[] | undefined;
  readonly policyMappings: readonly PolicyMapping[];
  readonly policyConstraints: PolicyConstraints | undefined;
  /** How many certificates may follow before anyPolicy counts for nothing. */
  readonly inhibitAnyPolicy: number | undefined;
  readonly distributionPoints: readonly DistributionPoint[];
  /** Critical extensions that this reader does not interpret: whoever relies on the certificate refuses it. */
  readonly unknownCritical: readonly string[];
};

export type BasicConstraints = { readonly ca: boolean; readonly pathLength: number | undefined };

export type NameConstraints = {
  readonly permitted: readonly GeneralName[];
  readonly excluded: readonly GeneralName[];
};

/** A policy of the issuer, and the one of the subject that counts for it. */
export type PolicyMapping = { readonly issuer: string; readonly subject: string };

export type PolicyConstraints = {
  readonly requireExplicitPolicy: number | undefined;
  readonly inhibitPolicyMapping: number | undefined;
};

/** Bit numbers of KeyUsage (RFC 5280, 4.2.1.3). */
export const keyUsages = { digitalSignature: 0, contentCommitment: 1, keyCertSign: 5, crlSign: 6 } as const;

export const extendedKeyUsages = {
  any: "2.5.29.37.0",
  codeSigning: "1.3.6.1.5.5.7.3.3",
  timeStamping: "1.3.6.1.5.5.7.3.8",
} as const;

export const ANY_POLICY = "2.5.29.32.0";

const oids = {
  subjectKeyIdentifier: "2.5.29.14",
  keyUsage: "2.5.29.15",
  alternativeNames: "2.5.29.17",
  basicConstraints: "2.5.29.19",
  nameConstraints: "2.5.29.30",
  distributionPoints: "2.5.29.31",
  policies: "2.5.29.32",
  policyMappings: "2.5.29.33",
  authorityKeyIdentifier: "2.5.29.35",
  policyConstraints: "2.5.29.36",
  extendedKeyUsage: "2.5.29.37",
  inhibitAnyPolicy: "2.5.29.54",
} as const;

/** A CA has a few; each multiplies what a path may cost. */
const MAX_POLICIES = 64;
const MAX_SUBTREES = 256;

/**
 * @param element SEQUENCE OF Extension
 * @param issuer of the certificate
 * @throws CmsError CERTIFICATE_MALFORMED, DER_MALFORMED
 */
export function readCertificateExtensions(
  element: DerElement | undefined,
  issuer: Name,
): CertificateExtensions {
  const { values, critical, unknownCritical } = readExtensions(element, Object.values(oids));
  const take = <T>(oid: string, read: (value: DerElement) => T): T | undefined => {
    const value = values.get(oid);
    return value === undefined ? undefined : read(value);
  };
  return {
    basicConstraints: take(oids.basicConstraints, readBasicConstraints),
    keyUsage: take(oids.keyUsage, readKeyUsage),
    extendedKeyUsage: take(oids.extendedKeyUsage, (value) =>
      readSequenceOf(value, "the extended key usage").map(readOid),
    ),
    isExtendedKeyUsageCritical: critical.has(oids.extendedKeyUsage),
    subjectKeyIdentifier: take(
      oids.subjectKeyIdentifier,
      (value) => expectTag(value, tags.octetString, "the subject key identifier").content,
    ),
    authorityKeyIdentifier: take(oids.authorityKeyIdentifier, readAuthorityKeyIdentifier),
    alternativeNames: take(oids.alternativeNames, readGeneralNames) ?? [],
    nameConstraints: take(oids.nameConstraints, readNameConstraints),
    policies: take(oids.policies, readPolicies),
    policyMappings: take(oids.policyMappings, readPolicyMappings) ?? [],
    policyConstraints: take(oids.policyConstraints, readPolicyConstraints),
    inhibitAnyPolicy: take(oids.inhibitAnyPolicy, readSmallInteger),
    distributionPoints: take(oids.distributionPoints, (value) => readDistributionPoints(value, issuer)) ?? [],
    unknownCritical,
  };
}

/** RFC 5280, 4.2.1.3: at least one bit is set. */
function readKeyUsage(value: DerElement): ReadonlySet<number> {
  const usages = readNamedBits(value);
  if (usages.size === 0) throw malformed("its keyUsage allows nothing");
  return usages;
}

/** RFC 5280, 4.2.1.1: only keyIdentifier [0] helps to find the issuer. */
export function readAuthorityKeyIdentifier(value: DerElement): Uint8Array | undefined {
  const fields = new DerFields(value, "the authority key identifier");
  const identifier = fields.optional(0x80);
  fields.optional(0xa1);
  fields.optional(0x82);
  fields.end();
  return identifier?.content;
}

/** RFC 5280, 4.2.1.9. */
function readBasicConstraints(value: DerElement): BasicConstraints {
  const fields = new DerFields(value, "basicConstraints");
  const flag = fields.optional(tags.boolean);
  const limit = fields.optional(tags.integer);
  fields.end();
  const ca = flag !== undefined && readTrueFlag(flag);
  if (limit !== undefined && !ca) throw malformed("it limits the path without being a CA");
  return { ca, pathLength: limit === undefined ? undefined : readSmallInteger(limit) };
}

/** RFC 5280, 4.2.1.10. */
function readNameConstraints(value: DerElement): NameConstraints {
  const fields = new DerFields(value, "the name constraints");
  const permitted = fields.optional(0xa0);
  const excluded = fields.optional(0xa1);
  fields.end();
  if (permitted === undefined && excluded === undefined) throw malformed("its name constraints are empty");
  return { permitted: readSubtrees(permitted), excluded: readSubtrees(excluded) };
}

/** Minimum is 0, which DER leaves out, and maximum absent: the profile has no other. */
function readSubtrees(element: DerElement | undefined): readonly GeneralName[] {
  if (element === undefined) return [];
  const { length } = element.children;
  if (length === 0 || length > MAX_SUBTREES) {
    throw malformed(`it constrains ${length} names, and should 1 to ${MAX_SUBTREES}`);
  }
  return element.children.map((subtree) => {
    const fields = new DerFields(subtree, "a name constraint");
    const base = readGeneralName(fields.any("base"));
    fields.end();
    return base;
  });
}

/** RFC 5280, 4.2.1.4: each policy once. */
function readPolicies(value: DerElement): readonly string[] {
  const policies = bounded(readSequenceOf(value, "the policies")).map((element) => {
    const fields = new DerFields(element, "a policy");
    const policy = readOid(fields.any("identifier"));
    const qualifiers = fields.optional(tags.sequence);
    fields.end();
    if (qualifiers !== undefined)
      readSequenceOf(qualifiers, "the qualifiers of a policy").map(checkQualifier);
    return policy;
  });
  if (new Set(policies).size !== policies.length) throw malformed("it names a policy twice");
  return policies;
}

function checkQualifier(element: DerElement): void {
  const fields = new DerFields(element, "the qualifier of a policy");
  readOid(fields.any("identifier"));
  fields.any("qualifier");
  fields.end();
}

/** RFC 5280, 4.2.1.5. */
function readPolicyMappings(value: DerElement): readonly PolicyMapping[] {
  return bounded(readSequenceOf(value, "the policy mappings")).map((element) => {
    const fields = new DerFields(element, "a policy mapping");
    const issuer = readOid(fields.any("policy of the issuer"));
    const subject = readOid(fields.any("policy of the subject"));
    fields.end();
    return { issuer, subject };
  });
}

/** RFC 5280, 4.2.1.11: at least one of the two. */
function readPolicyConstraints(value: DerElement): PolicyConstraints {
  const fields = new DerFields(value, "the policy constraints");
  const requireExplicitPolicy = readSkipCertificates(fields.optional(0x80));
  const inhibitPolicyMapping = readSkipCertificates(fields.optional(0x81));
  fields.end();
  if (requireExplicitPolicy === undefined && inhibitPolicyMapping === undefined) {
    throw malformed("its policy constraints are empty");
  }
  return { requireExplicitPolicy, inhibitPolicyMapping };
}

/** An INTEGER under an implicit tag, which hid it from the reader of DER. */
function readSkipCertificates(element: DerElement | undefined): number | undefined {
  if (element === undefined) return undefined;
  const visible = Uint8Array.from(element.bytes);
  visible[0] = tags.integer;
  return readSmallInteger(readDer(visible));
}

function bounded(list: readonly DerElement[]): readonly DerElement[] {
  if (list.length > MAX_POLICIES) throw malformed(`it names more than ${MAX_POLICIES} policies`);
  return list;
}
