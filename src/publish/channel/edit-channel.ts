/**
 * Changes to a channel document: values in, the next version out, or a refusal of what no device should be told.
 *
 *   promote   a release becomes the newest; of the older ones stay those that are still needed
 *   recall    a release is installed by nobody any more
 *
 * An older release stays for the devices that the newest is not for yet, or as the step that must be passed on the
 * way to a newer one; the rest goes, because a device takes the highest that is for it.
 */
import {
  ALL_DEVICES,
  type Channel,
  type ChannelOffer,
  type ChannelRelease,
  encodeChannel,
  MAX_CHANNEL_VERSION,
  type Recall,
  recallOf,
} from "../../format/channel/channel.ts";
import type { Platform } from "../../format/channel/platform.ts";
import { mayUpgradeFrom } from "../../format/channel/upgrade-path.ts";
import { PublishError } from "../publish-error.ts";
import { wireDate } from "../release.ts";

/** What the next version says of itself. */
export type NextVersion = {
  readonly now: Date;
  /** Any date that JavaScript reads; undefined leaves it. */
  readonly expires?: string | undefined;
  /** Default: one more than before. */
  readonly number?: number | undefined;
};

export type Promotion = {
  readonly release: ChannelRelease;
  readonly product: string;
  readonly place: Platform;
  /** Releases that are passed on the way. */
  readonly through: readonly ChannelRelease[];
};

/** @throws PublishError CHANNEL_REFUSED, RELEASE_INVALID; DocumentError */
export function newChannel(
  { product, channel }: Pick<Channel, "product" | "channel">,
  expires: string,
  now: Date,
): Channel {
  const empty = { schema_version: 1, product, channel, version: 0, expires: "", hold: "" };
  return next({ ...empty, offers: [], recalls: [] }, {}, { now, expires });
}

/** The next version, whole and valid. @throws PublishError CHANNEL_REFUSED, RELEASE_INVALID; DocumentError */
export function next(
  before: Channel,
  change: Partial<Pick<Channel, "hold" | "offers" | "recalls">>,
  { now, expires, number = before.version + 1 }: NextVersion,
): Channel {
  if (number <= before.version || number > MAX_CHANNEL_VERSION) {
    throw refused(
      `the version would be ${number}: it must be above ${before.version}, and ${MAX_CHANNEL_VERSION} at the most`,
    );
  }
  const after = { ...before, ...change, version: number, expires: expiry(expires, now) ?? before.expires };
  if (Date.parse(after.expires) <= now.getTime()) {
    throw refused(`the document expired on ${after.expires}, and devices refuse it`, "give --expires DATE");
  }
  encodeChannel(after);
  return after;
}

/** @throws PublishError RELEASE_INVALID, CHANNEL_REFUSED */
function expiry(expires: string | undefined, now: Date): string | undefined {
  if (expires === undefined) return undefined;
  const date = new Date(expires);
  if (Number.isNaN(date.getTime())) {
    throw new PublishError("RELEASE_INVALID", `--expires ${JSON.stringify(expires)} is not a date`, {
      hint: "write it as 2027-01-31 or 2027-01-31T12:00:00Z",
    });
  }
  if (date <= now) throw refused(`--expires ${expires} is in the past: devices would refuse the document`);
  return wireDate(expires);
}

/** @throws PublishError CHANNEL_REFUSED */
export function promoted(
  document: Channel,
  { release, product, place, through }: Promotion,
): Channel["offers"] {
  if (product !== document.product)
    throw refused(`the bundle is of ${product}, the channel ${document.channel} of ${document.product}`);
  const offer = offerAt(document, place);
  const newest = offer?.releases.at(-1);
  for (const each of [release, ...through]) {
    const recall = recallOf(document, each);
    if (recall) throw refused(`${each.version} was recalled: ${recall.reason}`);
  }
  if (newest && release.sequence <= newest.sequence) {
    const isSame = newest.manifest_sha256 === release.manifest_sha256;
    throw refused(
      isSame
        ? `${release.version} is offered already`
        : `${release.version} has sequence ${release.sequence}, and ${newest.version} with ${newest.sequence} is offered`,
      isSame
        ? "themis-bundle channel percentage changes for how many devices it is"
        : "devices never go back by themselves: recall what is offered first",
    );
  }
  const late = through.find(({ sequence }) => sequence >= release.sequence);
  if (late) throw refused(`${late.version} is not before ${release.version} and cannot be passed on the way`);
  const fresh = new Map([...through, release].map((each) => [each.manifest_sha256, each]));
  const older = (offer?.releases ?? []).filter((each) => !fresh.has(each.manifest_sha256));
  const all = [...older, ...fresh.values()].sort((a, b) => a.sequence - b.sequence);
  return withOffer(document, { ...place, releases: needed(all, new Set(through)) });
}

/** For how many devices the newest is. @throws PublishError CHANNEL_REFUSED */
export function rolledOut(document: Channel, place: Platform, rollout: number): Channel["offers"] {
  const offer = offerAt(document, place);
  const newest = offer?.releases.at(-1);
  if (!offer || !newest) throw refused(`nothing is offered for ${place.platform}/${place.architecture}`);
  if (newest.rollout === rollout) throw refused(`${newest.version} is for ${rollout / 100} % already`);
  const releases = needed([...offer.releases.slice(0, -1), { ...newest, rollout }]);
  return withOffer(document, { ...place, releases });
}

/** @throws PublishError CHANNEL_REFUSED */
export function recalledFrom(
  document: Channel,
  recall: Omit<Recall, "sequence" | "manifest_sha256">,
  known?: Pick<Recall, "sequence" | "manifest_sha256">,
): Pick<Channel, "offers" | "recalls"> {
  const { version } = recall;
  if (document.recalls.some((each) => each.version === version))
    throw refused(`${version} was recalled already`);
  const listed = document.offers
    .flatMap(({ releases }) => releases)
    .find((release) => release.version === version);
  const which = known ?? listed;
  if (!which) {
    throw refused(
      `the channel ${document.channel} does not offer ${version}, so its digest is not known`,
      "name its bundle: --bundle DIR",
    );
  }
  const { sequence, manifest_sha256 } = which;
  const offers = document.offers.flatMap((offer) => {
    const releases = offer.releases.filter(
      (release) => release.version !== version && release.manifest_sha256 !== manifest_sha256,
    );
    return releases.length === 0 ? [] : [{ ...offer, releases }];
  });
  const recalls = [...document.recalls, { ...recall, sequence, manifest_sha256 }];
  return { offers, recalls: recalls.sort((a, b) => compare(a.manifest_sha256, b.manifest_sha256)) };
}

/** @throws PublishError CHANNEL_REFUSED */
export function held(document: Channel, reason: string): string {
  if (document.hold === reason) throw refused(reason === "" ? "nothing is held" : "it is held already");
  return reason;
}

/** Releases whose own demand no release before them meets: devices below it are stuck. */
export function deadEnds({ offers }: Channel): readonly ChannelRelease[] {
  return offers.flatMap(({ releases }) =>
    releases.filter(
      (release) =>
        release.min_upgrade_from !== "" &&
        !releases.some(
          (step) =>
            step.sequence < release.sequence && mayUpgradeFrom(step, release.min_upgrade_from, releases),
        ),
    ),
  );
}

/** @param named by somebody, and kept */
function needed(
  releases: readonly ChannelRelease[],
  named: ReadonlySet<ChannelRelease> = new Set(),
): readonly ChannelRelease[] {
  const kept: ChannelRelease[] = [];
  for (const release of releases.toReversed()) {
    const isForRest = !kept.some(({ rollout }) => rollout === ALL_DEVICES);
    const isStep = kept.some(
      ({ min_upgrade_from: least, sequence }) =>
        least !== "" &&
        mayUpgradeFrom(release, least, releases) &&
        !kept.some(
          (other) =>
            other.sequence < sequence &&
            other.rollout === ALL_DEVICES &&
            mayUpgradeFrom(other, least, releases),
        ),
    );
    if (isForRest || isStep || named.has(release)) kept.unshift(release);
  }
  return kept;
}

function offerAt({ offers }: Channel, { platform, architecture }: Platform): ChannelOffer | undefined {
  return offers.find((offer) => offer.platform === platform && offer.architecture === architecture);
}

function withOffer({ offers }: Channel, offer: ChannelOffer): readonly ChannelOffer[] {
  const key = ({ platform, architecture }: Platform): string => `${platform} ${architecture}`;
  const others = offers.filter((each) => key(each) !== key(offer));
  return [...others, offer].sort((a, b) => compare(key(a), key(b)));
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function refused(message: string, hint = ""): PublishError {
  return new PublishError("CHANNEL_REFUSED", message, hint === "" ? {} : { hint });
}
