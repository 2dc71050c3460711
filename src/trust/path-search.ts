/**
 * Every way from a certificate to an anchor whose names and signatures fit.
 *
 *   signer  <-  issuing CA  <-  ...  <-  anchor        anchors before others, so the shortest come first
 *
 * It is a search, because several certificates may be of one CA (cross-signed, renewed, with a new key) and
 * they come in any order. What an unsigned certificate says about itself is not worth a message, so a path
 * is handed out only when it leads all the way.
 */
import type { Certificate } from "../format/cms/certificate.ts";
import { equalBytes } from "../format/cms/der.ts";
import type { TrustAnchor } from "./anchor.ts";
import type { CertificatePath } from "./path-validation.ts";
import type { SignatureChecks } from "./signature-checks.ts";
import { TrustError } from "./trust-error.ts";

/** Signer and anchor included. */
const MAX_CHAIN = 8;

export type PathSearch = {
  readonly from: Certificate;
  /** Certificates that may help; none of them is trusted. */
  readonly intermediates: readonly Certificate[];
  readonly anchors: readonly TrustAnchor[];
  readonly checks: SignatureChecks;
  /**
   * Told of an issuer whose key or algorithm is none of ours. It only ends its own branch: an old RSA anchor and
   * its elliptic successor may have one name, and the signer comes from one of them.
   */
  readonly onUnusable?: (error: TrustError) => void;
};

/** @throws TrustError CHAIN_TOO_COMPLEX */
export function* findPaths({
  from,
  intermediates,
  anchors,
  checks,
  onUnusable,
}: PathSearch): Generator<CertificatePath> {
  const isIssuedBy = (certificate: Certificate, by: Certificate): boolean => {
    if (certificate.issuer.key !== by.subject.key) return false;
    if (!mayHaveKey(certificate.authorityKeyIdentifier, by.subjectKeyIdentifier)) return false;
    checks.step();
    try {
      return checks.isSignedBy(certificate, by);
    } catch (error) {
      if (!(error instanceof TrustError) || error.code === "CHAIN_TOO_COMPLEX") throw error;
      onUnusable?.(error);
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
  yield* extend([from]);
}

/** RFC 5280, 4.2.1.1: key identifiers tell apart the keys of one name; when either is missing, any may do. */
export function mayHaveKey(wanted: Uint8Array | undefined, found: Uint8Array | undefined): boolean {
  return wanted === undefined || found === undefined || equalBytes(wanted, found);
}

/** One key and name twice in a path is a circle, even in two certificates. */
function contains(path: readonly Certificate[], certificate: Certificate): boolean {
  return path.some(
    (one) => one.subject.key === certificate.subject.key && equalBytes(one.spki, certificate.spki),
  );
}
