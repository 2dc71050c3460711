/** Which releases get deltas: by bytes over all devices, within what a release may cost. */
import { cpSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { chooseDeltas, type PlanLimits } from "../../src/publish/plan/choose-deltas.ts";
import type { Estimate } from "../../src/publish/plan/estimate.ts";
import { readStats } from "../../src/publish/plan/usage.ts";
import { fakeGitHub } from "../kit/github/server.ts";
import { makeReleaseLine, type ReleaseLine } from "../kit/release-line.ts";
import { noise, ok, run } from "../kit/world.ts";

const NO_LIMITS: PlanLimits = { deltas: 64, bytes: 1e12, cpuSeconds: 1e9 };
const estimate = (version: string, wholeBytes: number, deltaBytes: number): Estimate => ({
  ...{ version, wholeBytes, deltaBytes, patchBytes: deltaBytes, cpuSeconds: 60, comparisons: 1 },
});
const THREE = [estimate("1.0", 1000, 600), estimate("1.1", 1000, 100), estimate("1.2", 500, 500)];
const DEVICES = new Map([
  ["1.0", 10],
  ["1.1", 2],
  ["1.2", 99],
]);

describe("deltas are chosen", () => {
  const chosen = (limits: Partial<PlanLimits>, usage: ReadonlyMap<string, number> | undefined = DEVICES) =>
    chooseDeltas(THREE, usage, { ...NO_LIMITS, ...limits })
      .deltas.filter(({ isChosen }) => isChosen)
      .map(({ version }) => version);

  it.each([
    { why: "where they save anything", limits: {}, expected: ["1.0", "1.1"] },
    { why: "first where most devices are", limits: { deltas: 1 }, expected: ["1.0"] },
    { why: "within the bytes of patches", limits: { bytes: 599 }, expected: ["1.1"] },
    { why: "within the time of making them", limits: { cpuSeconds: 119 }, expected: ["1.0"] },
    { why: "not at all where none is allowed", limits: { deltas: 0 }, expected: [] },
  ])("$why", ({ limits, expected }) => {
    expect(chosen(limits)).toEqual(expected);
  });

  it("by what they save alone where nobody counted, and not where no device is", () => {
    expect(
      chooseDeltas(THREE, undefined, { ...NO_LIMITS, deltas: 1 }).deltas.map((each) => each.isChosen),
    ).toEqual([false, true, false]);
    expect(chosen({}, new Map([["1.1", 1]]))).toEqual(["1.1"]);
  });

  it("and what they come to is told", () => {
    expect(chooseDeltas(THREE, DEVICES, NO_LIMITS)).toMatchObject({
      ...{ bytesBefore: 10_000 + 2000 + 49_500, bytesAfter: 6000 + 200 + 49_500 },
      ...{ patchBytes: 700, cpuSeconds: 120, assets: 7 },
    });
  });
});

it.each(["1.0", "1.0 x", "1.0 -1", "one two 3", "1.0 1\n1.0 2", "1.0 9999999999999"])(
  "a line of statistics is refused by its number: %j",
  (text) => {
    expect(() => readStats(`# devices\n\n${text}\n`, "s.txt")).toThrow(
      expect.objectContaining({ code: "STATS_INVALID", message: expect.stringMatching(/^s\.txt:[34] /) }),
    );
  },
);

describe("the command", () => {
  let line: ReleaseLine;
  let from: string[];
  beforeAll(async () => {
    line = await makeReleaseLine(["1.0.0", "1.1.0", "1.2.0"]);
    mkdirSync(line.at("strange"));
    writeFileSync(join(line.at("strange"), "other"), noise(200_000, 77));
    from = [`1.0.0=${line.trees[0]}`, `1.1.0=${line.trees[1]}`, `0.1.0=${line.at("strange")}`];
  });
  afterAll(() => line.remove());
  const plan = (...more: string[]) =>
    ok("themis-bundle", "plan", line.trees[2]!, ...from.flatMap((each) => ["--from", each]), ...more);

  it("weighs by a file, needs no token, and orders releases as a build then measures them", async () => {
    writeFileSync(line.at("stats.txt"), "# devices\n1.0.0 5\n1.1.0 300\n0.1.0 7\n");
    const planned = await plan("--stats", line.at("stats.txt"));
    expect(planned).toMatchObject({ schema: "themis-bundle/plan/1", from: ["1.0.0", "1.1.0"] });
    const deltas = planned.deltas as { version: string; wholeBytes: number; deltaBytes: number }[];
    expect(planned.bytesAfter).toBeLessThan((planned.bytesBefore as number) / 2);
    const out = line.at("measured");
    const facts = ["--product", "app", "--version", "1.2.0", "--out", out, "--algorithm", "bsdiff"];
    const built = await ok(
      "themis-bundle",
      "build",
      line.trees[2]!,
      ...facts,
      "--from",
      from[0]!,
      "--from",
      from[1]!,
    );
    const outcomes = built.deltas as {
      from: string;
      wholeBytes: number;
      patchBytes: number;
      algorithm?: string;
    }[];
    for (const version of ["1.0.0", "1.1.0"]) {
      const measured = outcomes.filter((each) => each.from === version && each.algorithm);
      const saved = measured.reduce((sum, each) => sum + each.wholeBytes - each.patchBytes, 0);
      const { wholeBytes, deltaBytes } = deltas.find((each) => each.version === version)!;
      expect((wholeBytes - deltaBytes) / saved).toBeGreaterThan(0.7);
      expect((wholeBytes - deltaBytes) / saved).toBeLessThan(1.3);
    }
  });

  it("weighs by what a page on GitHub counted, by few calls", async () => {
    const github = await fakeGitHub();
    const repository = github.state.addRepository("acme/app");
    github.state.addToken("ghp_planner", { "acme/app": "contents: read" });
    for (const [version, downloads] of [
      ["1.0.0", 400],
      ["1.1.0", 0],
    ] as const) {
      const release = repository.addRelease(`v${version}`);
      repository.addAsset(release, "manifest.json", Buffer.from("{}")).downloads = downloads;
    }
    Object.assign(process.env, github.environment, { GH_TOKEN: "ghp_planner" });
    try {
      const planned = await plan("--to", "github:acme/app", "--max-deltas", "3");
      expect(planned).toMatchObject({ from: ["1.0.0"] });
      expect(github.calls()).toBe(1);
    } finally {
      for (const name of [...Object.keys(github.environment), "GH_TOKEN"]) delete process.env[name];
      await github.close();
    }
  });

  it("says what it decided, and refuses two ways of counting", async () => {
    cpSync(line.trees[2]!, line.at("copy"), { recursive: true, verbatimSymlinks: true });
    const args = ["plan", line.at("copy"), "--from", from[1]!];
    expect((await run("themis-bundle", ...args)).stdout).toMatch(
      /1\.1\.0 .* delta .*over all devices .* saved\), estimated/s,
    );
    const both = await run("themis-bundle", ...args, "--stats", "x", "--to", "github:a/b");
    expect(both).toMatchObject({ status: 2, stderr: expect.stringMatching(/one can count/) });
  });
});
