/** What a device does with the document of its channel: says what it means, remembers it, stays where it is. */
import { randomBytes } from "node:crypto";
import { DEVICE_ID_BYTES } from "../format/channel/rollout.ts";
import type { Manifest } from "../format/manifest/manifest.ts";
import { type ChannelDecision, type ChannelDevice, decideChannel } from "../trust/channel-decision.ts";
import type { TrustPolicy } from "../trust/trust-policy.ts";
import { policyFor, type TrustRoot } from "../trust/trust-root.ts";
import { checkChannelFreshness, havingBelieved, verifyChannel } from "../trust/verify-channel.ts";
import { NOTHING_TRUSTED } from "../trust/verify-release.ts";
import type { Followed } from "./follow-channel.ts";
import { whoActs } from "./install/close-entry.ts";
import type { Installation } from "./install/install.ts";
import type { Recovery } from "./install/recover.ts";
import { strategyFor } from "./install/strategy.ts";
import { type DevicePlace, findPlace, withDevice } from "./place.ts";
import { rememberedTrustRoot } from "./remember-trust-root.ts";
import type { DeviceState } from "./state.ts";
import { type ChannelNews, NOTHING_PLANNED, type Offer } from "./update-report.ts";
import type { UpdateRequest, UpdateTools } from "./update-request.ts";

/** What is installed is another release than when it was decided: a cut switch was ended, or another command ran. */
export class DecisionChanged extends Error {
  readonly recovery: Recovery;

  constructor(recovery: Recovery) {
    super("what is installed here has changed");
    this.recovery = recovery;
  }
}

/**
 * Under the lock, and before anything comes: from now on no older document is obeyed.
 *
 * @returns what is decided on the records as they are now
 * @throws ReleaseError CHANNEL_*; DecisionChanged when that is something else than before
 */
export function believe(
  followed: Followed,
  { version, allowDowngrade = false }: Pick<UpdateRequest, "version" | "allowDowngrade">,
  device: ChannelDevice,
  { state, now }: Pick<Installation, "state" | "now">,
  recovery: Recovery,
): ChannelDecision {
  const { document, available } = followed;
  const { channel } = document;
  checkChannelFreshness(followed, { channel, now: now(), trusted: state.trusted() });
  const id = state.makeDeviceId(device.id);
  const decided = decideChannel({ document, device: { ...device, id }, version, allowDowngrade, available });
  if (JSON.stringify(decided.answer) !== JSON.stringify(followed.decision.answer))
    throw new DecisionChanged(recovery);
  const trusted = havingBelieved(state.trusted(), followed, now());
  if (followed.isNews) state.trust(trusted);
  return decided;
}

/**
 * By the trust root that the records hold by now: another command may have learned of a newer one meanwhile.
 *
 * @param believed by which it was proven @throws what verifyChannel throws
 */
export async function proveFollowedAgain(
  { document, bytes }: Followed,
  believed: TrustRoot | undefined,
  policy: TrustPolicy,
  { state, now }: Pick<Installation, "state" | "now">,
): Promise<void> {
  const newest = rememberedTrustRoot(state);
  if (newest === undefined || newest.sha256 === believed?.sha256) return;
  await verifyChannel({
    ...policyFor(newest, "channel", policy),
    ...{ documentBytes: bytes.document, signatureBytes: bytes.signature, channel: document.channel },
    ...{ now: now(), trusted: NOTHING_TRUSTED },
  });
}

/** Hex. */
export function newDeviceId(): string {
  return randomBytes(DEVICE_ID_BYTES).toString("hex");
}

/** For who only looks: that this document was seen counts from now on. @throws what withDevice and believe throw */
export async function remember(
  followed: Followed,
  request: UpdateRequest,
  tools: Pick<UpdateTools, "now">,
): Promise<void> {
  const { root, gate, signal } = request;
  const place = await findPlace(root);
  await withDevice(place, { now: tools.now, signal, ...(gate && { gate }) }, async ({ state, now }) => {
    await proveFollowedAgain(followed, undefined, request, { state, now });
    const { channel } = followed.document;
    checkChannelFreshness(followed, { channel, now: now(), trusted: state.trusted() });
    state.makeDeviceId(newDeviceId());
    state.trust(havingBelieved(state.trusted(), followed, now()));
  });
}

/** In the history before it happens, so that a cut hides nothing. Nothing when it is none. */
export function noteDowngrade({ state, now }: Installation, { version, sequence }: Manifest): void {
  const { highestSequence } = state.trusted();
  if (sequence >= highestSequence || state.installed().version === version) return;
  state.note({
    at: now().toISOString(),
    who: whoActs(),
    action: "downgrade",
    fromVersion: state.installed().version,
    toVersion: version,
    result: `allowed by --allow-downgrade: sequence ${sequence}, and ${highestSequence} was believed`,
  });
}

/** An offer of nothing. */
export async function stayingOffer(
  request: UpdateRequest,
  place: DevicePlace,
  state: DeviceState | undefined,
  followed: Followed,
  channel: ChannelNews | undefined,
): Promise<Offer> {
  const { version = "" } = state?.installed() ?? {};
  const { product } = followed.document;
  const { report } = followed;
  const strategy = await strategyFor(place, state, request.strategy);
  return {
    ...{ from: version, to: version, product, signers: report.signers, strategy: strategy.name },
    ...{ plan: NOTHING_PLANNED, bytesToFetch: 0, upToDate: true, channel, followed },
  };
}
