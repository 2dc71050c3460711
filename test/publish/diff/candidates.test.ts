/** Which candidate wins, which are given up, and which a device could not apply; never a matter of time. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type ByteSource, memorySource } from "../../../src/base/byte-source.ts";
import { writeBsdiff } from "../../../src/format/delta/bsdiff/write.ts";
import { NO_SOURCE, type Segments } from "../../../src/format/delta/segments.ts";
import { writeVcdiff } from "../../../src/format/delta/vcdiff/write.ts";
import type { Algorithm } from "../../../src/format/manifest/delta-manifest.ts";
import type { Budget, DiffJob } from "../../../src/publish/diff/diff-file.ts";
import { DiffPool } from "../../../src/publish/diff/diff-pool.ts";
import { noise } from "../../kit/world.ts";

const MIB = 2 ** 20;
const folder = mkdtempSync(join(tmpdir(), "themis-candidates-"));
const at = (name: string): string => join(folder, name);
let pool: DiffPool;

beforeAll(() => {
  pool = new DiffPool({ jobs: 2 });
  const source = noise(300_000, 41);
  const target = Buffer.concat([source.subarray(0, 100_000), noise(9000, 42), source.subarray(101_000)]);
  writeFileSync(at("source"), source);
  writeFileSync(at("target"), target);
  writeFileSync(at("stranger"), noise(200_000, 43));
});
afterAll(async () => {
  await pool.close();
  rmSync(folder, { recursive: true, force: true });
});

const job = (algorithms: readonly Algorithm[], rest: Partial<DiffJob> = {}): DiffJob => ({
  sourcePath: at("source"),
  targetPath: at("target"),
  algorithms,
  options: {},
  ...rest,
});
const ALL = ["THEMIS", "BSDIFF", "VCDIFF", "ZSTD_DICT"] as const;
const within = (budget: Budget): Partial<DiffJob> => ({ options: { budget } });

describe("the smallest proven patch wins", () => {
  it("whatever is tried first, and of all that are tried each has a word", async () => {
    const alone = new Map<string, number>();
    for (const algorithm of ALL)
      alone.set(algorithm, (await pool.diff(job([algorithm]))).winner!.patch.length);
    const least = Math.min(...alone.values());
    for (const order of [ALL, [...ALL].reverse()]) {
      const heard: string[] = [];
      const { winner, candidates } = await pool.diff(job(order), ({ algorithm }) => heard.push(algorithm));
      expect(winner!.patch.length).toBe(least);
      expect(alone.get(winner!.algorithm)).toBe(least);
      expect(candidates.map(({ algorithm }) => algorithm)).toEqual(order);
      expect(heard).toEqual(order);
      for (const { outcome, sizeBytes, cost, note } of candidates) {
        if (outcome === "proven")
          expect({ note, size: sizeBytes! > 0, cost: cost!.memoryBytes > 0 }).toEqual({
            note: "",
            size: true,
            cost: true,
          });
        else
          expect({ outcome, note }).toEqual({
            outcome: "given-up",
            note: expect.stringMatching(/^given up at \d+ bytes: \w+ has \d+$/),
          });
      }
    }
  });

  it("and comes out the same again, to the last word of every note", async () => {
    const [once, again] = await Promise.all([pool.diff(job(ALL)), pool.diff(job(ALL))]);
    expect(again).toEqual(once);
  });
});

describe("the container of a BSDIFF patch", () => {
  const magicOf = async (algorithms: readonly Algorithm[], options: DiffJob["options"] = {}) => {
    const { winner } = await pool.diff(job(algorithms, { options }));
    return Buffer.from(winner!.patch).toString("latin1", 0, 5);
  };
  // The other one is never made, because it would have to be shorter.
  const AMONG_OTHERS = ["BSDIFF", "BSDIFF"] as const;

  it("is BSDIFF40 when it is asked for alone, and what was named when it was named", async () => {
    expect(await magicOf(["BSDIFF"])).toBe("BSDIF");
    for (const algorithms of [["BSDIFF"], AMONG_OTHERS] as const) {
      expect(await magicOf(algorithms, { container: "bsdiff40" })).toBe("BSDIF");
      expect(await magicOf(algorithms, { container: "bsdf2" })).toBe("BSDF2");
      expect(await magicOf(algorithms, { container: "endsley" })).toBe("ENDSL");
    }
  });

  it("is the shorter of BSDF2 and BSDIFF40 among others", async () => {
    const { winner } = await pool.diff(job(AMONG_OTHERS));
    const [plain, bsdf2] = await Promise.all(
      (["bsdiff40", "bsdf2"] as const).map((container) =>
        pool.diff(job(["BSDIFF"], { options: { container } })),
      ),
    );
    expect(Buffer.from(winner!.patch)).toEqual(Buffer.from(bsdf2!.winner!.patch));
    expect(winner!.patch.length).toBeLessThan(plain!.winner!.patch.length);
  });

  it("is BSDIFF40 where memory is short for holding the streams of BSDF2", async () => {
    expect(await magicOf(AMONG_OTHERS, { memoryLimit: 90 * MIB })).toBe("BSDF2");
    expect(await magicOf(AMONG_OTHERS, { memoryLimit: 40 * MIB })).toBe("BSDIF");
  });
});

describe("a candidate is given up", () => {
  it("when it becomes longer than the whole target", async () => {
    const { winner, candidates } = await pool.diff(job(ALL, { wholeBytes: 2000 }));
    expect(winner).toBeUndefined();
    for (const { outcome, note } of candidates) {
      expect(outcome).toBe("given-up");
      expect(note).toMatch(/^given up at \d+ bytes: the whole target has 2000$/);
    }
  });

  it("also when it is only as long", async () => {
    const { winner } = await pool.diff(job(["BSDIFF"]));
    const wholeBytes = winner!.patch.length;
    expect((await pool.diff(job(["BSDIFF"], { wholeBytes }))).winner).toBeUndefined();
    expect((await pool.diff(job(["BSDIFF"], { wholeBytes: wholeBytes + 1 }))).winner).toBeDefined();
  });

  it.each([
    {
      why: "VCDIFF, before its first window is full",
      write: (segments: Segments, target: ByteSource) => [
        ...writeVcdiff({ sourceSize: 0, target, segments, windowBytes: 8 * MIB, maxBytes: 1000 }),
      ],
      batches: 1,
    },
    {
      why: "BSDIFF, with the first full block",
      write: (segments: Segments, target: ByteSource) =>
        writeBsdiff({
          source: memorySource(new Uint8Array(1)),
          target,
          segments,
          container: "bsdiff40",
          maxBytes: 1000,
        }),
      batches: 25,
    },
  ])("early: $why", ({ write, batches }) => {
    const target = noise(4_000_000, 44);
    let asked = 0;
    function* segments(): Generator<Float64Array> {
      for (let begin = 0; begin < target.length; begin += 50_000) {
        asked++;
        // Every other piece has a source, or all would be one triple that is written at the end.
        yield Float64Array.of(begin, NO_SOURCE, 49_999, begin + 49_999, 0, 1);
      }
    }
    expect(() => write(segments(), memorySource(target))).toThrow(
      expect.objectContaining({ code: "PATCH_TOO_LONG" }),
    );
    expect(asked).toBeLessThanOrEqual(batches);
  });
});

describe("what a device may spend", () => {
  it("memory: a patch that needs more is not made where that is known before, and else does not win", async () => {
    const options = { container: "bsdiff40", budget: { applyMemory: 43 * MIB } } as const;
    const { winner, candidates } = await pool.diff(job(["BSDIFF", "VCDIFF", "ZSTD_DICT"], { options }));
    expect(candidates[0]).toMatchObject({
      outcome: "over-memory",
      sizeBytes: expect.any(Number),
      note: expect.stringMatching(/^applying takes \d+ bytes of memory, more than the 45088768 allowed$/),
    });
    expect(["VCDIFF", "ZSTD_DICT"]).toContain(winner!.algorithm);
    expect(winner!.cost.memoryBytes).toBeLessThanOrEqual(43 * MIB);
    const tight = await pool.diff(job(ALL, within({ applyMemory: MIB })));
    expect(tight.winner).toBeUndefined();
    expect(tight.candidates.map(({ outcome, sizeBytes }) => [outcome, sizeBytes])).toEqual(
      ALL.map(() => ["not-tried", undefined]),
    );
  });

  it("time, as the model has it", async () => {
    const free = await pool.diff(job(["BSDIFF"]));
    const applySeconds = free.winner!.cost.seconds;
    expect((await pool.diff(job(["BSDIFF"], within({ applySeconds })))).winner).toEqual(free.winner);
    const tight = await pool.diff(job(["BSDIFF"], within({ applySeconds: applySeconds - 0.001 })));
    expect(tight.winner).toBeUndefined();
    expect(tight.candidates[0]).toMatchObject({ outcome: "over-time", sizeBytes: free.winner!.patch.length });
  });
});

it("the memory of a patch counts what its writer holds", async () => {
  // bzip2 takes its blocks whatever the size of the file; VCDIFF holds no more than this small target.
  const { winner, candidates } = await pool.diff(
    job(["BSDIFF", "VCDIFF"], { options: { memoryLimit: 14_000_000 } }),
  );
  expect(candidates[0]).toMatchObject({
    algorithm: "BSDIFF",
    outcome: "failed",
    note: expect.stringMatching(/memory/),
  });
  expect(winner!.algorithm).toBe("VCDIFF");
});

it("a candidate that cannot be made costs itself, and says why without a path of this machine", async () => {
  const { winner, candidates } = await pool.diff(
    job(["BSDIFF", "ZSTD_DICT"], { options: { memoryLimit: 3_500_000 } }),
  );
  expect(winner!.algorithm).toBe("ZSTD_DICT");
  expect(candidates[0]).toMatchObject({ outcome: "failed", note: expect.stringMatching(/memory/) });
  expect(JSON.stringify(candidates)).not.toContain(folder);
});
