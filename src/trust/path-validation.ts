/**
 * Whether a path that names and signatures hold together may be believed (RFC 5280, section 6.1).
 *
 *   anchor  ->  CA  ->  ...  ->  signer      each certificate is checked, then limits those below it
 *
 * The anchor is a certificate here, and what it says about the certificates below holds as if a CA had said it
 * (RFC 5937): whoever pins a certificate with constraints means them.
 */
import type { Certificate } from "../format/cms/certificate.ts";
import { ANY_POLICY, extendedKeyUsages, keyUsages } from "../format/cms/certificate-extensions.ts";
import type { TrustAnchor } from "./anchor.ts";
import { NameConstraintState } from "./name-constraints.ts";
import { PolicyGraph, type PolicyInputs, type PolicyOutcome } from "./policy-graph.ts";
import type { SignatureChecks } from "./signature-checks.ts";
import { TrustError } from "./trust-error.ts";

export type CertificatePath = {
  /** The signer first, then each one's issuer; the anchor is not among them. */
  readonly certificates: readonly Certificate[];
  readonly anchor: TrustAnchor;
};

/** What the last certificate of a path must be good for. */
export type Purpose = "codesigning" | "timestamping" | "any";

export type PathRules = {
  readonly now: Date;
  readonly purpose: Purpose;
  readonly policies: PolicyInputs;
  /** Counts what is compared; default: nobody does. */
  readonly checks?: SignatureChecks | undefined;
};

/** @throws TrustError CHAIN_EXPIRED, CHAIN_INVALID, CHAIN_NAME_CONSTRAINTS, CHAIN_POLICY, SIGNER_EXPIRED, SIGNER_NOT_YET_VALID, SIGNER_PURPOSE */
export function validatePath({ certificates, anchor }: CertificatePath, rules: PathRules): PolicyOutcome {
  const names = new NameConstraintState((comparisons) => rules.checks?.names(comparisons));
  const policies = new PolicyGraph(rules.policies, certificates.length);
  const authorities = [anchor.certificate, ...certificates.slice(1).reverse()];
  let pathLength = Number.POSITIVE_INFINITY;
  for (const authority of authorities) {
    const isAnchor = authority === anchor.certificate;
    const selfIssued = isSelfIssued(authority);
    checkAuthority(authority, rules);
    // RFC 5280, 6.1.3 (b): a CA that only changes its key keeps its name.
    if (!selfIssued) checkNames(authority, names);
    // An anchor without policies does not say that none may hold; and it is below nobody, so it counts nothing.
    if (!isAnchor || authority.policies !== undefined) enterPolicies(policies, authority, selfIssued);
    // RFC 5280, 6.1.4 (l), (m): self-issued certificates do not count.
    if (!isAnchor && !selfIssued && pathLength-- <= 0) {
      throw invalid(authority, "is a CA below one that allows no more of them (pathLenConstraint)");
    }
    pathLength = Math.min(pathLength, authority.basicConstraints?.pathLength ?? pathLength);
    if (authority.nameConstraints !== undefined) names.add(authority.nameConstraints);
    refuseMappedAny(authority);
    policies.leave(authority, isAnchor || selfIssued);
  }
  const signer = certificates[0]!;
  checkNames(signer, names);
  enterPolicies(policies, signer, false);
  checkSigner(signer, rules);
  const outcome = policies.end(signer);
  if (outcome === undefined) throw noPolicy(signer);
  return outcome;
}

/** RFC 5280, 6.1: subject and issuer are the same name. */
export function isSelfIssued({ subject, issuer }: Certificate): boolean {
  return subject.key === issuer.key;
}

/** What the extended key usage of a CA allows, where there is one. */
const ISSUES = {
  codesigning: { oid: extendedKeyUsages.codeSigning, what: "code signing" },
  timestamping: { oid: extendedKeyUsages.timeStamping, what: "time-stamping" },
} as const;

function checkAuthority(certificate: Certificate, { now, purpose }: PathRules): void {
  const subject = certificate.subject.text;
  // RFC 5280, 6.1.3 (a) (2).
  if (now < certificate.notBefore || now > certificate.notAfter) {
    throw new TrustError(
      "CHAIN_EXPIRED",
      `the CA ${subject} is valid from ${certificate.notBefore.toISOString()} to ${certificate.notAfter.toISOString()}, and it is ${now.toISOString()}`,
      { facts: { subject, notBefore: certificate.notBefore, notAfter: certificate.notAfter, now } },
    );
  }
  refuseUnknownCritical(certificate);
  // RFC 5280, 6.1.4 (k).
  if (certificate.basicConstraints?.ca !== true) throw invalid(certificate, "is not the certificate of a CA");
  // RFC 5280, 6.1.4 (n): when the extension is there, it must say so.
  if (certificate.keyUsage?.has(keyUsages.keyCertSign) === false) {
    throw invalid(certificate, "may not sign certificates (keyUsage)");
  }
  const purposes = certificate.extendedKeyUsage;
  if (purpose === "any" || purposes === undefined) return;
  const { oid, what } = ISSUES[purpose];
  if (!purposes.includes(oid) && !purposes.includes(extendedKeyUsages.any)) {
    throw invalid(certificate, `may not issue certificates for ${what} (extendedKeyUsage)`);
  }
}

function checkSigner(signer: Certificate, { now, purpose }: PathRules): void {
  const subject = signer.subject.text;
  const facts = { subject, notBefore: signer.notBefore, notAfter: signer.notAfter, now };
  if (now < signer.notBefore) {
    throw new TrustError(
      "SIGNER_NOT_YET_VALID",
      `the signer ${subject} is valid from ${signer.notBefore.toISOString()}, and it is ${now.toISOString()}`,
      { facts, hint: "check this device's clock" },
    );
  }
  if (now > signer.notAfter) {
    throw new TrustError(
      "SIGNER_EXPIRED",
      `the signer ${subject} expired at ${signer.notAfter.toISOString()}, and it is ${now.toISOString()}`,
      {
        facts,
        hint: "check this device's clock, or have the release signed again with a current certificate",
      },
    );
  }
  refuseUnknownCritical(signer);
  if (purpose === "any") return;
  if (purpose === "timestamping") {
    checkTimeStamping(signer);
    return;
  }
  if (signer.keyUsage?.has(keyUsages.digitalSignature) === false) {
    throw notFor(subject, "its keyUsage does not include digitalSignature");
  }
  // anyExtendedKeyUsage is not enough: a certificate for everything was not issued to sign releases.
  if (signer.extendedKeyUsage?.includes(extendedKeyUsages.codeSigning) !== true) {
    throw notFor(subject, "its extendedKeyUsage does not include codeSigning");
  }
}

/**
 * RFC 3161, 2.3: timeStamping, critical, and nothing else, so that no key that stamps signs anything but stamps.
 *
 * @throws TrustError SIGNER_PURPOSE
 */
export function checkTimeStamping(signer: Certificate): void {
  const { keyUsage, extendedKeyUsage: purposes = [], isExtendedKeyUsageCritical } = signer;
  const signs = [keyUsages.digitalSignature, keyUsages.contentCommitment];
  const isAlone = purposes.length === 1 && purposes[0] === extendedKeyUsages.timeStamping;
  const why = !isAlone
    ? "its extendedKeyUsage is not timeStamping alone"
    : !isExtendedKeyUsageCritical
      ? "its extendedKeyUsage is not critical"
      : keyUsage !== undefined && !signs.some((bit) => keyUsage.has(bit))
        ? "its keyUsage does not include digitalSignature"
        : undefined;
  if (why === undefined) return;
  const subject = signer.subject.text;
  throw new TrustError("SIGNER_PURPOSE", `${subject} may not make time-stamps: ${why}`, {
    facts: { subject },
  });
}

function checkNames(certificate: Certificate, names: NameConstraintState): void {
  const why = names.refusal(certificate);
  if (why === undefined) return;
  const subject = certificate.subject.text;
  throw new TrustError(
    "CHAIN_NAME_CONSTRAINTS",
    `the certificate ${subject} has a name that a CA above it may not issue for: ${why}`,
    { facts: { subject } },
  );
}

function enterPolicies(policies: PolicyGraph, certificate: Certificate, mayBeAny: boolean): void {
  if (!policies.enter(certificate, mayBeAny)) throw noPolicy(certificate);
}

/** RFC 5280, 6.1.4 (a). */
function refuseMappedAny(certificate: Certificate): void {
  const isAny = ({ issuer, subject }: { issuer: string; subject: string }): boolean =>
    issuer === ANY_POLICY || subject === ANY_POLICY;
  if (certificate.policyMappings.some(isAny)) throw invalid(certificate, "maps anyPolicy, which cannot be");
}

/** RFC 5280, 4.2: a critical extension that is not understood refuses the certificate. */
function refuseUnknownCritical(certificate: Certificate): void {
  const { unknownCritical } = certificate;
  if (unknownCritical.length > 0) {
    const list = unknownCritical.join(", ");
    throw invalid(certificate, `has critical extensions we do not interpret: ${list}`);
  }
}

function invalid({ subject }: Certificate, why: string): TrustError {
  return new TrustError("CHAIN_INVALID", `the certificate ${subject.text} ${why}`, {
    facts: { subject: subject.text },
  });
}

function noPolicy({ subject }: Certificate): TrustError {
  return new TrustError(
    "CHAIN_POLICY",
    `a certificate policy is required, and none that is acceptable holds from the anchor to ${subject.text}`,
    { facts: { subject: subject.text } },
  );
}

function notFor(subject: string, why: string): TrustError {
  return new TrustError("SIGNER_PURPOSE", `the signer ${subject} may not sign releases: ${why}`, {
    facts: { subject },
  });
}
