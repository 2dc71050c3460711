/**
 * The document of the channel that a device follows: read, proven, and asked what it means here.
 *
 *   SOURCE/channels/channel-stable.json + .p7s   ->   what is offered to this device, or why nothing is
 *
 * A device that has obeyed one once never does without again: a source that hides it (TUF: freeze) would else
 * bring back what was recalled, or offer to all what is for few.
 */
import { sha256 } from "../base/digest.ts";
import { channelAssets, MAX_CHANNEL_BYTES } from "../format/channel/channel.ts";
import { manifestKind, PRODUCT } from "../format/manifest/manifest.ts";
import { type ChannelDecision, type ChannelDevice, decideChannel } from "../trust/channel-decision.ts";
import { ReleaseError } from "../trust/release-error.ts";
import { contentSignedBy } from "../trust/signed-digest.ts";
import { policyOf, type TrustPolicy } from "../trust/trust-policy.ts";
import { memoryOf, type VerifiedChannel, verifyChannel } from "../trust/verify-channel.ts";
import type { TrustedState } from "../trust/verify-release.ts";
import { MAX_SIGNATURE_BYTES } from "../trust/verify-signature.ts";
import { below } from "./discover.ts";
import { FetchError } from "./fetch-error.ts";
import { MANIFEST } from "./read-release.ts";
import type { Source } from "./transfer/source.ts";

export type FollowRequest = TrustPolicy & {
  readonly sources: readonly Source[];
  /** undefined for the one that was followed before. */
  readonly channel: string | undefined;
  readonly trusted: TrustedState;
  readonly device: ChannelDevice;
  /** "" for what is offered. */
  readonly version: string;
  readonly allowDowngrade: boolean;
  /** The source has one release, and no other can be had. */
  readonly hasOneRelease: boolean;
  readonly now: Date;
  readonly signal?: AbortSignal | undefined;
};

export type Followed = VerifiedChannel & {
  readonly documents: ChannelDocuments;
  readonly decision: ChannelDecision;
  /** The digest of the only manifest that there is; undefined where all can be had. */
  readonly available: string | undefined;
  /** Nothing is remembered of this version yet. */
  readonly isNews: boolean;
  /** The device has no number among all devices yet. */
  readonly isUnnumbered: boolean;
};

/** Byte for byte. */
export type ChannelDocuments = { readonly document: Uint8Array; readonly signature: Uint8Array };

/** A document may be replaced between two requests: then both are read again, so many times in all. */
const ATTEMPTS = 3;

/**
 * undefined when the device follows no channel, or one that never had a document.
 *
 * @throws FetchError SOURCE_*; TrustError; ReleaseError CHANNEL_*, PRODUCT_MISMATCH, FAST_FORWARD
 */
export async function followChannel(request: FollowRequest): Promise<Followed | undefined> {
  const { trusted, requireChannel = false, now, device, version, allowDowngrade } = request;
  const channel = request.channel ?? (trusted.channel || undefined);
  if (channel === undefined) {
    if (requireChannel) {
      throw new ReleaseError("CHANNEL_MISSING", "a channel's document is required and no channel is named", {
        hint: "name it: --channel stable, or checker.channel",
      });
    }
    return undefined;
  }
  const known = memoryOf(trusted, channel);
  const documents = await readChannel(request.sources, channel, request.signal);
  if (documents === "absent") {
    if (!known && !requireChannel) return undefined;
    const before = known ? ` (version ${known.version} was there)` : "";
    throw new ReleaseError(
      "CHANNEL_MISSING",
      `no source has the document of the channel ${channel}${before}`,
      {
        facts: { channel },
        hint: "nothing was changed; a source that has releases and hides what is offered is not believed",
      },
    );
  }
  const { document: documentBytes, signature: signatureBytes } = documents;
  const proven = await verifyChannel({
    ...policyOf(request),
    ...{ documentBytes, signatureBytes, channel, now, trusted },
  });
  const available = request.hasOneRelease ? await onlyManifest(request) : undefined;
  const { document } = proven;
  const decision = decideChannel({ document, device, version, allowDowngrade, available });
  const isNews = known?.sha256 !== proven.sha256 || trusted.channel !== channel;
  return { ...proven, documents, decision, available, isNews, isUnnumbered: device.id === "" };
}

/** Nobody believes it yet: by its digest it is compared with what is named, and read again. */
async function onlyManifest({ sources: [source], signal }: FollowRequest): Promise<string | undefined> {
  const found = await source?.readAll(MANIFEST, manifestKind.maxBytes, { signal });
  return found === undefined || typeof found === "string" ? undefined : sha256(found.bytes);
}

/** From the first source that has it. @throws FetchError: of the first that failed, when none has */
export async function readChannel(
  sources: readonly Source[],
  channel: string,
  signal?: AbortSignal,
): Promise<ChannelDocuments | "absent"> {
  // It becomes a part of names, and of URLs.
  if (!new RegExp(PRODUCT).test(channel)) {
    throw new FetchError("SOURCE_INVALID", `${JSON.stringify(channel)} is not the name of a channel`, {
      hint: 'letters, digits, ".", "-" or "_", at most 64, such as stable',
    });
  }
  let failure: unknown;
  for (const source of sources) {
    try {
      const found = await readAt(below(source, source.folderOfChannel(channel)), channel, signal);
      if (found !== "absent") return found;
    } catch (error) {
      signal?.throwIfAborted();
      if (!(error instanceof FetchError)) throw error;
      failure ??= error;
    }
  }
  if (failure !== undefined) throw failure;
  return "absent";
}

async function readAt(
  place: Source,
  channel: string,
  signal: AbortSignal | undefined,
): Promise<ChannelDocuments | "absent"> {
  const names = channelAssets(channel);
  for (let attempt = 1; ; attempt++) {
    const asking = { signal, fresh: attempt > 1 };
    const document = await place.readAll(names.document, MAX_CHANNEL_BYTES, asking);
    if (typeof document === "string") return "absent";
    const signature = await place.readAll(names.signature, MAX_SIGNATURE_BYTES, asking);
    if (typeof signature === "string") {
      throw new FetchError("ASSET_SIZE", `${names.document} at ${place.name} is not signed`, {
        hint: `the publisher signs it with themis-bundle channel sign; there is no ${names.signature}`,
      });
    }
    const found = { document: document.bytes, signature: signature.bytes };
    // The last attempt is shown to the verifier as it is.
    if (attempt === ATTEMPTS || contentSignedBy(found.signature)(found.document)) return found;
  }
}
