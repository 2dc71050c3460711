/**
 * May these bytes be believed? A detached CMS signature over them says so, or nobody does.
 *
 *   content + signature + anchors + now   ->   who signed, by which anchor     or a TrustError
 *
 * Every signer in the message must verify, not just one: a message with a bad signer was put together by
 * someone who is not the publisher. How many different signers are enough is the caller's policy (threshold.ts).
 */
import { sha256 } from "../base/digest.ts";
import { algorithmName } from "../format/cms/algorithm.ts";
import type { Certificate } from "../format/cms/certificate.ts";
import { decodeSignedData, type SignedData, type SignerInfo } from "../format/cms/signed-data.ts";
import { type VerifiedPath, verifyCertificatePath } from "./certification-path.ts";
import { noPolicyInputs, type PolicyInputs } from "./policy-graph.ts";
import { SignatureChecks } from "./signature-checks.ts";
import { signerOf } from "./signer-certificate.ts";
import { type CountedSigner, checkThreshold } from "./threshold.ts";
import { type FoundTimeStamp, findTimeStamp, type TimeStampReport } from "./time-stamp.ts";
import { refuseMalformed, TrustError } from "./trust-error.ts";
import type { TrustPolicy } from "./trust-policy.ts";

/** The profile's bound: P-256 with one intermediate takes 1.4 KiB, so several signers and CRLs have room. */
export const MAX_SIGNATURE_BYTES = 64 << 10;

/** The profile's bound. */
export const MAX_CONTENT_BYTES = 16 << 20;

export type SignatureReport = { readonly signers: readonly SignerReport[] };

export type SignerReport = {
  readonly subject: string;
  readonly issuer: string;
  /** Lower-case hex. */
  readonly serial: string;
  /** Of the signer's certificate. */
  readonly fingerprintSha256: string;
  /** Of the signer's SubjectPublicKeyInfo: the same for every certificate of one key. */
  readonly publicKeySha256: string;
  readonly algorithm: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** The subject of the pinned anchor that the chain ends in. */
  readonly anchor: string;
  /** Whether fresh lists vouch for the signer and every CA below the anchor. */
  readonly notRevoked: boolean;
  /** The signer's own claim, for display only. */
  readonly signingTime: Date | undefined;
  /** By whom and when the signature was seen; undefined when no authority that is pinned for it says so. */
  readonly timestamp: TimeStampReport | undefined;
};

export type SignatureRequest = TrustPolicy & {
  readonly content: Uint8Array;
  readonly signature: Uint8Array;
  readonly now: Date;
};

type CheckedRequest = SignatureRequest & Pick<TimedPolicy, "validAt"> & { readonly checks: SignatureChecks };

/** @throws TrustError, with any code but ANCHOR_MALFORMED and CRL_MALFORMED */
export function verifySignature(request: SignatureRequest): SignatureReport {
  const { signature } = request;
  refuseOversize(request);
  const signed = refuseMalformed("SIGNATURE_MALFORMED", () => decodeSignedData(signature));
  const checks = new SignatureChecks();
  const verified = signed.signers.map((signer) => verifySigner(signer, signed, { ...request, checks }));
  checkThreshold(verified, request);
  return { signers: verified.map(({ report }) => report) };
}

/** A policy, and the times at which the certificates of a path must be valid; default: now. Lists are judged as of now. */
export type TimedPolicy = TrustPolicy & { readonly validAt?: readonly Date[] | undefined };

export type ForEachRequest = Pick<SignatureRequest, "content" | "signature" | "now"> & {
  readonly policies: readonly TimedPolicy[];
};

/**
 * One message that satisfies each of several policies, as a trust root does the one before it and itself. Every signer is
 * vouched for by one of them at least, and counts for each that does.
 *
 * They are asked in their order, and the next one only when enough have signed for the one before: a message that names CAs
 * of its own is not followed along them for somebody whom nobody vouches for.
 *
 * @throws TrustError, with any code but ANCHOR_MALFORMED and CRL_MALFORMED
 */
export function verifyForEach({ policies, ...message }: ForEachRequest): SignatureReport {
  refuseOversize(message);
  const signed = refuseMalformed("SIGNATURE_MALFORMED", () => decodeSignedData(message.signature));
  const checks = new SignatureChecks();
  const reports = new Map<SignerInfo, SignerReport>();
  const refusals = new Map<SignerInfo, TrustError>();
  for (const policy of policies) {
    const counted: CountedSigner[] = [];
    const refused: TrustError[] = [];
    for (const signer of signed.signers) {
      try {
        const verified = verifySigner(signer, signed, { ...policy, ...message, checks });
        counted.push(verified);
        if (!reports.has(signer)) reports.set(signer, verified.report);
      } catch (error) {
        if (!(error instanceof TrustError) || error.code === "CHAIN_TOO_COMPLEX") throw error;
        refused.push(error);
        if (!refusals.has(signer)) refusals.set(signer, error);
      }
    }
    checkEach(counted, refused, policy);
  }
  const unknown = signed.signers.find((signer) => !reports.has(signer));
  if (unknown !== undefined) throw refusals.get(unknown)!;
  return { signers: [...reports.values()] };
}

/** Who is of another policy's CAs says nothing here; why one of its own does not count says more than that too few do. */
function checkEach(
  counted: readonly CountedSigner[],
  refused: readonly TrustError[],
  policy: TrustPolicy,
): void {
  try {
    checkThreshold(counted, policy);
  } catch (error) {
    throw refused.find(({ code }) => code !== "CHAIN_UNTRUSTED" && code !== "ANCHOR_REVOKED") ?? error;
  }
}

function onlyPolicy(policy: string): Pick<PolicyInputs, "acceptable" | "requireExplicitPolicy"> {
  return { acceptable: new Set([policy]), requireExplicitPolicy: true };
}

/** @throws TrustError MANIFEST_TOO_LARGE, SIGNATURE_TOO_LARGE */
export function refuseOversize({
  content,
  signature,
}: Pick<SignatureRequest, "content" | "signature">): void {
  refuseLarge("MANIFEST_TOO_LARGE", "signed document", content, MAX_CONTENT_BYTES);
  refuseLarge("SIGNATURE_TOO_LARGE", "signature", signature, MAX_SIGNATURE_BYTES);
}

/**
 * That every signer named in it signed exactly this content and is not expired. Says nothing of who they are: for a publisher
 * who has no anchor at hand, never for a device.
 *
 * @returns their certificates
 * @throws TrustError
 */
export function checkSignedContent({
  content,
  signature,
  now,
}: Pick<SignatureRequest, "content" | "signature" | "now">): readonly Certificate[] {
  refuseLarge("SIGNATURE_TOO_LARGE", "signature", signature, MAX_SIGNATURE_BYTES);
  const signed = refuseMalformed("SIGNATURE_MALFORMED", () => decodeSignedData(signature));
  return signed.signers.map((signer) => {
    const certificate = signerOf(signer, signed, content);
    const { subject, notAfter } = certificate;
    if (now <= notAfter) return certificate;
    throw new TrustError(
      "SIGNER_EXPIRED",
      `the certificate of the signer ${subject.text} expired on ${notAfter.toISOString()}`,
      { facts: { subject: subject.text } },
    );
  });
}

function verifySigner(
  signer: SignerInfo,
  signed: SignedData,
  request: CheckedRequest,
): CountedSigner & { readonly report: SignerReport } {
  if (request.trustRoot !== undefined)
    throw new TypeError("the trust root says what to demand, and was not asked");
  const certificate = signerOf(signer, signed, request.content);
  const stamp = findTimeStamp(signer, signed, request);
  const { anchor, notRevoked } = findPath(certificate, signed, stamp, request);
  const report = {
    subject: certificate.subject.text,
    issuer: certificate.issuer.text,
    serial: certificate.serial,
    fingerprintSha256: sha256(certificate.der),
    publicKeySha256: sha256(certificate.spki),
    algorithm: algorithmName(signer.signatureAlgorithm),
    notBefore: certificate.notBefore,
    notAfter: certificate.notAfter,
    anchor: anchor.subject,
    notRevoked,
    signingTime: signer.signingTime,
    timestamp: stamp?.kind === "proven" ? stamp.report : undefined,
  };
  return { certificate, anchor, report };
}

/**
 * As of now, or else as of the time when an authority saw the signature: what was signed while a certificate was valid does
 * not become worse when that is over. Lists are judged as of now in both cases: who is revoked, for whatever date, is refused,
 * because a key that was stolen may have been used before anybody noticed.
 */
function findPath(
  signer: Certificate,
  { certificates, crls }: SignedData,
  stamp: FoundTimeStamp | undefined,
  request: CheckedRequest,
): VerifiedPath {
  const { anchors, now, validAt, requireCrl, checks, signerUsage, signerPolicy, revoked } = request;
  const path = {
    ...{ signer, intermediates: certificates, anchors, now, requireCrl, checks, signerUsage, revoked },
    validAt,
    crls: [...(request.crls ?? []), ...crls],
    policies: signerPolicy ? { ...noPolicyInputs, ...onlyPolicy(signerPolicy) } : undefined,
  };
  try {
    return verifyCertificatePath(path);
  } catch (error) {
    if (!(error instanceof TrustError) || error.code === "CHAIN_TOO_COMPLEX" || stamp === undefined)
      throw error;
    if (stamp.kind === "proven") return verifyCertificatePath({ ...path, validAt: [stamp.seenBy] });
    if (error.code !== "SIGNER_EXPIRED" && error.code !== "CHAIN_EXPIRED") throw error;
    const { code, message, facts, hint } = stamp.refusal;
    const details = { facts, cause: error, ...(hint !== undefined && { hint }) };
    throw new TrustError(code, `${error.message}, and ${message}`, details);
  }
}

function refuseLarge(
  code: "MANIFEST_TOO_LARGE" | "SIGNATURE_TOO_LARGE",
  what: string,
  bytes: Uint8Array,
  limit: number,
): void {
  if (bytes.length > limit) {
    throw new TrustError(code, `the ${what} is ${bytes.length} bytes long, the limit is ${limit}`, {
      facts: { length: bytes.length, limit },
    });
  }
}
