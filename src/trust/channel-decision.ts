/**
 * What a believed channel document means for one device: decided as data, so that `why` can show it, `check` and
 * `update` obey the same, and tests compare it.
 *
 *   recalled? -> held? -> which offer is of this platform? -> which of its releases is for this device?
 *             -> is that above what is installed? -> what must be passed on the way?
 *
 * Whoever asks for a version by name is not asked whether it is his turn; a recall he is not asked about either.
 */
import {
  type Channel,
  type ChannelOffer,
  type ChannelRelease,
  type Recall,
  recallOf,
} from "../format/channel/channel.ts";
import { exactness, type Platform, platformName, runsOn } from "../format/channel/platform.ts";
import { bucketOf, isFor } from "../format/channel/rollout.ts";
import { mayUpgradeFrom } from "../format/channel/upgrade-path.ts";
import type { Verified } from "./verified.ts";

export type ChannelDevice = Platform & {
  /** Version "" when nothing is. */
  readonly installed: Pick<ChannelRelease, "version" | "sequence" | "manifest_sha256">;
  readonly highestSequence: number;
  /** "" as long as none was made. */
  readonly id: string;
};

export type ChannelQuestion = {
  readonly document: Verified<Channel>;
  readonly device: ChannelDevice;
  /** The version that an operator asks for, "" for what is offered. */
  readonly version: string;
  /** An operator lets the device go to what is older. */
  readonly allowDowngrade: boolean;
  /** The digest of the one manifest that there is, as in an offline bundle; undefined where a source has them all. */
  readonly available?: string | undefined;
};

export type ChannelAnswer =
  /** `release` is next; `goal` is where that leads, another one when it is a step on the way. */
  | { readonly kind: "install"; readonly release: ChannelRelease; readonly goal: ChannelRelease }
  /** What was asked for by name; the document may not know it. */
  | { readonly kind: "asked"; readonly release: ChannelRelease | undefined }
  | { readonly kind: "stay"; readonly why: StayReason }
  | {
      readonly kind: "refuse";
      readonly code: "PLATFORM_MISMATCH" | "RELEASE_RECALLED" | "STEPPING_STONE" | "CHANNEL_MIX";
      readonly message: string;
    };

/** "ahead": what is installed is above all that is for this device. */
export type StayReason = "held" | "nothing-offered" | "not-yet" | "ahead";

export type ChannelDecision = {
  readonly answer: ChannelAnswer;
  /** The newest release that is offered for this platform. */
  readonly newest: ChannelRelease | undefined;
  /** Of this device for that release; undefined as long as it has no id. */
  readonly bucket: number | undefined;
  /** Of what is installed. */
  readonly recall: Recall | undefined;
  /** No release below this sequence is believed. */
  readonly leastSequence: number;
};

export function decideChannel(question: ChannelQuestion): ChannelDecision {
  const { document, device } = question;
  const offer = offerFor(document, device);
  const newest = offer?.releases.at(-1);
  const recall = device.installed.version === "" ? undefined : recallOf(document, device.installed);
  const answer = answerTo(question, offer, recall);
  return {
    answer,
    newest,
    bucket: newest && device.id !== "" ? bucketOf(newest.manifest_sha256, device.id) : undefined,
    recall,
    leastSequence: leastSequence(question, answer),
  };
}

/** The one of this very platform before one of any. */
function offerFor({ offers }: Channel, device: ChannelDevice): ChannelOffer | undefined {
  return offers
    .filter((offer) => runsOn(offer, device))
    .reduce<ChannelOffer | undefined>(
      (best, each) => (best && exactness(best) >= exactness(each) ? best : each),
      undefined,
    );
}

function answerTo(
  { document, device, version, allowDowngrade, available }: ChannelQuestion,
  offer: ChannelOffer | undefined,
  recall: Recall | undefined,
): ChannelAnswer {
  const { installed } = device;
  if (version !== "") {
    const asked = document.recalls.find((each) => each.version === version);
    if (asked) return refuse("RELEASE_RECALLED", recalled(asked));
    const listed = [...(offer?.releases ?? []), ...document.offers.flatMap(({ releases }) => releases)];
    return { kind: "asked", release: listed.find((each) => each.version === version) };
  }
  if (document.hold !== "") return { kind: "stay", why: "held" };
  if (!offer) {
    if (document.offers.length === 0) return { kind: "stay", why: "nothing-offered" };
    const offered = document.offers.map(platformName).join(", ");
    return refuse(
      "PLATFORM_MISMATCH",
      `the channel offers nothing for ${platformName(device)}, but for ${offered}`,
    );
  }
  const there = offer.releases.filter(
    ({ manifest_sha256 }) => available === undefined || available === manifest_sha256,
  );
  if (there.length === 0 && available !== installed.manifest_sha256) {
    const taken = document.recalls.find(({ manifest_sha256 }) => manifest_sha256 === available);
    return taken
      ? refuse("RELEASE_RECALLED", recalled(taken))
      : refuse("CHANNEL_MIX", "the release that is there is none that the channel offers for this device");
  }
  const mine = there.filter((release) => isFor(release, device.id));
  const goal = mine.at(-1);
  if (!goal) return { kind: "stay", why: "not-yet" };
  if (installed.version === "" || goal.manifest_sha256 === installed.manifest_sha256)
    return { kind: "install", release: goal, goal };
  if (goal.sequence <= installed.sequence) {
    if (recall?.go_back || allowDowngrade) return { kind: "install", release: goal, goal };
    const isLast = mine.length === offer.releases.length;
    return { kind: "stay", why: isLast ? "ahead" : "not-yet" };
  }
  const known = [...offer.releases, ...document.recalls];
  const release = mine.findLast(
    ({ sequence, min_upgrade_from }) =>
      sequence > installed.sequence && mayUpgradeFrom(installed, min_upgrade_from, known),
  );
  if (release) return { kind: "install", release, goal };
  return refuse(
    "STEPPING_STONE",
    `${goal.version} takes devices from ${goal.min_upgrade_from} on, ${installed.version} is installed, and the channel names no release between`,
  );
}

/**
 * A recall by which devices go back is the publisher's word that what was highest does not count. It is so for
 * what is installed, and for whoever went back from it and is offered the next one.
 */
function leastSequence({ document, device, allowDowngrade }: ChannelQuestion, answer: ChannelAnswer): number {
  const { highestSequence, installed } = device;
  if (allowDowngrade) return 0;
  if (answer.kind !== "install") return highestSequence;
  if (answer.release.manifest_sha256 === installed.manifest_sha256)
    return Math.min(highestSequence, installed.sequence);
  const isTakenBack = document.recalls.some(
    ({ go_back, sequence }) => go_back && sequence === highestSequence,
  );
  return isTakenBack ? Math.min(highestSequence, answer.release.sequence) : highestSequence;
}

export function recalled({ version, reason }: Recall): string {
  return `${version} was recalled by its publisher: ${reason}`;
}

function refuse(
  code: Extract<ChannelAnswer, { kind: "refuse" }>["code"],
  message: string,
): Extract<ChannelAnswer, { kind: "refuse" }> {
  return { kind: "refuse", code, message };
}
