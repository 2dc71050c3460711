/**
 * Whether certificates were taken back, by the lists at hand (RFC 5280, section 6.3). Nothing is fetched.
 *
 *   certificate + its issuers + lists   ->   good, revoked, or unknown and why
 *
 * A list counts when it covers the certificate (issuer, distribution point, kind, reasons) and is signed by one
 * who may and whose own path leads to the same anchor. Of the lists in one place the newest decides, wherever
 * it came from: an older one, however clean and however long it claims to be good, is no way around it. A list
 * that has expired can still revoke, it can no longer vouch.
 */
import { sha256 } from "../base/digest.ts";
import type { Certificate } from "../format/cms/certificate.ts";
import { keyUsages } from "../format/cms/certificate-extensions.ts";
import type { Crl, RevokedEntry } from "../format/cms/crl.ts";
import { equalBytes } from "../format/cms/der.ts";
import { ALL_REASONS } from "../format/cms/distribution-point.ts";
import { coveredReasons, pointsOf } from "./crl-coverage.ts";
import { mayHaveKey } from "./path-search.ts";
import type { CertificatePath } from "./path-validation.ts";
import type { SignatureChecks } from "./signature-checks.ts";
import { TrustError } from "./trust-error.ts";

export type RevocationTools = {
  readonly crls: readonly Crl[];
  /** Certificates that may have signed a list; none of them is trusted. */
  readonly intermediates: readonly Certificate[];
  readonly now: Date;
  readonly checks: SignatureChecks;
  /** Whether a certificate that is not above the one in question leads to the same anchor, unrevoked. */
  readonly isTrusted: (crlSigner: Certificate) => boolean;
};

type UnknownCode = "CRL_MISSING" | "CRL_EXPIRED" | "CRL_NOT_YET_VALID" | "CRL_INVALID";

type Status =
  | { readonly kind: "good" }
  | { readonly kind: "revoked"; readonly entry: RevokedEntry }
  | { readonly kind: "unknown"; readonly code: UnknownCode; readonly crl: Crl | undefined };

/**
 * Every certificate of a path below the anchor, from the top.
 *
 * @param required whether an unknown status refuses, or only a revoked one
 * @returns whether all of them are known to be good
 * @throws TrustError CERTIFICATE_REVOKED, CHAIN_TOO_COMPLEX; when required, CRL_*
 */
export function checkRevocation(
  { certificates, anchor }: CertificatePath,
  required: boolean,
  tools: RevocationTools,
): boolean {
  const chain = [...certificates, anchor.certificate];
  let allGood = true;
  for (let index = certificates.length - 1; index >= 0; index--) {
    const certificate = chain[index]!;
    const status = statusOf(certificate, chain.slice(index + 1), tools);
    if (status.kind === "revoked") throw revoked(certificate, status.entry);
    if (status.kind === "unknown" && required) throw unknown(certificate, status.code, status.crl, tools.now);
    allGood &&= status.kind === "good";
  }
  return allGood;
}

/** RFC 5280, 6.3.3. */
function statusOf(certificate: Certificate, above: readonly Certificate[], tools: RevocationTools): Status {
  let reasons = 0;
  let unknownStatus: Status = { kind: "unknown", code: "CRL_MISSING", crl: undefined };
  for (const point of pointsOf(certificate)) {
    const covering = tools.crls.filter((crl) => coveredReasons(crl, point, certificate) !== 0);
    const places = Map.groupBy(covering, (crl) => placeOf(crl, above, tools));
    for (const [place, lists] of places) {
      const newest = lists.toSorted(newestFirst)[0]!;
      const status = place === NOWHERE ? forged(newest) : statusIn(newest, place, certificate, above, tools);
      if (status.kind === "revoked") return status;
      if (status.kind === "good") reasons |= coveredReasons(newest, point, certificate);
      else unknownStatus = status;
    }
  }
  return reasons === ALL_REASONS ? { kind: "good" } : unknownStatus;
}

const NOWHERE = "";

/**
 * Of lists in one place the next replaces the one before: same issuer, same distribution point, and same key, because
 * a CA that changed its key may go on with two lists, neither of which repeats the other.
 *
 * @returns NOWHERE for a list that nobody has signed who may (RFC 5280, 6.3.3 (f) and (g))
 */
function placeOf(crl: Crl, above: readonly Certificate[], tools: RevocationTools): string {
  const others = tools.intermediates.filter((certificate) => !above.includes(certificate));
  const signer = [...above, ...others].find((each) => {
    if (each.subject.key !== crl.issuer.key) return false;
    if (each.keyUsage?.has(keyUsages.crlSign) === false) return false;
    if (!mayHaveKey(crl.authorityKeyIdentifier, each.subjectKeyIdentifier)) return false;
    return isSigned(crl, each, tools.checks) && (above.includes(each) || tools.isTrusted(each));
  });
  return signer === undefined ? NOWHERE : `${sha256(signer.spki)} ${crl.scope}`;
}

function isSigned(crl: Crl, signer: Certificate, checks: SignatureChecks): boolean {
  try {
    return checks.isSignedBy(crl, signer);
  } catch (error) {
    if (error instanceof TrustError && error.code === "SIGNATURE_ALGORITHM") return false;
    throw error;
  }
}

function forged(crl: Crl): Status {
  return { kind: "unknown", code: "CRL_INVALID", crl };
}

/** What one list says, together with the newest delta list for it (5.2.4). */
function statusIn(
  crl: Crl,
  place: string,
  certificate: Certificate,
  above: readonly Certificate[],
  tools: RevocationTools,
): Status {
  const deltas = tools.crls.filter((each) => isDeltaOf(each, crl)).sort(newestFirst);
  const delta = deltas.find((each) => placeOf(each, above, tools) === place);
  for (const list of [crl, ...(delta === undefined ? [] : [delta])]) {
    if (list.unknownCritical.length > 0) return { kind: "unknown", code: "CRL_INVALID", crl: list };
  }
  const changed = delta && entryOf(delta, certificate);
  const released = changed?.reason === "removeFromCRL" && isFresh(delta!, tools.now);
  const entry = changed?.reason === "removeFromCRL" ? undefined : changed;
  const listed = entry ?? (released ? undefined : entryOf(crl, certificate));
  if (listed !== undefined) return { kind: "revoked", entry: listed };
  if (crl.thisUpdate > tools.now) return { kind: "unknown", code: "CRL_NOT_YET_VALID", crl };
  if (!isFresh(crl, tools.now)) return { kind: "unknown", code: "CRL_EXPIRED", crl };
  return { kind: "good" };
}

function entryOf(crl: Crl, { issuer, serial }: Certificate): RevokedEntry | undefined {
  return crl.entries.get(issuer.key)?.get(serial);
}

function isFresh({ thisUpdate, nextUpdate }: Crl, now: Date): boolean {
  return thisUpdate <= now && nextUpdate !== undefined && now <= nextUpdate;
}

function newestFirst(a: Crl, b: Crl): number {
  const byTime = b.thisUpdate.getTime() - a.thisUpdate.getTime();
  return byTime !== 0 ? byTime : Number((b.number ?? 0n) - (a.number ?? 0n));
}

/** RFC 5280, 5.2.4 and 6.3.3 (c): same issuer, scope and key identifier, made on top of this list or an older one. */
function isDeltaOf(delta: Crl, crl: Crl): boolean {
  const { baseNumber } = delta;
  if (baseNumber === undefined || delta.number === undefined || crl.number === undefined) return false;
  if (delta.scope !== crl.scope) return false;
  const [a, b] = [delta.authorityKeyIdentifier, crl.authorityKeyIdentifier];
  if (a === undefined || b === undefined ? a !== b : !equalBytes(a, b)) return false;
  return baseNumber <= crl.number && crl.number < delta.number;
}

function revoked({ subject, serial }: Certificate, { revokedAt, reason }: RevokedEntry): TrustError {
  return new TrustError(
    "CERTIFICATE_REVOKED",
    `the certificate ${subject.text} was revoked on ${revokedAt.toISOString()} (${reason})`,
    {
      facts: { subject: subject.text, serial, revokedAt, reason },
      hint: "do not install this; the publisher must sign the release again with another certificate",
    },
  );
}

function unknown({ subject }: Certificate, code: UnknownCode, crl: Crl | undefined, now: Date): TrustError {
  const whose = crl && `the revocation list of ${crl.issuer.text}`;
  const why = {
    CRL_MISSING: "no revocation list covers it for every reason",
    CRL_EXPIRED: `${whose} was good until ${crl?.nextUpdate?.toISOString() ?? "no stated time"}, and it is ${now.toISOString()}`,
    CRL_NOT_YET_VALID: `${whose} begins at ${crl?.thisUpdate.toISOString()}, and it is ${now.toISOString()}`,
    CRL_INVALID: `${whose} is not signed by one who may, or has critical parts that we do not interpret`,
  }[code];
  return new TrustError(code, `whether the certificate ${subject.text} was revoked is not known: ${why}`, {
    facts: { subject: subject.text },
    hint: "hand in the newest revocation list of every issuer with --crl",
  });
}
