import { createHash } from "node:crypto";
import type { Channel, ChannelRelease } from "../../src/format/channel/channel.ts";

/** A release of this version that is for all: 2.1.0 has sequence 20100. */
export function listed(version: string, more: Partial<ChannelRelease> = {}): ChannelRelease {
  const [major = 0, minor = 0, patch = 0] = version.split(".").map(Number);
  return {
    version,
    sequence: major * 10_000 + minor * 100 + patch,
    manifest_sha256: createHash("sha256").update(version).digest("hex"),
    min_upgrade_from: "",
    is_critical: false,
    rollout: 10_000,
    ...more,
  };
}

/** Offers these for any platform. */
export function channelOf(releases: readonly ChannelRelease[], more: Partial<Channel> = {}): Channel {
  return {
    schema_version: 1,
    product: "app",
    channel: "stable",
    version: 7,
    expires: "2030-01-01T00:00:00Z",
    hold: "",
    offers: releases.length === 0 ? [] : [{ platform: "any", architecture: "any", releases }],
    recalls: [],
    ...more,
  };
}

export function recallOf(version: string, go_back: boolean) {
  const { sequence, manifest_sha256 } = listed(version);
  return { version, sequence, manifest_sha256, reason: "loses writes", go_back };
}
