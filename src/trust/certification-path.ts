/**
 * From a signer's certificate to a pinned anchor (RFC 5280, section 6): find a path, check it, ask the lists.
 *
 * The first path that stands is the answer. When none does, the refusal of the first one found is: it is the
 * shortest, and mostly the one its publisher meant.
 */
import type { Certificate } from "../format/cms/certificate.ts";
import type { Crl } from "../format/cms/crl.ts";
import { equalBytes } from "../format/cms/der.ts";
import type { TrustAnchor } from "./anchor.ts";
import { findPaths } from "./path-search.ts";
import { type CertificatePath, type PathRules, type Purpose, validatePath } from "./path-validation.ts";
import { noPolicyInputs, type PolicyInputs, type PolicyOutcome } from "./policy-graph.ts";
import { checkRevocation } from "./revocation.ts";
import { SignatureChecks } from "./signature-checks.ts";
import { TrustError } from "./trust-error.ts";

export type CertificatePathRequest = {
  readonly signer: Certificate;
  /** Certificates that may help; none of them is trusted. */
  readonly intermediates: readonly Certificate[];
  readonly anchors: readonly TrustAnchor[];
  readonly now: Date;
  /** The moments at which every certificate must be valid: now unless given. Lists are judged as of now in any case. */
  readonly validAt?: readonly Date[] | undefined;
  /** From wherever they came; none of them is trusted. */
  readonly crls?: readonly Crl[] | undefined;
  /** Refuse what no fresh list vouches for. Without it a list can only revoke. */
  readonly requireCrl?: boolean | undefined;
  readonly purpose?: Purpose | undefined;
  readonly policies?: PolicyInputs | undefined;
  /** An extended key usage that the signer's certificate must have; "" for none. */
  readonly signerUsage?: string | undefined;
  /** CAs whose keys count for nothing, in whatever certificate of a path. */
  readonly revoked?: readonly TrustAnchor[] | undefined;
  /** Shared by the signers of one message, so that more of them do not mean more time. */
  readonly checks?: SignatureChecks | undefined;
};

export type VerifiedPath = CertificatePath & {
  readonly policies: PolicyOutcome;
  /** Whether fresh lists vouch for every certificate below the anchor. */
  readonly notRevoked: boolean;
};

/** @throws TrustError CHAIN_*, SIGNER_EXPIRED, SIGNER_NOT_YET_VALID, SIGNER_PURPOSE, SIGNATURE_ALGORITHM, ANCHOR_REVOKED, CERTIFICATE_REVOKED, CRL_* but CRL_MALFORMED */
export function verifyCertificatePath(request: CertificatePathRequest): VerifiedPath {
  const { signer, intermediates, anchors, now, checks = new SignatureChecks() } = request;
  const [first = now, ...others] = request.validAt ?? [now];
  if ([now, first, ...others].some((time) => Number.isNaN(time.getTime())))
    throw new TypeError("now is not a time");
  const rules = {
    checks,
    purpose: request.purpose ?? "codesigning",
    policies: request.policies ?? noPolicyInputs,
  };
  const refusals: TrustError[] = [];
  // A way to a revoked one is found too, so that it can be said.
  const all = [...anchors, ...(request.revoked ?? [])];
  const search = { from: signer, intermediates, anchors: all, checks };
  for (const path of findPaths({ ...search, onUnusable: (error) => refusals.push(error) })) {
    const stands = attempt(() => {
      refuseRevokedKeys(path, request);
      const policies = validatePath(path, { ...rules, now: first });
      for (const time of others) validatePath(path, { ...rules, now: time });
      checkUsage(signer, request);
      return { ...path, policies, notRevoked: isNotRevoked(path, [], request, checks) };
    }, refusals);
    if (stands !== undefined) return stands;
  }
  throw refusals[0] ?? untrusted(signer);
}

/** What `work` gives, or its refusal among the others. */
function attempt<T>(work: () => T, refusals: TrustError[]): T | undefined {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof TrustError) || error.code === "CHAIN_TOO_COMPLEX") throw error;
    refusals.push(error);
    return undefined;
  }
}

/**
 * RFC 5280, 6.3.3 (f): who signed a list has a path of its own to the same anchor, with lists of its own.
 *
 * @param signers whose status is being asked already. A CA may let a signer of lists vouch for itself, by the list
 *   that it signs; asking on would never end, so it counts as good unless its own list says otherwise.
 */
function isNotRevoked(
  path: CertificatePath,
  signers: readonly Certificate[],
  request: CertificatePathRequest,
  checks: SignatureChecks,
): boolean {
  const { intermediates, crls = [], requireCrl = false, now } = request;
  if (crls.length === 0 && !requireCrl) return false;
  const isTrusted = (signer: Certificate): boolean => {
    if (signers.includes(signer)) return true;
    const search = { from: signer, intermediates, anchors: [path.anchor], checks };
    for (const own of findPaths(search)) {
      const stands = attempt(() => {
        refuseRevokedKeys(own, request);
        validatePath(own, listSignerRules(now, checks));
        return isNotRevoked(own, [...signers, signer], request, checks);
      }, []);
      if (stands !== undefined) return true;
    }
    return false;
  };
  return checkRevocation(path, requireCrl, { crls, intermediates, now, checks, isTrusted });
}

function listSignerRules(now: Date, checks: SignatureChecks): PathRules {
  return { now, checks, purpose: "any", policies: noPolicyInputs };
}

/** The key and not the certificate: whoever has it makes himself another one, or has another CA's for it. */
function refuseRevokedKeys(
  { certificates, anchor }: CertificatePath,
  { revoked = [] }: CertificatePathRequest,
): void {
  for (const { spki } of [...certificates, anchor.certificate]) {
    const found = revoked.find(({ certificate }) => equalBytes(certificate.spki, spki));
    if (found === undefined) continue;
    throw new TrustError(
      "ANCHOR_REVOKED",
      `the trust root has revoked ${found.subject}, on whose word this rests`,
      {
        facts: { subject: found.subject, sha256: found.fingerprintSha256 },
        hint: "the publisher must sign with a certificate of another CA",
      },
    );
  }
}

function checkUsage(
  { subject, extendedKeyUsage }: Certificate,
  { signerUsage = "" }: CertificatePathRequest,
): void {
  if (signerUsage === "" || extendedKeyUsage?.includes(signerUsage)) return;
  throw new TrustError(
    "SIGNER_PURPOSE",
    `the certificate of ${subject.text} lacks the extended key usage ${signerUsage}, which its role wants`,
    { facts: { subject: subject.text, extendedKeyUsage } },
  );
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
