/** The kernels against what is too simple to be wrong. */
import { execFileSync } from "node:child_process";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Bzip2Encoder } from "../../src/format/delta/bzip2/encode.ts";
import { Bzip2Kernel, CoverKernel } from "../../src/kernel/kernel.ts";
import { hasTool } from "../kit/tools.ts";
import { noise } from "../kit/world.ts";

function suffixArray(text: Uint8Array): Uint32Array {
  const kernel = new CoverKernel(text.length, 0);
  kernel.source.set(text);
  return kernel.suffixArray();
}

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

const SIZE = 300_000;
/** Each of them is quadratic for some suffix sorter. */
const hostile: Readonly<Record<string, Uint8Array>> = {
  zeros: new Uint8Array(SIZE),
  "zeros between ones": new Uint8Array(SIZE).map((_, i) => (i % 997 === 0 ? 1 : 0)),
  "a period of two": new Uint8Array(SIZE).map((_, i) => i & 1),
  "a period of 1000": new Uint8Array(SIZE).map((_, i) => noise(1000, 1)[i % 1000]!),
  "a Fibonacci word": fibonacci(SIZE),
  "the Thue-Morse word": new Uint8Array(SIZE).map((_, i) => i.toString(2).replaceAll("0", "").length & 1),
  "the same noise twice": Buffer.concat([noise(SIZE / 2, 1), noise(SIZE / 2, 1)]),
  "a ramp up": new Uint8Array(SIZE).map((_, i) => i >> 11),
  "a ramp down": new Uint8Array(SIZE).map((_, i) => 255 - (i >> 11)),
  "runs of growing length": Buffer.concat(Array.from({ length: 700 }, (_, n) => Buffer.alloc(n, n & 1))),
};

function fibonacci(size: number): Uint8Array {
  let [a, b] = ["b", "ba"];
  while (b.length < size) [a, b] = [b, b + a];
  return Buffer.from(b.slice(0, size));
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

describe("covers", () => {
  it("fill the target without gaps and stay inside of the source", () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 3000 }),
        fc.array(fc.tuple(fc.nat(3000), fc.nat(400)), { maxLength: 20 }),
        (source, cuts) => {
          const target = Buffer.concat(
            cuts.map(([at, length]) => Buffer.from([...source.subarray(at, at + length), length & 255])),
          );
          const kernel = new CoverKernel(source.length, target.length);
          kernel.source.set(source);
          kernel.target.set(target);
          let end = 0;
          for (const batch of kernel.covers("add")) {
            for (let i = 0; i < batch.length; i += 3) {
              const [begin, there, length] = [batch[i]!, batch[i + 1]!, batch[i + 2]!];
              expect(begin).toBe(end);
              expect(length).toBeGreaterThan(0);
              if (there !== 0xffffffff) expect(there + length).toBeLessThanOrEqual(source.length);
              end += length;
            }
          }
          expect(end).toBe(target.length);
        },
      ),
      { numRuns: 500 },
    );
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
    const encoder = new Bzip2Encoder(new Bzip2Kernel(1));
    // In uneven portions, because runs and blocks must not depend on them.
    for (let at = 0, step = 1; at < bytes.length; at += step, step = (step * 7) % 65_521) {
      encoder.push(bytes.subarray(at, at + step));
    }
    const packed = encoder.finish();
    const back = execFileSync("bzip2", ["-dc"], { input: packed, maxBuffer: 1 << 28 });
    expect(back.equals(bytes)).toBe(true);
    const theirs = execFileSync("bzip2", ["-9c"], { input: bytes, maxBuffer: 1 << 28 });
    expect(packed.length).toBeLessThanOrEqual(theirs.length * 1.002 + 4);
  });
});
