/** The kernels against what is too simple to be wrong. */
import { execFileSync } from "node:child_process";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Bzip2Encoder } from "../../src/format/delta/bzip2/encode.ts";
import { ENCODERS_EACH, ShorterBzip2 } from "../../src/format/delta/bzip2/shorter.ts";
import { Bzip2Kernel, suffixArray } from "../../src/kernel/kernel.ts";
import { hasTool } from "../kit/tools.ts";
import { noise } from "../kit/world.ts";
import { hostile } from "./hostile-texts.ts";

/** Linear: each suffix once, and each pair of neighbours in order by first byte and by what follows. */
function expectSorted(text: Uint8Array, suffixes: Uint32Array): void {
  const ranks = new Int32Array(text.length + 1).fill(-1);
  for (const [rank, start] of suffixes.entries()) ranks[start] = rank;
  expect(ranks.subarray(0, text.length).indexOf(-1)).toBe(-1);
  let wrong = -1;
  for (let i = 1; i < suffixes.length && wrong < 0; i++) {
    const [a, b] = [suffixes[i - 1]!, suffixes[i]!];
    if (text[a]! > text[b]! || (text[a] === text[b] && ranks[a + 1]! > ranks[b + 1]!)) wrong = i;
  }
  expect(wrong).toBe(-1);
}

describe("the suffix array", () => {
  it.each(Object.entries(hostile))("of %s is in order", (_, text) => {
    expectSorted(text, suffixArray(text));
  });

  it("of anything short and repetitive is in order", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 1, maxLength: 400 }),
        fc.integer({ min: 1, max: 60 }),
        (bytes, period) => {
          const text = Uint8Array.from(bytes, (byte, i) =>
            i < period || byte === 0 ? byte : bytes[i % period]!,
          );
          expectSorted(text, suffixArray(text));
        },
      ),
      { numRuns: 1500 },
    );
  });

  it("of groups larger than the sorter's cache is in order", () => {
    // 200,000 records that begin alike, with zero runs of which the ends differ.
    const text = Buffer.concat(
      Array.from({ length: 120_000 }, (_, i) =>
        Buffer.from([0, 128, 0, 0, 0, 0, 0, 0, i & 127, 1 + (i % 3), 255, i >> 9]),
      ),
    );
    expectSorted(text, suffixArray(text));
  });
});

describe("bzip2 streams", () => {
  it("that are written at once are as if each were alone", () => {
    const contents = Object.values(hostile).slice(0, 3);
    const kernel = new Bzip2Kernel(3);
    const encoders = contents.map(() => new Bzip2Encoder(kernel));
    const longest = Math.max(...contents.map(({ length }) => length));
    for (let at = 0; at < longest; at += 10_007) {
      for (const [i, encoder] of encoders.entries()) encoder.push(contents[i]!.subarray(at, at + 10_007));
    }
    for (const [i, encoder] of encoders.entries()) {
      const alone = new Bzip2Encoder(new Bzip2Kernel(1));
      alone.push(contents[i]!);
      expect(Buffer.from(encoder.finish()).equals(alone.finish())).toBe(true);
    }
  });

  it("count with the shorter of two block sizes", () => {
    // Parts unlike each other, and noise that comes back beyond 200,000 bytes.
    const apart = Buffer.concat(
      Array.from({ length: 30 }, (_, n) => noise(30_000, n).map((b) => (b % 9) * n)),
    );
    const afar = Buffer.concat([noise(300_000, 1), noise(300_000, 1)]);
    const levels = [apart, afar].map((bytes) => {
      const kernel = new Bzip2Kernel(ENCODERS_EACH);
      const shorter = new ShorterBzip2(kernel);
      shorter.push(bytes);
      const packed = shorter.finish();
      const alone = [2, 9].map((level) => {
        const encoder = new Bzip2Encoder(new Bzip2Kernel(1), level);
        encoder.push(bytes);
        return encoder.finish().length;
      });
      expect(packed.length).toBe(Math.min(...alone));
      return Buffer.from(packed).toString("latin1", 0, 4);
    });
    expect(levels).toEqual(["BZh2", "BZh9"]);
  });

  it("are no more than the kernel was made for", () => {
    const kernel = new Bzip2Kernel(1);
    kernel.open(9);
    expect(() => kernel.open(9)).toThrow("no room");
  });
});

describe.skipIf(!hasTool("bzip2"))("bzip2 that we write", () => {
  it.each([
    ["nothing", new Uint8Array()],
    ["one byte", new Uint8Array(1)],
    ["every run length", Buffer.concat(Array.from({ length: 600 }, (_, n) => Buffer.alloc(n, n & 3)))],
    ["several blocks of noise", noise(2_100_000, 4)],
    ["20 MB of zeros", new Uint8Array(20_000_000)],
    ["text", Buffer.from("the quick brown fox ".repeat(20_000))],
    ...Object.entries(hostile),
  ] as const)("of %s is read by Debian's bzip2", (_, bytes) => {
    for (const level of [1, 2, 9]) {
      const encoder = new Bzip2Encoder(new Bzip2Kernel(1), level);
      // In uneven portions, because runs and blocks must not depend on them.
      for (let at = 0, step = 1; at < bytes.length; at += step, step = (step * 7) % 65_521) {
        encoder.push(bytes.subarray(at, at + step));
      }
      const packed = encoder.finish();
      const back = execFileSync("bzip2", ["-dc"], { input: packed, maxBuffer: 1 << 28 });
      expect(back.equals(bytes), `level ${level}`).toBe(true);
      const theirs = execFileSync("bzip2", [`-${level}c`], { input: bytes, maxBuffer: 1 << 28 });
      expect(packed.length, `level ${level}`).toBeLessThanOrEqual(theirs.length * 1.002 + 4);
    }
  });
});
