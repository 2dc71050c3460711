/**
 * What a device should go to, proven: by the document of its channel where there is one, else what the source offers.
 */

import { ReleaseError } from "../trust/release-error.ts";
import { policyOf, type TrustPolicy } from "../trust/trust-policy.ts";
import type { Recipient } from "../trust/verify-release.ts";
import { type Discovered, type DiscoverRequest, discover } from "./discover.ts";
import { type Followed, type FollowRequest, followChannel } from "./follow-channel.ts";

export type OfferedRequest = Omit<DiscoverRequest, "named" | "recipient" | "leastSequence" | "channel"> &
  Pick<FollowRequest, "channel" | "device" | "allowDowngrade" | "hasOneRelease"> & {
    /** What is demanded of the document of a channel; default: as of a release. */
    readonly channelTrust?: TrustPolicy | undefined;
    /** What is installed is what is wanted, whatever is offered. */
    readonly isRepair: boolean;
  };

export type Offered =
  | { readonly kind: "release"; readonly release: Discovered; readonly followed: Followed | undefined }
  /** Nothing is to be done, and the document says why. */
  | { readonly kind: "stay"; readonly followed: Followed };

/** @throws what followChannel and discover throw; ReleaseError PLATFORM_MISMATCH, RELEASE_RECALLED, STEPPING_STONE */
export async function discoverOffered(request: OfferedRequest): Promise<Offered> {
  const { device, allowDowngrade, hasOneRelease: _, channelTrust = request, isRepair, ...rest } = request;
  const recipient: Recipient = device;
  // What is installed may have come from another channel, by a promotion.
  if (isRepair) {
    const release = await discover({ ...rest, channel: undefined, recipient });
    return { kind: "release", release, followed: undefined };
  }
  const followed = await followChannel({ ...request, ...policyOf(channelTrust) });
  const leastSequence = followed?.decision.leastSequence ?? (allowDowngrade ? 0 : undefined);
  if (!followed)
    return { kind: "release", release: await discover({ ...rest, leastSequence, recipient }), followed };
  const { answer } = followed.decision;
  if (answer.kind === "stay") return { kind: "stay", followed };
  if (answer.kind === "refuse") throw new ReleaseError(answer.code, answer.message);
  const version = answer.release?.version ?? request.version;
  const release = await discover({
    ...rest,
    version,
    ...{ recipient, leastSequence },
    channel: followed.document.channel,
    named: { document: followed.document, release: answer.release },
  });
  return { kind: "release", release, followed };
}
