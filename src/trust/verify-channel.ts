/**
 * May this channel document be obeyed here? Signature first, and only then is a byte of it parsed.
 *
 * It must not have expired (TUF: freeze), its version may not fall below the highest this device has believed
 * (rollback) nor leap (fast-forward), and one version is one document: a publisher who shows two of them to two
 * devices, or somebody with his key, is found out by each device that sees both.
 */
import { sha256 } from "../base/digest.ts";
import { type Channel, decodeChannel, MAX_CHANNEL_BYTES } from "../format/channel/channel.ts";
import { DocumentError } from "../format/manifest/document.ts";
import { ReleaseError } from "./release-error.ts";
import { policyOf, type TrustPolicy } from "./trust-policy.ts";
import { checkAgainstTrustRoot } from "./trust-root.ts";
import { markVerified, type Verified } from "./verified.ts";
import { type ChannelMemory, type TrustedState, timeOf } from "./verify-release.ts";
import type { SignatureReport } from "./verify-signature.ts";
import { verifyInThread } from "./verify-thread.ts";

export type ChannelRequest = TrustPolicy & {
  readonly documentBytes: Uint8Array;
  readonly signatureBytes: Uint8Array;
  /** The line of releases that the device follows. */
  readonly channel: string;
  readonly now: Date;
  readonly trusted: TrustedState;
};

export type VerifiedChannel = {
  readonly document: Verified<Channel>;
  /** The bytes that were proven. */
  readonly bytes: { readonly document: Verified<Uint8Array>; readonly signature: Verified<Uint8Array> };
  readonly sha256: string;
  readonly report: SignatureReport;
};

/**
 * How far a version may be above the one that was believed. A change is a step of one, so it leaves a century of
 * changes every hour; and below MAX_CHANNEL_VERSION a million such leaps, each of which the publisher can leap
 * over with `themis-bundle channel renew --number`.
 */
export const MAX_CHANNEL_STEP = 2 ** 20;

/** @throws TrustError, JsonError, DocumentError, ReleaseError PRODUCT_MISMATCH, CHANNEL_*, FAST_FORWARD */
export async function verifyChannel(request: ChannelRequest): Promise<VerifiedChannel> {
  const { documentBytes } = request;
  // Far below what a signed document may have: the profile's bound is the manifest's.
  if (documentBytes.length > MAX_CHANNEL_BYTES) {
    throw new DocumentError(
      "DOCUMENT_TOO_LARGE",
      `the channel document has ${documentBytes.length} bytes, more than the ${MAX_CHANNEL_BYTES} allowed`,
    );
  }
  // A copy: what is parsed must be what was proven, whatever becomes of the caller's bytes meanwhile.
  const content = Uint8Array.from(documentBytes);
  const signature = Uint8Array.from(request.signatureBytes);
  const report = await verifyInThread({ ...policyOf(request), content, signature, now: timeOf(request) });
  const document = decodeChannel(content);
  checkAgainstTrustRoot(document, request);
  const digest = sha256(content);
  checkChannelFreshness({ document, sha256: digest }, request);
  const bytes = { document: markVerified(content), signature: markVerified(signature) };
  return { document: markVerified(document), bytes, sha256: digest, report };
}

/**
 * Asked again under the device's lock: another update may have believed a newer one meanwhile.
 *
 * @throws ReleaseError
 */
export function checkChannelFreshness(
  { document, sha256: digest }: { readonly document: Channel; readonly sha256: string },
  { channel, now, trusted }: Pick<ChannelRequest, "channel" | "now" | "trusted">,
): void {
  if (trusted.product !== "" && document.product !== trusted.product) {
    throw new ReleaseError(
      "PRODUCT_MISMATCH",
      `the channel document is of ${document.product}, this device runs ${trusted.product}`,
    );
  }
  if (document.channel !== channel) {
    throw new ReleaseError(
      "CHANNEL_MISMATCH",
      `the document is of the channel ${document.channel}, this device follows ${channel}`,
      { facts: { channel: document.channel, expected: channel } },
    );
  }
  const timeMs = timeOf({ now, trusted }).getTime();
  if (timeMs > Date.parse(document.expires)) {
    throw new ReleaseError(
      "CHANNEL_EXPIRED",
      `the document of the channel ${channel} (version ${document.version}) expired on ${document.expires}`,
      {
        hint: "the publisher must renew it, a mirror may be behind, or this device's clock is wrong",
      },
    );
  }
  const { version } = document;
  const known = memoryOf(trusted, channel);
  if (!known) return;
  if (version < known.version) {
    throw new ReleaseError(
      "CHANNEL_OLDER",
      `the document of the channel ${channel} has version ${version}, this device has already believed ${known.version}`,
      { hint: "the source or a cache on the way is behind; nothing was changed" },
    );
  }
  if (version === known.version && digest !== known.sha256) {
    throw new ReleaseError(
      "CHANNEL_FORKED",
      `the source has another version ${version} of the channel ${channel} than this device has believed`,
      { hint: "ask the publisher by another way: a document is never signed twice under one version" },
    );
  }
  if (version - known.version > MAX_CHANNEL_STEP) {
    throw new ReleaseError(
      "FAST_FORWARD",
      `the document of the channel ${channel} has version ${version}, more than ${MAX_CHANNEL_STEP} above the ${known.version} that was believed`,
      { hint: "ask the publisher by another way; nothing was changed" },
    );
  }
}

export function memoryOf({ channels }: TrustedState, channel: string): ChannelMemory | undefined {
  return channels.find((each) => each.channel === channel);
}

/** What a device remembers once it obeys a document; neither versions nor the clock go back. */
export function havingBelieved(
  trusted: TrustedState,
  { document, sha256: digest }: Pick<VerifiedChannel, "document" | "sha256">,
  now: Date,
): TrustedState {
  const { channel, version, product } = document;
  const others = trusted.channels.filter((each) => each.channel !== channel);
  return {
    ...trusted,
    product: trusted.product || product,
    latestTimeMs: Math.max(now.getTime(), trusted.latestTimeMs),
    channel,
    channels: [...others, { channel, version, sha256: digest }],
  };
}
