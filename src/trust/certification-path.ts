/**
 * From a signer's certificate to a pinned anchor (RFC 5280, section 6).
 *
 *   signer  <-  issuing CA  <-  ...  <-  anchor
 *
 * Building is a search, because a message may carry several certificates of one name (a cross-signed CA);
 * whoever made the message chose them, so the search counts its signature checks and stops. A path is
 * only looked at when names and signatures lead all the way: what an unsigned certificate says about
 * itself is not worth a message.
 *
 * Name constraints and policies are not interpreted. RFC 5280 wants both marked critical where they
 * matter, and an uninterpreted critical extension refuses the chain.
 */
import { type Certificate, extendedKeyUsages, keyUsages } from "../format/cms/certificate.ts";
import { equalBytes } from "../format/cms/der.ts";
import type { TrustAnchor } from "./anchor.ts";
import { isSignatureBy } from "./signature.ts";
import { TrustError } from "./trust-error.ts";

/** Signer and anchor included. */
const MAX_CHAIN = 8;

/** An honest chain needs one check a link; cross-signing doubles it. */
const MAX_SIGNATURE_CHECKS = 64;

export type CertificatePath = {
  /** The signer first, then each one's issuer; the anchor is not among them. */
  readonly certificates: readonly Certificate[];
  readonly anchor: TrustAnchor;
};

export type CertificatePathRequest = {
  readonly signer: Certificate;
  /** Certificates that may help; none of them is trusted. */
  readonly intermediates: readonly Certificate[];
  readonly anchors: readonly TrustAnchor[];
  readonly now: Date;
};

/** @throws TrustError CHAIN_UNTRUSTED, CHAIN_EXPIRED, CHAIN_INVALID, SIGNER_EXPIRED, SIGNER_NOT_YET_VALID, SIGNER_PURPOSE, SIGNATURE_ALGORITHM */
export function verifyCertificatePath({
  signer,
  intermediates,
  anchors,
  now,
}: CertificatePathRequest): CertificatePath {
  if (Number.isNaN(now.getTime())) throw new TypeError("now is not a time");
  let firstRefusal: TrustError | undefined;
  const refuse = (error: unknown): void => {
    if (!(error instanceof TrustError)) throw error;
    firstRefusal ??= error;
  };
  for (const path of findPaths(signer, intermediates, anchors, refuse)) {
    try {
      checkPath(path, now);
      return path;
    } catch (error) {
      refuse(error);
    }
  }
  throw firstRefusal ?? untrusted(signer);
}

/**
 * Every path whose names and signatures fit, anchors before intermediates, so the shortest come first.
 *
 * An issuer with an unusable key only ends its own branch: an old RSA anchor and its elliptic successor may
 * have one name, and the signer comes from one of them.
 */
function* findPaths(
  signer: Certificate,
  intermediates: readonly Certificate[],
  anchors: readonly TrustAnchor[],
  refuse: (error: unknown) => void,
): Generator<CertificatePath> {
  let checks = 0;
  const isIssuedBy = ({ issuer, tbs, signature, ...certificate }: Certificate, by: Certificate): boolean => {
    if (!equalBytes(issuer.der, by.subject.der)) return false;
    if (!mayHaveKey(certificate.authorityKeyIdentifier, by.subjectKeyIdentifier)) return false;
    // When the checks are used up, nothing is issued by anybody and the search runs dry.
    if (++checks > MAX_SIGNATURE_CHECKS) return false;
    try {
      return isSignatureBy(by.spki, certificate.signatureAlgorithm, tbs, signature);
    } catch (error) {
      refuse(error);
      return false;
    }
  };
  function* extend(path: readonly Certificate[]): Generator<CertificatePath> {
    const last = path.at(-1)!;
    for (const anchor of anchors) {
      if (!contains(path, anchor.certificate) && isIssuedBy(last, anchor.certificate)) {
        yield { certificates: path, anchor };
      }
    }
    if (path.length + 1 >= MAX_CHAIN) return;
    for (const issuer of intermediates) {
      if (!contains(path, issuer) && isIssuedBy(last, issuer)) yield* extend([...path, issuer]);
    }
  }
  yield* extend([signer]);
}

/** RFC 5280, 4.2.1.1: key identifiers tell apart the keys of one name; when either is missing, any may do. */
function mayHaveKey(wanted: Uint8Array | undefined, found: Uint8Array | undefined): boolean {
  return wanted === undefined || found === undefined || equalBytes(wanted, found);
}

/** One key and name twice in a path is a circle, even in two certificates. */
function contains(path: readonly Certificate[], certificate: Certificate): boolean {
  return path.some(
    (one) => equalBytes(one.spki, certificate.spki) && equalBytes(one.subject.der, certificate.subject.der),
  );
}

function checkPath({ certificates, anchor }: CertificatePath, now: Date): void {
  const [signer, ...issuers] = certificates as [Certificate, ...Certificate[]];
  let below = 0;
  for (const issuer of [...issuers, anchor.certificate]) {
    checkAuthority(issuer, below, now);
    // RFC 5280, 6.1.4 (l): a self-issued certificate does not count.
    if (!equalBytes(issuer.subject.der, issuer.issuer.der)) below++;
  }
  checkSigner(signer, now);
}

function checkAuthority(certificate: Certificate, below: number, now: Date): void {
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
  if (certificate.basicConstraints?.ca !== true) throw invalid(subject, "is not the certificate of a CA");
  // RFC 5280, 6.1.4 (m).
  const { pathLength } = certificate.basicConstraints;
  if (pathLength !== undefined && below > pathLength) {
    throw invalid(subject, `allows ${pathLength} CAs below itself, and there are ${below}`);
  }
  // RFC 5280, 6.1.4 (n): when the extension is there, it must say so.
  if (certificate.keyUsage?.has(keyUsages.keyCertSign) === false) {
    throw invalid(subject, "may not sign certificates (keyUsage)");
  }
  const purposes = certificate.extendedKeyUsage;
  if (
    purposes !== undefined &&
    !purposes.includes(extendedKeyUsages.codeSigning) &&
    !purposes.includes(extendedKeyUsages.any)
  ) {
    throw invalid(subject, "may not issue certificates for code signing (extendedKeyUsage)");
  }
}

function checkSigner(signer: Certificate, now: Date): void {
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
  if (signer.keyUsage?.has(keyUsages.digitalSignature) === false) {
    throw purpose(subject, "its keyUsage does not include digitalSignature");
  }
  // anyExtendedKeyUsage is not enough: a certificate for everything was not issued to sign releases.
  if (signer.extendedKeyUsage?.includes(extendedKeyUsages.codeSigning) !== true) {
    throw purpose(subject, "its extendedKeyUsage does not include codeSigning");
  }
}

/** RFC 5280, 4.2: a critical extension that is not understood refuses the certificate. */
function refuseUnknownCritical({ unknownCritical, subject }: Certificate): void {
  if (unknownCritical.length > 0) {
    throw invalid(subject.text, `has critical extensions we do not interpret: ${unknownCritical.join(", ")}`);
  }
}

function invalid(subject: string, why: string): TrustError {
  return new TrustError("CHAIN_INVALID", `the certificate ${subject} ${why}`, { facts: { subject } });
}

function purpose(subject: string, why: string): TrustError {
  return new TrustError("SIGNER_PURPOSE", `the signer ${subject} may not sign releases: ${why}`, {
    facts: { subject },
  });
}

function untrusted(signer: Certificate): TrustError {
  return new TrustError(
    "CHAIN_UNTRUSTED",
    `no chain of certificates leads from the signer ${signer.subject.text} to a pinned anchor`,
    {
      facts: { subject: signer.subject.text, issuer: signer.issuer.text },
      hint: "the signature must carry the intermediate certificates, and the device must pin their root",
    },
  );
}
