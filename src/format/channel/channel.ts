/**
 * The channel document: what a publisher offers now, outside of the releases, which never change.
 *
 *   channel-stable.json        canonical JSON, a few KiB
 *   channel-stable.json.p7s    a detached CMS over exactly those bytes
 *
 * A release says what it is; a channel says who should have it. So a promotion, a recall or a larger share of the
 * devices is a new version of this small document, and no release is touched. It expires, because a device that
 * is kept from newer ones (TUF: indefinite freeze) must notice.
 *
 * Of a list of releases a device goes to the highest that is for it. What it must pass on the way is not marked:
 * it follows from each release's `min_upgrade_from`.
 */
import type { JSONSchemaType } from "ajv";
import { DocumentError, type DocumentKind, decodeDocument, encodeDocument } from "../manifest/document.ts";
import { PRODUCT, VERSION } from "../manifest/manifest.ts";

/** Shares of devices are counted in basis points: a hundredth of a percent. */
export const ALL_DEVICES = 10_000;

export type ChannelRelease = {
  readonly version: string;
  readonly sequence: number;
  readonly manifest_sha256: string;
  /** The oldest version that may update directly; "" for any. */
  readonly min_upgrade_from: string;
  readonly is_critical: boolean;
  /** For how many of 10,000 buckets of devices it is. */
  readonly rollout: number;
};

export type ChannelOffer = {
  /** "any", or as in a manifest: such as linux, x86_64. */
  readonly platform: string;
  readonly architecture: string;
  /** By sequence, the newest last. */
  readonly releases: readonly ChannelRelease[];
};

export type Recall = {
  readonly version: string;
  readonly sequence: number;
  readonly manifest_sha256: string;
  /** For people. */
  readonly reason: string;
  /** Devices that run it go to what is offered even where that is older. */
  readonly go_back: boolean;
};

export type Channel = {
  readonly schema_version: number;
  readonly product: string;
  readonly channel: string;
  /** Grows with every change; a device never goes below the highest it has believed. */
  readonly version: number;
  /** RFC 3339 in UTC with seconds. After this moment the document is refused. */
  readonly expires: string;
  /** Why nothing is offered for now, for people; "" when it is. */
  readonly hold: string;
  readonly offers: readonly ChannelOffer[];
  readonly recalls: readonly Recall[];
};

/** A device fetches it at each look. */
export const MAX_CHANNEL_BYTES = 256 << 10;

/** Far beyond what a publisher changes; what a thief of the key makes of it is in schemas/channel.md. */
export const MAX_CHANNEL_VERSION = 2 ** 40;

const SHA256 = "^[0-9a-f]{64}$";
/** It is shown on terminals, so it holds nothing that steers one. */
const SENTENCE = "^[^\\u0000-\\u001f\\u007f-\\u009f]*$";
const PLATFORM = "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$";

const releaseSchema: JSONSchemaType<ChannelRelease> = {
  type: "object",
  additionalProperties: false,
  required: ["version", "sequence", "manifest_sha256", "min_upgrade_from", "is_critical", "rollout"],
  properties: {
    version: { type: "string", pattern: VERSION },
    sequence: { type: "integer", minimum: 0, maximum: Number.MAX_SAFE_INTEGER },
    manifest_sha256: { type: "string", pattern: SHA256 },
    min_upgrade_from: { type: "string", pattern: "^([A-Za-z0-9][A-Za-z0-9._+-]{0,63})?$" },
    is_critical: { type: "boolean" },
    rollout: { type: "integer", minimum: 0, maximum: ALL_DEVICES },
  },
};

const offerSchema: JSONSchemaType<ChannelOffer> = {
  type: "object",
  additionalProperties: false,
  required: ["platform", "architecture", "releases"],
  properties: {
    platform: { type: "string", pattern: PLATFORM },
    architecture: { type: "string", pattern: PLATFORM },
    releases: { type: "array", minItems: 1, maxItems: 64, items: releaseSchema },
  },
};

const recallSchema: JSONSchemaType<Recall> = {
  type: "object",
  additionalProperties: false,
  required: ["version", "sequence", "manifest_sha256", "reason", "go_back"],
  properties: {
    version: { type: "string", pattern: VERSION },
    sequence: { type: "integer", minimum: 0, maximum: Number.MAX_SAFE_INTEGER },
    manifest_sha256: { type: "string", pattern: SHA256 },
    reason: { type: "string", minLength: 1, maxLength: 1000, pattern: SENTENCE },
    go_back: { type: "boolean" },
  },
};

export const channelSchema: JSONSchemaType<Channel> = {
  type: "object",
  additionalProperties: false,
  required: ["schema_version", "product", "channel", "version", "expires", "hold", "offers", "recalls"],
  properties: {
    schema_version: { type: "integer", const: 1 },
    product: { type: "string", pattern: PRODUCT },
    channel: { type: "string", pattern: PRODUCT },
    version: { type: "integer", minimum: 1, maximum: MAX_CHANNEL_VERSION },
    expires: { type: "string", pattern: "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$" },
    hold: { type: "string", maxLength: 1000, pattern: SENTENCE },
    offers: { type: "array", maxItems: 64, items: offerSchema },
    recalls: { type: "array", maxItems: 256, items: recallSchema },
  },
};

export const channelKind: DocumentKind<Channel> = {
  name: "channel document",
  maxBytes: MAX_CHANNEL_BYTES,
  schema: channelSchema,
  check: checkChannel,
};

/** The names of the document and of its signature, wherever they lie. */
export function channelAssets(channel: string): { readonly document: string; readonly signature: string } {
  return { document: `channel-${channel}.json`, signature: `channel-${channel}.json.p7s` };
}

/** @throws JsonError, DocumentError */
export function decodeChannel(bytes: Uint8Array): Channel {
  return decodeDocument(channelKind, bytes);
}

export function encodeChannel(channel: Channel): Uint8Array {
  return encodeDocument(channelKind, channel);
}

/** undefined when nothing was recalled that has this digest, or this version: one version has one release. */
export function recallOf(
  { recalls }: Channel,
  { version, manifest_sha256 }: Pick<Recall, "version" | "manifest_sha256">,
): Recall | undefined {
  return recalls.find((recall) => recall.manifest_sha256 === manifest_sha256 || recall.version === version);
}

function checkChannel({ expires, offers, recalls }: Channel): void {
  const moment = new Date(expires);
  if (Number.isNaN(moment.getTime()) || `${moment.toISOString().slice(0, 19)}Z` !== expires)
    throw invalid(`${JSON.stringify(expires)} is not a date`);
  demandOrder("the offers", offers, ({ platform, architecture }) => `${platform} ${architecture}`);
  demandOrder("the recalls", recalls, ({ manifest_sha256 }) => manifest_sha256);
  const digests = new Map<string, string>();
  for (const { releases } of offers) {
    let before = -1;
    for (const release of releases) {
      const { version, sequence, manifest_sha256 } = release;
      if (sequence <= before)
        throw invalid(`the releases are not in the order of their sequences at ${version}`);
      before = sequence;
      const named = `${sequence} ${manifest_sha256}`;
      if ((digests.get(version) ?? named) !== named) throw invalid(`${version} is two releases`);
      digests.set(version, named);
      const recalled = recalls.some(
        (recall) => recall.manifest_sha256 === manifest_sha256 || recall.version === version,
      );
      if (recalled) throw invalid(`${version} is offered and recalled`);
    }
  }
}

/** Sorted, each once, so that a list has one spelling. */
function demandOrder<T>(what: string, items: readonly T[], keyOf: (item: T) => string): void {
  const keys = items.map(keyOf);
  if (keys.some((key, i) => i > 0 && keys[i - 1]! >= key)) throw invalid(`${what} are not sorted, each once`);
}

function invalid(why: string): DocumentError {
  return new DocumentError("DOCUMENT_INVALID", `the channel document is not valid: ${why}`);
}
