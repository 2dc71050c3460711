/**
 * Since when a signature exists, by an authority that is pinned for saying so (RFC 3161, appendix A).
 *
 *   token + the signature's value + anchors of authorities   ->   seen by whom, when      or why it counts for nothing
 *
 * A token is an unsigned attribute: whoever passes the signature on may have put it there or taken it away. So it can only
 * help, and one that is not proven is none. The authority's own path must hold at the token's time and now: when its
 * certificate is over nobody says any more that its key was stolen, and a stolen key can stamp any day in the past.
 * (RFC 3161, section 4, asks to have tokens stamped again before that; sign the release again instead.)
 */
import { createHash } from "node:crypto";
import { equalBytes } from "../format/cms/der.ts";
import type { SignedData, SignerInfo } from "../format/cms/signed-data.ts";
import { decodeTimeStampToken, type TimeStampToken } from "../format/cms/time-stamp.ts";
import { verifyCertificatePath } from "./certification-path.ts";
import type { SignatureChecks } from "./signature-checks.ts";
import { signerOf } from "./signer-certificate.ts";
import { refuseMalformed, TrustError } from "./trust-error.ts";
import type { TrustPolicy } from "./trust-policy.ts";

export type TimeStampReport = {
  readonly time: Date;
  /** How far from `time` it may have been, by the authority's own word. */
  readonly accuracyMs: number;
  /** The subject of the authority's certificate. */
  readonly authority: string;
  /** The subject of the pinned anchor that its chain ends in. */
  readonly anchor: string;
  /** Object identifier of the rules it stamps by. */
  readonly policy: string;
  /** Lower-case hex. */
  readonly serial: string;
};

export type FoundTimeStamp =
  | {
      readonly kind: "proven";
      readonly report: TimeStampReport;
      /** The signature was there by then: the time of the token and its accuracy, and never later than now. */
      readonly seenBy: Date;
    }
  | { readonly kind: "unproven"; readonly refusal: TrustError };

export type TimeStampTools = TrustPolicy & { readonly now: Date; readonly checks: SignatureChecks };

/** Clocks of devices and of authorities differ; a token from further ahead shows that one of them is wrong. */
const MAX_AHEAD_MS = 5 * 60_000;

/** @returns undefined when no authority is pinned, or the signature has no token; else the first token that is proven */
export function findTimeStamp(
  signer: SignerInfo,
  { crls }: Pick<SignedData, "crls">,
  tools: TimeStampTools,
): FoundTimeStamp | undefined {
  if (tools.timestampAnchors === undefined || tools.timestampAnchors.length === 0) return undefined;
  const withLists = { ...tools, crls: [...(tools.crls ?? []), ...crls] };
  let unproven: FoundTimeStamp | undefined;
  for (const token of signer.timeStampTokens) {
    try {
      return verifyTimeStamp(token, signer.signature, withLists);
    } catch (error) {
      if (!(error instanceof TrustError) || error.code === "CHAIN_TOO_COMPLEX") throw error;
      unproven ??= { kind: "unproven", refusal: error };
    }
  }
  return unproven;
}

/**
 * @param stamped the value of the signature that the token is of
 * @throws TrustError TIMESTAMP_MALFORMED, TIMESTAMP_INVALID, CHAIN_TOO_COMPLEX
 */
export function verifyTimeStamp(
  token: Uint8Array,
  stamped: Uint8Array,
  { timestampAnchors: anchors = [], crls, requireCrl, revoked, now, checks }: TimeStampTools,
): FoundTimeStamp & { readonly kind: "proven" } {
  const found = readTimeStamp(token, stamped, now);
  const { info, signer, certificates, content } = found;
  try {
    const certificate = signerOf(signer, { certificates }, content);
    const { anchor } = verifyCertificatePath({
      ...{ signer: certificate, intermediates: certificates, anchors, now, requireCrl, revoked, checks },
      crls: [...(crls ?? []), ...found.crls],
      purpose: "timestamping",
      validAt: [info.time, now],
    });
    return {
      kind: "proven",
      report: {
        time: info.time,
        accuracyMs: info.accuracyMs,
        authority: certificate.subject.text,
        anchor: anchor.subject,
        policy: info.policy,
        serial: info.serial,
      },
      seenBy: new Date(Math.min(info.time.getTime() + info.accuracyMs, now.getTime())),
    };
  } catch (error) {
    if (!(error instanceof TrustError) || error.code === "CHAIN_TOO_COMPLEX") throw error;
    const { code: reason, message, facts, hint } = error;
    throw new TrustError("TIMESTAMP_INVALID", `its time-stamp is not proven: ${message}`, {
      facts: { ...facts, reason },
      cause: error,
      ...(hint !== undefined && { hint }),
    });
  }
}

/**
 * That the token speaks of this signature, and not of the future. Says nothing of who made it.
 *
 * @throws TrustError TIMESTAMP_MALFORMED, TIMESTAMP_INVALID
 */
export function readTimeStamp(token: Uint8Array, stamped: Uint8Array, now: Date): TimeStampToken {
  const found = refuseMalformed("TIMESTAMP_MALFORMED", () => decodeTimeStampToken(token));
  const { imprint, time } = found.info;
  const digest = createHash(imprint.hash).update(stamped).digest();
  if (!equalBytes(digest, imprint.digest)) {
    throw new TrustError("TIMESTAMP_INVALID", "its time-stamp belongs to another signature", {
      facts: {
        expected: digest.toString("hex"),
        found: Buffer.from(imprint.digest).toString("hex"),
      },
    });
  }
  if (time.getTime() > now.getTime() + MAX_AHEAD_MS) {
    throw new TrustError(
      "TIMESTAMP_INVALID",
      `its time-stamp is of ${time.toISOString()}, and it is ${now.toISOString()}`,
      { facts: { time, now }, hint: "check this device's clock" },
    );
  }
  return found;
}
