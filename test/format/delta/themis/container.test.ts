/** The container: what a device reads before it takes any memory, and everything that it refuses. */
import { describe, expect, it } from "vitest";
import { memorySource } from "../../../../src/base/byte-source.ts";
import { recognisePatch } from "../../../../src/format/delta/algorithm.ts";
import { readThemisHeader } from "../../../../src/format/delta/themis/container.ts";
import { leastThemisMemory, themisMemory } from "../../../../src/format/delta/themis/memory.ts";
import { ThemisKernel } from "../../../../src/kernel/themis-kernel.ts";
import { noise } from "../../../kit/world.ts";
import { replace } from "../fuzz/mutate.ts";
import { makeThemis, rebuild, refusalOf } from "./kit.ts";

const source = Buffer.concat([noise(3000, 1), Buffer.from("text ".repeat(400))]);
const target = Buffer.concat([source.subarray(0, 1500), noise(300, 2), source.subarray(1400), noise(50, 3)]);
const patch = makeThemis(source, target);
const { codedStart } = readThemisHeader(memorySource(patch));

describe("a patch of THEMIS", () => {
  it("is recognised, and says what it makes", () => {
    const opened = memorySource(patch);
    expect(recognisePatch(opened).describe(opened)).toEqual({
      algorithm: "THEMIS",
      targetSize: target.length,
      readsTarget: false,
      details: {
        sourceSize: source.length,
        copies: 2,
        source: "plain bytes",
        target: "plain bytes",
        tables: "2^10 contexts, 2^8 addresses",
        codedBytes: patch.length - codedStart,
      },
    });
  });

  it("is refused wherever it is cut, and with a byte more", () => {
    for (let length = 0; length < patch.length; length++) {
      const cut = patch.subarray(0, length);
      expect(refusalOf(source, cut, target.length), String(length)).toBe(
        length < 6 ? "DELTA_MAGIC" : "DELTA_TRUNCATED",
      );
    }
    expect(refusalOf(source, Buffer.concat([patch, Buffer.alloc(1)]), target.length)).toBe("DELTA_TRAILING");
  });

  it("is refused for a source or a target of another size", () => {
    expect(refusalOf(source.subarray(1), patch, target.length)).toBe("DELTA_OFFSET");
    expect(refusalOf(source, patch, target.length + 1)).toBe("DELTA_TARGET_SIZE");
  });

  // magic 0-5, version 6, kind 7, source size 8-9, target size 10-11, table sizes 12 and 13, covers 14, then the
  // images: bases and ranges of each, 15-16 and 17-18; the length of what is coded from 19 on.
  it.each([
    { why: "another version", at: 6, bytes: [2], code: "DELTA_CORRUPT" },
    { why: "another kind", at: 7, bytes: [1], code: "DELTA_CORRUPT" },
    { why: "a size that is not as short as it can be", at: 14, bytes: [0x82, 0], code: "DELTA_CORRUPT" },
    {
      why: "a source beyond 2 GiB",
      at: 8,
      bytes: [0xff, 0xff, 0xff, 0xff, 0x1f],
      end: 10,
      code: "DELTA_SIZE",
    },
    { why: "an integer without an end", at: 8, bytes: Array(40).fill(0x81), end: 10, code: "DELTA_SIZE" },
    { why: "a table larger than its file", at: 12, bytes: [13], code: "DELTA_SIZE" },
    { why: "a table smaller than the smallest", at: 13, bytes: [7], code: "DELTA_SIZE" },
    { why: "more covers than the target has bytes", at: 14, bytes: [0xff, 0x7f], code: "DELTA_SIZE" },
    { why: "a range of an unknown kind", at: 16, bytes: [1, 5, 0, 1, 0], code: "DELTA_CORRUPT" },
    {
      why: "a range beyond the end of its file",
      at: 16,
      bytes: [1, 1, 0, 0xff, 0x7f, 0],
      code: "DELTA_SIZE",
    },
    {
      why: "a range that begins beyond the end of its file",
      at: 16,
      bytes: [1, 1, 0xff, 0x7f, 0, 0],
      code: "DELTA_SIZE",
    },
  ])("is refused with $why", ({ at, bytes, end = at + 1, code }) => {
    expect(refusalOf(source, replace(patch, at, end, bytes), target.length)).toBe(code);
  });

  it("is refused, or makes as much as it said, when any bit of it is another", () => {
    const codes = new Set<string>();
    for (let bit = 0; bit < 8 * patch.length; bit++) {
      const flipped = Uint8Array.from(patch);
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      const code = refusalOf(source, flipped, target.length);
      codes.add(code);
      if (code === "accepted") expect(rebuild(source, flipped, target.length).length).toBe(target.length);
    }
    for (const code of ["DELTA_SIZE", "DELTA_OFFSET", "DELTA_TRAILING", "DELTA_TRUNCATED", "DELTA_CORRUPT"])
      expect([...codes]).toContain(code);
  });

  it("takes no more memory than is said from its header", () => {
    for (const [bucketLog, learnedLog, coverCount] of [
      [10, 8, 0],
      [14, 12, 1000],
      [18, 18, 300_000],
    ] as const) {
      const said = themisMemory({ bucketLog, learnedLog, coverCount });
      const taken = ThemisKernel.memoryOf({ bucketLog, learnedLog, coverCount });
      expect(taken).toBeLessThanOrEqual(said);
      expect(said - taken).toBeLessThan(2 ** 20);
    }
    expect(leastThemisMemory).toBeLessThan(6 * 2 ** 20);
  });
});
