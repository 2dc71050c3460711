/** Patches that somebody broke: each is refused by name or makes exactly the bytes asked for, whatever they are. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { memorySource } from "../../../../src/base/byte-source.ts";
import { describeVcdiff } from "../../../../src/format/delta/vcdiff/describe.ts";
import { integerLength, writeInteger } from "../../../../src/format/delta/vcdiff/integer.ts";
import { hasTool } from "../../../kit/tools.ts";
import { noise } from "../../../kit/world.ts";
import { decode, encodePatch, refusal } from "./kit.ts";
import { readVectors } from "./vectors.ts";

const MUTATIONS_EACH = 4000;

const folder = mkdtempSync(join(tmpdir(), "themis-vcdiff-hostile-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

type Seed = {
  readonly name: string;
  readonly source: Buffer;
  readonly patch: Buffer;
  readonly targetSize: number;
};

function seeds(): Seed[] {
  const vectors = readVectors().map(({ name, source, patch, target }) => ({
    name,
    source,
    patch,
    targetSize: target.length,
  }));
  const source = noise(3000, 5);
  const wishes = Array.from({ length: 300 }, (_, i) => ({
    kind: i % 3,
    size: 1 + ((i * 7) % 23),
    where: i * 977,
  }));
  const ours = encodePatch(source, [
    { wishes, segment: [0, 3000] },
    { wishes: wishes.slice(50), segment: undefined },
  ]);
  return [
    ...vectors,
    { name: "ours", source, patch: ours.patch, targetSize: ours.target.length },
    ...(hasTool("xdelta3") ? ["none", "djw", "lzma"].map(theirs) : []),
  ];
}

/** Three windows, so that what a section leaves behind for the next is mutated too. */
function theirs(secondary: string): Seed {
  const words = Array.from({ length: 6000 }, (_, i) => `${(i * 7919) % 997} ${i % 13 ? "and" : "or"} `);
  const source = Buffer.from(words.join(""));
  const target = Buffer.from(words.map((word, i) => (i % 5 ? word : `${word.toUpperCase()}${i}`)).join(""));
  writeFileSync(join(folder, "source"), source);
  writeFileSync(join(folder, "target"), target);
  const path = join(folder, "patch");
  const options = ["-e", "-f", "-D", "-n", "-A", "-S", secondary, "-W", "16384"];
  execFileSync("xdelta3", [...options, "-s", join(folder, "source"), join(folder, "target"), path]);
  return { name: `xdelta3 -S ${secondary}`, source, patch: readFileSync(path), targetSize: target.length };
}

/** Always the same numbers, so that a failure can be repeated. */
function dice(seed: number): (sides: number) => number {
  let state = seed;
  return (sides) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * sides);
  };
}

function mutate(patch: Buffer, others: readonly Buffer[], roll: (sides: number) => number): Buffer {
  const at = roll(patch.length);
  switch (roll(7)) {
    case 0:
      return patch.subarray(0, at);
    case 1: {
      const other = others[roll(others.length)]!;
      return Buffer.concat([patch.subarray(0, at), other.subarray(roll(other.length))]);
    }
    case 2: {
      const value = roll(2) ? roll(300) : 2 ** roll(53) + roll(3) - 1;
      const integer = Buffer.alloc(integerLength(value));
      writeInteger(integer, 0, value);
      return Buffer.concat([patch.subarray(0, at), integer, patch.subarray(at + roll(3))]);
    }
    case 3: {
      const length = roll(40);
      return Buffer.concat([patch.subarray(0, at), patch.subarray(at + length)]);
    }
    default: {
      const bytes = Buffer.from(patch);
      // Headers and code tables stand in front: half of the flips go there.
      const near = roll(2) ? patch.length : Math.min(64, patch.length);
      for (let flips = 1 + roll(4); flips > 0; flips--) {
        const index = roll(near);
        bytes[index] = bytes[index]! ^ (1 << roll(8));
      }
      return bytes;
    }
  }
}

describe("a mutated patch", () => {
  const all = seeds();
  it.each(all)(
    "of $name is refused by name or makes as much as was asked",
    ({ source, patch, targetSize }) => {
      const roll = dice(patch.length);
      const patches = all.map((seed) => seed.patch);
      const codes = new Map<string, number>();
      expect(refusal(() => decode(source, patch, targetSize))).toBe("accepted");
      for (let i = 0; i < MUTATIONS_EACH; i++) {
        const bytes = mutate(patch, patches, roll);
        // decode() itself throws a plain error when too much or too little comes; refusal() lets it through.
        const code = refusal(() => decode(source, bytes, targetSize));
        codes.set(code, (codes.get(code) ?? 0) + 1);
        refusal(() => describeVcdiff(memorySource(bytes)));
      }
      // The mutations reach deep: not all of them are caught by the first check.
      expect(codes.size).toBeGreaterThan(4);
    },
  );
});
