/**
 * What a device should go to, proven: by the document of its channel where there is one, else what the source offers.
 */

import { ReleaseError } from "../trust/release-error.ts";
import { policyOf } from "../trust/trust-policy.ts";
import type { Recipient, TrustedState } from "../trust/verify-release.ts";
import { type Discovered, type DiscoverRequest, discover } from "./discover.ts";
import { type Followed, type FollowRequest, followChannel } from "./follow-channel.ts";

export type OfferedRequest = Omit<DiscoverRequest, "named" | "recipient" | "channel"> &
  Pick<FollowRequest, "channel" | "device" | "allowDowngrade" | "hasOneRelease"> & {
    /** What is installed is what is wanted, whatever is offered. */
    readonly isRepair: boolean;
  };

export type Offered =
  | { readonly kind: "release"; readonly release: Discovered; readonly followed: Followed | undefined }
  /** Nothing is to be done, and the document says why. */
  | { readonly kind: "stay"; readonly followed: Followed };

/** @throws what followChannel and discover throw; ReleaseError PLATFORM_MISMATCH, RELEASE_RECALLED, STEPPING_STONE */
export async function discoverOffered(request: OfferedRequest): Promise<Offered> {
  const { device, allowDowngrade, hasOneRelease: _, isRepair, ...rest } = request;
  const recipient: Recipient = device;
  const followed = isRepair ? undefined : await followChannel({ ...policyOf(request), ...request });
  if (!followed) {
    const trusted = flooredAt(request.trusted, allowDowngrade ? 0 : request.trusted.highestSequence);
    return { kind: "release", release: await discover({ ...rest, trusted, recipient }), followed };
  }
  const { answer, leastSequence } = followed.decision;
  if (answer.kind === "stay") return { kind: "stay", followed };
  if (answer.kind === "refuse") throw new ReleaseError(answer.code, answer.message);
  const version = answer.release?.version ?? request.version;
  const release = await discover({
    ...rest,
    version,
    recipient,
    channel: followed.document.channel,
    named: { document: followed.document, release: answer.release },
    trusted: flooredAt(request.trusted, leastSequence),
  });
  return { kind: "release", release, followed };
}

/** The same state, for what may lie lower than it once was. */
export function flooredAt(trusted: TrustedState, sequence: number): TrustedState {
  return { ...trusted, highestSequence: Math.min(trusted.highestSequence, sequence) };
}
