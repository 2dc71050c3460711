/** What a channel document means for a device, in every case that a publisher can make. */
import { expect, it } from "vitest";
import type { Channel, ChannelRelease } from "../../src/format/channel/channel.ts";
import { type ChannelAnswer, decideChannel } from "../../src/trust/channel-decision.ts";
import { markVerified } from "../../src/trust/verified.ts";
import { channelOf, listed, recallOf } from "../kit/channel-facts.ts";

type Case = {
  readonly why: string;
  readonly document: Channel;
  readonly on: string;
  readonly highest?: number;
  readonly version?: string;
  readonly allowDowngrade?: boolean;
  readonly answer: string;
};

const nobody = { rollout: 0 };
const line = channelOf([
  listed("1.0.0"),
  listed("2.0.0", { min_upgrade_from: "1.0.0" }),
  listed("3.0.0", { min_upgrade_from: "2.0.0" }),
]);
const taken = channelOf([listed("1.0.0")], { recalls: [recallOf("3.0.0", true)] });

const cases: readonly Case[] = [
  { why: "what is offered", document: channelOf([listed("2.0.0")]), on: "1.0.0", answer: "2.0.0" },
  { why: "onto nothing", document: line, on: "", answer: "3.0.0" },
  { why: "what is installed", document: channelOf([listed("2.0.0")]), on: "2.0.0", answer: "2.0.0" },
  { why: "a step first", document: line, on: "1.0.0", answer: "2.0.0 for 3.0.0" },
  { why: "then the rest", document: line, on: "2.0.0", answer: "3.0.0" },
  { why: "a step for who stands between", document: line, on: "1.5.0", answer: "2.0.0 for 3.0.0" },
  {
    why: "no step there is",
    document: channelOf([listed("3.0.0", { min_upgrade_from: "2.0.0" })]),
    on: "1.0.0",
    answer: "STEPPING_STONE",
  },
  {
    why: "the one before, while the newest is for others",
    document: channelOf([listed("2.0.0"), listed("3.0.0", nobody)]),
    on: "1.0.0",
    answer: "2.0.0",
  },
  {
    why: "nothing, while the newest is for others",
    document: channelOf([listed("2.0.0"), listed("3.0.0", nobody)]),
    on: "2.5.0",
    answer: "stay not-yet",
  },
  {
    why: "nothing for a new device outside of the share",
    document: channelOf([listed("3.0.0", nobody)]),
    on: "",
    answer: "stay not-yet",
  },
  {
    why: "a share that shrank takes nothing away",
    document: channelOf([listed("2.0.0"), listed("3.0.0", nobody)]),
    on: "3.0.0",
    answer: "stay not-yet",
  },
  { why: "never back by itself", document: channelOf([listed("1.0.0")]), on: "2.0.0", answer: "stay ahead" },
  { why: "nothing is offered", document: channelOf([]), on: "2.0.0", answer: "stay nothing-offered" },
  {
    why: "held",
    document: channelOf([listed("3.0.0")], { hold: "weekend" }),
    on: "2.0.0",
    answer: "stay held",
  },
  { why: "back from a recalled one", document: taken, on: "3.0.0", highest: 30_000, answer: "1.0.0" },
  {
    why: "told, but not back, where the publisher does not ask for it",
    document: channelOf([listed("1.0.0")], { recalls: [recallOf("3.0.0", false)] }),
    on: "3.0.0",
    answer: "stay ahead",
  },
  {
    why: "on from a recalled one",
    document: channelOf([listed("3.0.1")], { recalls: [recallOf("3.0.0", false)] }),
    on: "3.0.0",
    answer: "3.0.1",
  },
  {
    why: "not even a recalled one that is held",
    document: { ...taken, hold: "we look into it" },
    on: "3.0.0",
    answer: "stay held",
  },
  {
    why: "by name, a recalled one",
    document: taken,
    on: "1.0.0",
    version: "3.0.0",
    answer: "RELEASE_RECALLED",
  },
  {
    why: "by name, one that is for others",
    document: channelOf([listed("2.0.0"), listed("3.0.0", nobody)]),
    on: "1.0.0",
    version: "3.0.0",
    answer: "asked 3.0.0",
  },
  { why: "by name, one that nobody lists", document: line, on: "1.0.0", version: "1.1.0", answer: "asked ?" },
  {
    why: "back, because an operator says so",
    document: channelOf([listed("1.0.0")]),
    on: "2.0.0",
    allowDowngrade: true,
    answer: "1.0.0",
  },
  {
    why: "of this very processor before any",
    document: channelOf([listed("2.0.0")], {
      offers: [
        { platform: "any", architecture: "any", releases: [listed("2.0.0")] },
        { platform: "linux", architecture: "any", releases: [listed("2.0.1")] },
        { platform: "linux", architecture: "x86_64", releases: [listed("2.0.2")] },
      ],
    }),
    on: "1.0.0",
    answer: "2.0.2",
  },
  {
    why: "nothing for this platform",
    document: channelOf([], {
      offers: [{ platform: "windows", architecture: "any", releases: [listed("2.0.0")] }],
    }),
    on: "1.0.0",
    answer: "PLATFORM_MISMATCH",
  },
];

function decide({
  document,
  on,
  highest,
  version = "",
  allowDowngrade = false,
}: Omit<Case, "why" | "answer">) {
  const installed = on === "" ? { version: "", sequence: 0, manifest_sha256: "" } : listed(on);
  const device = {
    ...{ platform: "linux", architecture: "x64", installed, id: "01".repeat(16) },
    highestSequence: highest ?? installed.sequence,
  };
  return decideChannel({ document: markVerified(document), device, version, allowDowngrade });
}

function words(answer: ChannelAnswer): string {
  const named = (release: ChannelRelease | undefined): string => release?.version ?? "?";
  switch (answer.kind) {
    case "install":
      return answer.release === answer.goal
        ? named(answer.goal)
        : `${named(answer.release)} for ${named(answer.goal)}`;
    case "asked":
      return `asked ${named(answer.release)}`;
    case "stay":
      return `stay ${answer.why}`;
    case "refuse":
      return answer.code;
  }
}

it.each(cases)("on $on: $why is $answer", ({ why: _, answer, ...asked }) => {
  expect(words(decide(asked).answer)).toBe(answer);
});

it("only a recall, or an operator, lets in what lies below the highest that was believed", () => {
  const least = (asked: Omit<Case, "why" | "answer">) => decide(asked).leastSequence;
  expect(least({ document: channelOf([listed("2.0.0")]), on: "1.0.0", highest: 30_000 })).toBe(30_000);
  expect(least({ document: taken, on: "3.0.0", highest: 30_000 })).toBe(10_000);
  // Back on 1.0.0 and offered the next one, which is below the recalled one too.
  const mended = { ...taken, offers: channelOf([listed("2.0.0")]).offers };
  expect(least({ document: mended, on: "1.0.0", highest: 30_000 })).toBe(20_000);
  const noted = channelOf([listed("1.0.0")], { recalls: [recallOf("3.0.0", false)] });
  expect(least({ document: noted, on: "0.9.0", highest: 30_000 })).toBe(30_000);
  expect(
    least({ document: channelOf([listed("1.0.0")]), on: "2.0.0", highest: 30_000, allowDowngrade: true }),
  ).toBe(0);
});

it("a device goes over every step, and never comes back to one", () => {
  let on = "1.0.0";
  const way: string[] = [];
  for (let looks = 0; looks < 5; looks++) {
    const { answer } = decide({ document: line, on });
    if (answer.kind !== "install" || answer.release.version === on) break;
    on = answer.release.version;
    way.push(on);
  }
  expect(way).toEqual(["2.0.0", "3.0.0"]);
});
