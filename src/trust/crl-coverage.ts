/**
 * Which revocation list speaks of which certificate, and for which reasons (RFC 5280, 6.3.3 (b) and (d)).
 *
 * A certificate may say where its revocation is published. What it does not say, its issuer's own lists say
 * in its place: they are asked in any case, as the last point.
 */
import type { Certificate } from "../format/cms/certificate.ts";
import type { Crl } from "../format/cms/crl.ts";
import { ALL_REASONS, type DistributionPoint } from "../format/cms/distribution-point.ts";
import type { GeneralName } from "../format/cms/general-name.ts";

export function pointsOf({ issuer, distributionPoints }: Certificate): readonly DistributionPoint[] {
  const own: DistributionPoint = {
    names: [{ kind: "directory", name: issuer }],
    reasons: ALL_REASONS,
    crlIssuers: [],
  };
  return [...distributionPoints, own];
}

/** @returns a mask of reasons, 0 when the list is not about this certificate or is only a delta */
export function coveredReasons(crl: Crl, point: DistributionPoint, certificate: Certificate): number {
  if (crl.baseNumber !== undefined || !isIssuerFor(crl, point, certificate)) return 0;
  const own = crl.issuingDistributionPoint;
  if (own === undefined) return point.reasons;
  // A point without a name of its own goes by its issuer's (6.3.3 (b) (2) (i)).
  const wanted: readonly GeneralName[] =
    point.names.length > 0 ? point.names : point.crlIssuers.map((name) => ({ kind: "directory", name }));
  if (own.names.length > 0 && !own.names.some((name) => wanted.some((each) => isSame(name, each)))) return 0;
  const isAuthority = certificate.basicConstraints?.ca === true;
  if (own.onlyAttributeCertificates) return 0;
  if (own.onlyUserCertificates && isAuthority) return 0;
  if (own.onlyCaCertificates && !isAuthority) return 0;
  return own.reasons & point.reasons;
}

/** 6.3.3 (b) (1): another issuer must be named by the certificate, and its list must say that it is indirect. */
function isIssuerFor(crl: Crl, { crlIssuers }: DistributionPoint, { issuer }: Certificate): boolean {
  if (crlIssuers.length === 0) return crl.issuer.key === issuer.key;
  const isNamed = crlIssuers.some(({ key }) => key === crl.issuer.key);
  return isNamed && crl.issuingDistributionPoint?.indirect === true;
}

function isSame(a: GeneralName, b: GeneralName): boolean {
  if (a.kind === "directory") return b.kind === "directory" && a.name.key === b.name.key;
  if (a.kind === "uri" || a.kind === "dns" || a.kind === "email")
    return b.kind === a.kind && a.text === b.text;
  return false;
}
