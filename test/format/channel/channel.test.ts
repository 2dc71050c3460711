import { expect, it } from "vitest";
import { encodeCanonicalJson, type Json } from "../../../src/base/canonical-json.ts";
import { decodeChannel, encodeChannel, MAX_CHANNEL_BYTES } from "../../../src/format/channel/channel.ts";
import { runsOn } from "../../../src/format/channel/platform.ts";
import { mayUpgradeFrom } from "../../../src/format/channel/upgrade-path.ts";
import { channelOf, listed, recallOf } from "../../kit/channel-facts.ts";

const honest = channelOf([listed("1.0.0"), listed("2.0.0", { rollout: 500 })], {
  recalls: [recallOf("1.5.0", true)],
});

it("reads back what it writes", () => {
  expect(decodeChannel(encodeChannel(honest))).toEqual(honest);
});

it.each([
  { why: "another key", change: { more: 1 }, code: "DOCUMENT_INVALID" },
  { why: "a newer form of document", change: { schema_version: 2 }, code: "DOCUMENT_VERSION" },
  { why: "version 0", change: { version: 0 }, code: "DOCUMENT_INVALID" },
  { why: "a version beyond the last", change: { version: 2 ** 40 + 1 }, code: "DOCUMENT_INVALID" },
  { why: "no end", change: { expires: "" }, code: "DOCUMENT_INVALID" },
  { why: "the 31st of February", change: { expires: "2026-02-31T00:00:00Z" }, code: "DOCUMENT_INVALID" },
  { why: "a channel whose name climbs", change: { channel: "../x" }, code: "DOCUMENT_INVALID" },
  { why: "a reason that steers the terminal", change: { hold: "\u001b[2J" }, code: "DOCUMENT_INVALID" },
  {
    why: "more than all devices",
    change: channelOf([listed("1.0.0", { rollout: 10_001 })]),
    code: "DOCUMENT_INVALID",
  },
  {
    why: "releases in another order",
    change: channelOf([listed("2.0.0"), listed("1.0.0")]),
    code: "DOCUMENT_INVALID",
  },
  {
    why: "one version as two releases",
    change: {
      offers: ["any", "linux"].map((platform, i) => ({
        ...{ platform, architecture: "any" },
        releases: [listed("1.0.0", { manifest_sha256: `${i}`.repeat(64) })],
      })),
    },
    code: "DOCUMENT_INVALID",
  },
  {
    why: "two offers for one platform",
    change: { offers: [...honest.offers, ...honest.offers] },
    code: "DOCUMENT_INVALID",
  },
  {
    why: "a release that is offered and recalled",
    change: { recalls: [recallOf("1.0.0", false)] },
    code: "DOCUMENT_INVALID",
  },
])("refuses $why", ({ change, code }) => {
  const bytes = encodeCanonicalJson({ ...honest, ...change } as Json);
  expect(() => decodeChannel(bytes)).toThrow(expect.objectContaining({ code, kind: "refused" }));
});

it("refuses what is longer than a device reads, before it is looked into", () => {
  expect(() => decodeChannel(Buffer.alloc(MAX_CHANNEL_BYTES + 1, 0x20))).toThrow(
    expect.objectContaining({ code: "DOCUMENT_TOO_LARGE" }),
  );
});

it.each([
  { wanted: "linux/x86_64", device: "linux/x64", runs: true },
  { wanted: "Linux/amd64", device: "linux/x64", runs: true },
  { wanted: "windows/any", device: "win32/arm64", runs: true },
  { wanted: "/", device: "sunos/sparc", runs: true },
  { wanted: "linux/aarch64", device: "linux/x64", runs: false },
  { wanted: "darwin/any", device: "linux/x64", runs: false },
])("what is for $wanted runs on $device: $runs", ({ wanted, device, runs }) => {
  const [of, on] = [wanted, device].map((text) => text.split("/")) as [string[], string[]];
  const named = ([platform = "", architecture = ""]: string[]) => ({ platform, architecture });
  expect(runsOn(named(of), named(on))).toBe(runs);
});

it.each([
  { from: "1.0.0", least: "", may: true },
  { from: "", least: "2.0.0", may: true },
  { from: "2.0.0", least: "2.0.0", may: true },
  { from: "1.9.9", least: "2.0.0", may: false },
  { from: "2.0.0-rc.1", least: "2.0.0", may: false },
  { from: "10.0", least: "9.5", may: true },
  { from: "v2", least: "10", may: false },
  { from: "blue", least: "green", may: false },
])("from $from to what wants $least: $may", ({ from, least, may }) => {
  expect(mayUpgradeFrom({ version: from, sequence: 5 }, least)).toBe(may);
});

it("names that nobody can compare are by their sequences", () => {
  const known = [{ version: "green", sequence: 4 }];
  expect(mayUpgradeFrom({ version: "blue", sequence: 5 }, "green", known)).toBe(true);
  expect(mayUpgradeFrom({ version: "blue", sequence: 3 }, "green", known)).toBe(false);
});
