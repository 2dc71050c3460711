/**
 * Hostile inputs for everything that reads what strangers send, by count: on a quiet machine about a minute.
 * `npm run fuzz` makes more of them (scripts/fuzz.ts); what was found once is in test/vectors/fuzz/findings.json.
 */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { attempt } from "./engine/attempt.ts";
import { loadTarget } from "./engine/load-target.ts";
import { type FuzzResult, runTargets } from "./engine/run.ts";
import type { TargetEntry } from "./engine/target.ts";
import { targets } from "./targets/table.ts";

const SEED = Number(process.env.THEMIS_FUZZ_SEED ?? 1);
const INPUTS = Number(process.env.THEMIS_FUZZ_INPUTS ?? 100_000);
const NO_TIME_LIMIT = 1e9;
const TIMEOUT_MS = 3_600_000;

const all = { seed: SEED, seconds: NO_TIME_LIMIT, threads: 2 };

it(
  `${INPUTS} hostile inputs are read or refused by name, and none that nobody signed is believed`,
  async () => {
    const { tallies, findings } = await runTargets({ ...all, targets, inputs: INPUTS });
    expect(findings).toEqual([]);
    expect(tallies.map(({ target }) => target).sort()).toEqual(targets.map(({ name }) => name).sort());
    for (const tally of tallies) {
      // Not all of it dies at the door, and what was learnt was kept.
      expect(tally.accepted, tally.target).toBeGreaterThan(0);
      expect(tally.words, tally.target).toBeGreaterThan(5);
      expect(tally.ancestors, tally.target).toBeGreaterThan(10);
    }
  },
  TIMEOUT_MS,
);

describe.each(targets)("$name", (entry) => {
  it("takes any bytes at all", async () => {
    const target = await loadTarget(entry);
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ maxLength: 300 }),
        fc.nat(target.seeds.length - 1),
        async (bytes, seed) => {
          expect(await attempt(target, bytes, target.seeds[seed]!)).not.toHaveProperty("kind", "finding");
        },
      ),
      { numRuns: 200, seed: SEED },
    );
  });
});

type Found = {
  readonly target: string;
  readonly seed: string;
  readonly base64: string;
  /** What was wrong. */
  readonly why: string;
  /** What is right. */
  readonly outcome: string;
};

const findings: readonly Found[] = JSON.parse(
  readFileSync(resolve(import.meta.dirname, "../vectors/fuzz/findings.json"), "utf8"),
);

describe("what was found once is mended:", () => {
  it.each(findings)("$target, $why", async ({ target: name, seed: seedName, base64, outcome }) => {
    const target = await loadTarget(targets.find((entry) => entry.name === name)!);
    const seed = target.seeds.find((each) => each.name === seedName)!;
    expect(await attempt(target, Buffer.from(base64, "base64"), seed)).toMatchObject({
      outcome: expect.stringContaining(outcome),
    });
  });
});

describe("the fuzzer", () => {
  const sources = new URL("./", import.meta.url).href;
  const planted = (name: string): TargetEntry => ({
    ...{ name, weight: 1, module: new URL("./planted.ts", import.meta.url).href },
    kind: { export: name },
  });
  const hunt = (name: string): Promise<FuzzResult> =>
    runTargets({
      ...all,
      ...{ targets: [planted(name)], inputs: 60_000, sources, maxFindings: 1 },
      ...(name === "forever" && { neverMs: 2000 }),
    });

  describe("finds a crash behind four bytes, one after the other,", () => {
    let first: FuzzResult;
    beforeAll(async () => {
      first = await hunt("crash");
    });

    it("and makes it small", () => {
      expect(first.findings).toEqual([
        expect.objectContaining({
          target: "crash",
          why: expect.stringContaining("TypeError: undefined is not"),
        }),
      ]);
      expect(Buffer.from(first.findings[0]!.base64, "base64").toString()).toBe("THEM");
    });

    it("and finds it again", async () => {
      expect(await hunt("crash")).toEqual(first);
    });
  });

  it.each([
    { name: "forever", why: "it does not come back" },
    { name: "slow", why: "it takes more than 1000 ms" },
    { name: "heap", why: "the thread is gone" },
    { name: "buffer", why: "of memory were asked for" },
  ])("finds what takes too much: $name", async ({ name, why }) => {
    const { findings } = await hunt(name);
    expect(findings.map((finding) => finding.why)).toEqual([expect.stringContaining(why)]);
    expect(Buffer.from(findings[0]!.base64, "base64").length).toBeGreaterThanOrEqual(8);
  });
});
