/**
 * Which devices a release is for while it is for some: no server counts them, each computes it.
 *
 *   bucket = first 8 bytes of SHA-256(manifest digest || device id), big-endian, mod 10000
 *   a release is for a device when bucket < rollout
 *
 * The release's own digest is the salt, so that it is not always the same devices that go first; and as the bucket
 * does not depend on the share, a larger one never leaves out a device that was in a smaller one.
 */
import { createHash } from "node:crypto";
import { ALL_DEVICES, type ChannelRelease } from "./channel.ts";

/** In bytes, made at random once. */
export const DEVICE_ID_BYTES = 16;

/**
 * @param manifestSha256 hex @param deviceId hex
 * @returns from 0 to 9999; the bias of the remainder is below 2^-50
 */
export function bucketOf(manifestSha256: string, deviceId: string): number {
  const digest = createHash("sha256")
    .update(Buffer.from(manifestSha256, "hex"))
    .update(Buffer.from(deviceId, "hex"))
    .digest();
  return Number(digest.readBigUInt64BE(0) % BigInt(ALL_DEVICES));
}

/** @param deviceId "" for a device that has none yet: only what is for all is for it */
export function isFor({ rollout, manifest_sha256 }: ChannelRelease, deviceId: string): boolean {
  if (rollout === ALL_DEVICES) return true;
  return deviceId !== "" && bucketOf(manifest_sha256, deviceId) < rollout;
}
