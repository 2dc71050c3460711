/** A decision in sentences, for `why`, for whoever waits for a release, and for the log of a watch. */
import { ALL_DEVICES } from "../format/channel/channel.ts";
import { platformName } from "../format/channel/platform.ts";
import { type ChannelDevice, recalled } from "../trust/channel-decision.ts";
import type { Followed } from "./follow-channel.ts";
import type { ChannelNews } from "./update-report.ts";

export function newsOf(followed: Followed, device: ChannelDevice): ChannelNews {
  const { document, decision } = followed;
  const { answer, newest } = decision;
  const goal = answer.kind === "install" ? answer.goal : newest;
  return {
    name: document.channel,
    version: document.version,
    expires: document.expires,
    kind: answer.kind,
    goal: goal?.version ?? "",
    isCritical: goal?.is_critical ?? false,
    recalled: decision.recall ? recalled(decision.recall) : "",
    why: sentences(followed, device),
  };
}

/** The last one says what comes of it. */
function sentences({ document, decision }: Followed, device: ChannelDevice): string[] {
  const { channel, version, expires } = document;
  const { recall, newest } = decision;
  const { installed } = device;
  const said = [`the channel ${channel} is at version ${version}, good until ${expires}`];
  said.push(installed.version === "" ? "nothing is installed" : `${installed.version} is installed`);
  if (recall) said.push(recalled(recall));
  if (document.hold !== "") said.push(`the publisher holds everything back: ${document.hold}`);
  if (newest) {
    const critical = newest.is_critical ? ", and is critical" : "";
    said.push(`${newest.version} is the newest for ${platformName(device)}${critical}`);
    if (newest.rollout < ALL_DEVICES) said.push(shareOf(newest.rollout, decision.bucket));
  }
  said.push(outcome(decision.answer, device, recall !== undefined));
  return said;
}

function shareOf(rollout: number, bucket: number | undefined): string {
  const share = `it is for ${rollout / 100} % of the devices`;
  if (bucket === undefined) return `${share}, and this device draws its number with its first update`;
  const isIn = bucket < rollout ? "is one of them" : "is not one of them yet";
  return `${share}: this one has number ${bucket} of ${ALL_DEVICES} and ${isIn}`;
}

function outcome(
  answer: Followed["decision"]["answer"],
  { installed }: ChannelDevice,
  isRecalled: boolean,
): string {
  switch (answer.kind) {
    case "refuse":
      return answer.message;
    case "asked":
      return answer.release
        ? `${answer.release.version} was asked for, and the channel knows it`
        : "a release was asked for that the channel does not name; its own signature decides";
    case "stay":
      return staying(answer.why, installed.version, isRecalled);
    case "install": {
      const { release, goal } = answer;
      if (release.manifest_sha256 === installed.manifest_sha256) return "there is nothing to do";
      if (release !== goal)
        return `${release.version} comes first, because ${goal.version} takes devices from ${goal.min_upgrade_from} on`;
      const isBack = installed.version !== "" && release.sequence <= installed.sequence;
      return isBack ? `an update goes back to ${release.version}` : `an update brings ${release.version}`;
    }
  }
}

function staying(
  why: Extract<Followed["decision"]["answer"], { kind: "stay" }>["why"],
  installed: string,
  isRecalled: boolean,
): string {
  const stays = installed === "" ? "nothing is installed for now" : `${installed} stays`;
  switch (why) {
    case "held":
      return `${stays} until the publisher goes on`;
    case "nothing-offered":
      return `the channel offers nothing: ${stays}`;
    case "not-yet":
      return `nothing newer is for this device yet: ${stays}`;
    case "ahead":
      return isRecalled
        ? `nothing newer is offered, and the publisher does not ask to go back: ${stays}`
        : `nothing newer is offered: ${stays}`;
  }
}
