/**
 * The document of a channel that travels in an offline bundle, and the release that it asks for.
 *
 * Which devices will read it nobody knows here. So without a version it is the newest release that is for all of them,
 * and each device asks the document again whether it is for it.
 */
import { ThemisError } from "../../base/error.ts";
import { ALL_DEVICES, type Channel, channelAssets } from "../../format/channel/channel.ts";
import { ReleaseError } from "../../trust/release-error.ts";
import { policyOf } from "../../trust/trust-policy.ts";
import { verifyChannel } from "../../trust/verify-channel.ts";
import { NOTHING_TRUSTED } from "../../trust/verify-release.ts";
import type { Named } from "../discover.ts";
import { readChannel } from "../follow-channel.ts";
import type { Source } from "../transfer/source.ts";
import type { Assets } from "./choose-assets.ts";
import type { OfflineBundleRequest } from "./make-bundle.ts";

export type ChannelForBundle = {
  readonly version: string;
  readonly named: Named;
  readonly documents: Assets["documents"];
  readonly about: Pick<Channel, "channel" | "version" | "expires">;
};

/** @throws ReleaseError CHANNEL_*; TrustError; FetchError SOURCE_*; ThemisError USAGE */
export async function channelFor(
  request: OfflineBundleRequest,
  sources: readonly Source[],
  now: Date,
): Promise<ChannelForBundle | undefined> {
  const { channel, signal } = request;
  if (channel === undefined) return undefined;
  const found = await readChannel(sources, channel, signal);
  if (found === "absent") {
    throw new ReleaseError("CHANNEL_MISSING", `no source has the document of the channel ${channel}`, {
      facts: { channel },
      hint: "leave out --channel where releases are offered without one",
    });
  }
  const { document, bytes } = await verifyChannel({
    ...{ ...policyOf(request), channel, now, trusted: NOTHING_TRUSTED },
    ...{ documentBytes: found.document, signatureBytes: found.signature },
  });
  const version = request.version === "" ? newestForAll(document) : request.version;
  const listed = document.offers.flatMap(({ releases }) => releases);
  const names = channelAssets(channel);
  return {
    version,
    named: { document, release: listed.find((release) => release.version === version) },
    documents: [
      { name: names.document, bytes: bytes.document },
      { name: names.signature, bytes: bytes.signature },
    ],
    about: { channel, version: document.version, expires: document.expires },
  };
}

/** @throws ThemisError USAGE when it is not one release */
function newestForAll({ channel, offers }: Channel): string {
  const [only, ...others] = offers.map(
    ({ releases }) => releases.findLast(({ rollout }) => rollout === ALL_DEVICES)?.version,
  );
  if (only !== undefined && others.every((version) => version === only)) return only;
  throw new ThemisError("USAGE", "usage", `the channel ${channel} offers no one release to all devices`, {
    hint: "name the release that is to travel: --version V",
  });
}
