/** Covers fill a target, stay inside of what they read, and are found in whatever memory is allowed. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { memorySource } from "../../../src/base/byte-source.ts";
import { type CoverPlan, type CoverSizes, findCovers, planCovers } from "../../../src/format/delta/covers.ts";
import { NO_SOURCE } from "../../../src/format/delta/segments.ts";
import { CoverKernel, type CoverPurpose, MAX_KERNEL_BYTES, windowBytes } from "../../../src/kernel/kernel.ts";
import { hostile } from "../../kernel/hostile-texts.ts";
import { noise } from "../../kit/world.ts";

const MIB = 2 ** 20;

type Found = { readonly segments: number; readonly bytesFromSource: number };

/** Follows the segments and compares each byte that "copy" promises. */
function check(source: Uint8Array, target: Uint8Array, purpose: CoverPurpose, plan: CoverPlan): Found {
  let end = 0;
  let wrong = "";
  let segments = 0;
  let bytesFromSource = 0;
  for (const batch of findCovers(memorySource(source), memorySource(target), purpose, plan)) {
    for (let i = 0; i < batch.length; i += 3) {
      const [begin, there, length] = [batch[i]!, batch[i + 1]!, batch[i + 2]!];
      segments++;
      if (begin !== end || length <= 0) wrong ||= `a gap at ${end}`;
      end += length;
      if (there === NO_SOURCE) continue;
      const itself = there - source.length;
      if (itself < 0) bytesFromSource += length;
      if (there < 0 || (itself < 0 && there + length > source.length)) wrong ||= `${there} is outside`;
      if (purpose === "add" && itself >= 0) wrong ||= "the target is added to itself";
      if (purpose === "add") continue;
      const windowStart = Math.floor(begin / windowBytes()) * windowBytes();
      if (itself >= 0 && (itself < windowStart || itself >= begin))
        wrong ||= `${itself} cannot be read at ${begin}`;
      for (let n = 0; n < length; n++) {
        const byte = itself < 0 ? source[there + n] : target[itself + n];
        if (byte !== target[begin + n]) wrong ||= `byte ${begin + n} differs`;
      }
    }
  }
  expect(wrong).toBe("");
  expect(end).toBe(target.length);
  return { segments, bytesFromSource };
}

function whole(source: Uint8Array, target: Uint8Array, stride: number): CoverPlan {
  return { stride, sourceWindow: source.length, targetWindow: Math.max(1, target.length), memoryBytes: 0 };
}

const purposes = ["add", "copy"] as const;
const strides = [1, 2, 4, 16];
const cases = purposes.flatMap((purpose) => strides.map((stride) => [purpose, stride] as const));

describe("covers", () => {
  it.each(cases)(
    "to %s, every %i bytes indexed, fill any target and are what they say",
    (purpose, stride) => {
      fc.assert(
        fc.property(
          fc.uint8Array({ maxLength: 3000 }),
          fc.array(fc.tuple(fc.nat(3000), fc.nat(400)), { maxLength: 20 }),
          (source, cuts) => {
            const target = Buffer.concat(
              cuts.map(([at, length]) => Buffer.from([...source.subarray(at, at + length), length & 255])),
            );
            check(source, target, purpose, whole(source, target, stride));
          },
        ),
        { numRuns: 100 },
      );
    },
  );

  it.each(Object.entries(hostile))("of %s are found", (_, text) => {
    const target = Buffer.concat([text.subarray(1000), Buffer.from("new"), text.subarray(0, 90_000)]);
    for (const purpose of purposes) {
      const { bytesFromSource } = check(text, target, purpose, whole(text, target, 2));
      if (purpose === "add") expect(bytesFromSource).toBeGreaterThan(target.length * 0.99);
    }
  });

  it("follow a target that is larger than what is held of it", () => {
    const source = noise(11 * MIB, 1);
    const target = Buffer.concat([source.subarray(4 * MIB), noise(1000, 2), source.subarray(0, 5 * MIB)]);
    for (const purpose of purposes) {
      const { segments, bytesFromSource } = check(source, target, purpose, whole(source, target, 2));
      expect(segments).toBeLessThanOrEqual(6);
      expect(bytesFromSource).toBe(target.length - 1000);
    }
  });

  it("cost what has changed: of what the target has as it is, few places are indexed", () => {
    const source = noise(2 * MIB, 5);
    const changed = Buffer.concat([source.subarray(0, MIB), noise(5000, 6), source.subarray(MIB + 5000)]);
    const indexed = (target?: Uint8Array): number => {
      const shape = { sourceSize: source.length, targetSize: changed.length, stride: 2 };
      const kernel = new CoverKernel({ ...shape, purpose: "copy" });
      kernel.source.set(source);
      return kernel.index(target && memorySource(target));
    };
    expect(indexed()).toBe(MIB);
    expect(indexed(noise(2 * MIB, 7))).toBe(MIB);
    // One place of sixteen, and every second one of what was replaced and of the blocks that it begins and ends in.
    expect(indexed(changed)).toBeLessThan((2 * MIB) / 16 + 6000 / 2);
  });

  it("find short copies of what stands in the target as it is besides", () => {
    const source = noise(MIB, 8);
    const copies = Array.from({ length: 500 }, (_, i) => source.subarray(i * 2003, i * 2003 + 120));
    const target = Buffer.concat([source, ...copies]);
    for (const purpose of purposes) {
      const { segments, bytesFromSource } = check(source, target, purpose, whole(source, target, 2));
      expect(segments).toBe(501);
      // For "copy" the target has them as well.
      expect(bytesFromSource).toBeGreaterThan(purpose === "add" ? target.length - 1 : MIB);
    }
  });

  it("in windows find what stands where it stood", () => {
    const source = noise(24 * MIB, 3);
    const target = Buffer.concat([source.subarray(0, 9 * MIB), noise(777, 4), source.subarray(9 * MIB)]);
    for (const purpose of purposes) {
      const plan = { stride: 4, sourceWindow: 16 * MIB, targetWindow: windowBytes(), memoryBytes: 0 };
      const { bytesFromSource } = check(source, target, purpose, plan);
      expect(bytesFromSource).toBeGreaterThan(target.length - 3000);
    }
  });
});

function message(act: () => unknown): string {
  try {
    act();
    return "";
  } catch (error) {
    return String(error);
  }
}

function equal(size: number): CoverSizes {
  return { sourceSize: size, targetSize: size, purpose: "copy", writerBytes: 0 };
}

describe("a plan", () => {
  const sizes = { sourceSize: 100 * MIB, targetSize: 100 * MIB, purpose: "add", writerBytes: 0 } as const;

  it.each([
    { limit: 1024, stride: 2, windows: false },
    { limit: 300, stride: 4, windows: false },
    { limit: 200, stride: 8, windows: false },
    { limit: 140, stride: 16, windows: false },
    { limit: 80, stride: 4, windows: true },
  ])("of 100 MiB in $limit MiB indexes every $stride bytes", ({ limit, stride, windows }) => {
    const plan = planCovers(sizes, limit * MIB);
    expect(plan.stride).toBe(stride);
    expect(plan.memoryBytes).toBeLessThanOrEqual(limit * MIB);
    expect(plan.sourceWindow < sizes.sourceSize).toBe(windows);
  });

  it("of files of 2 GiB takes the source as a whole, and of larger ones windows", () => {
    const two = planCovers(equal(2 ** 31 - 1), Infinity);
    expect(two.sourceWindow).toBe(2 ** 31 - 1);
    const ten = planCovers(equal(10 * 2 ** 30), Infinity);
    expect(ten.memoryBytes).toBeLessThanOrEqual(MAX_KERNEL_BYTES);
    expect(ten.sourceWindow).toBeGreaterThan(2 ** 30);
    expect(ten.targetWindow % windowBytes()).toBe(0);
  });

  it("that does not fit anywhere says what would", () => {
    // Of nothing, too.
    const nothing = { ...sizes, sourceSize: 0, writerBytes: 13 * MIB };
    expect(() => planCovers(nothing, MIB)).toThrow(expect.objectContaining({ code: "DIFF_TOO_LARGE" }));
    const needed = /takes (\d+) MiB/.exec(message(() => planCovers(sizes, 10 * MIB)))![1];
    expect(planCovers(sizes, Number(needed) * MIB).memoryBytes).toBeLessThanOrEqual(Number(needed) * MIB);
    expect(() => planCovers(sizes, 10 * MIB)).toThrow(
      expect.objectContaining({
        code: "DIFF_TOO_LARGE",
        message: expect.stringMatching(/at the least, more than the 10 MiB/),
      }),
    );
  });
});
