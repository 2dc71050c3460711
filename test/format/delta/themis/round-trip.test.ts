/** What THEMIS writes it reads, byte for byte, and on programs it is far shorter than what knows nothing of them. */
import { describe, expect, it } from "vitest";
import { memorySource } from "../../../../src/base/byte-source.ts";
import { createBsdiff } from "../../../../src/format/delta/bsdiff/create.ts";
import { createThemis } from "../../../../src/format/delta/themis/create.ts";
import { describeThemis } from "../../../../src/format/delta/themis/describe.ts";
import { hasTool } from "../../../kit/tools.ts";
import { noise } from "../../../kit/world.ts";
import { dice } from "../fuzz/dice.ts";
import { makeThemis, rebuild } from "./kit.ts";
import { COMPILERS, type Compiler, compiledPair } from "./programs.ts";

const text = (word: string): Buffer =>
  Buffer.from(Array.from({ length: 4000 }, (_, i) => `line ${i} ${(i * 7919) % 997} ${word}\n`).join(""));

describe("bytes of no known kind", () => {
  it.each([
    { why: "two empty files", source: Buffer.alloc(0), target: Buffer.alloc(0) },
    { why: "an empty source", source: Buffer.alloc(0), target: noise(5000, 1) },
    { why: "an empty target", source: noise(5000, 1), target: Buffer.alloc(0) },
    { why: "one byte", source: Buffer.from("a"), target: Buffer.from("b") },
    { why: "files that are the same", source: noise(400_000, 1), target: noise(400_000, 1) },
    { why: "files without a common byte", source: Buffer.alloc(3000, 1), target: Buffer.alloc(3000, 2) },
    { why: "megabytes of zeros", source: Buffer.alloc(3_000_000), target: Buffer.alloc(3_100_000) },
    { why: "a text with other words", source: text("old"), target: text("new") },
    {
      why: "parts in another order, over several pieces",
      source: noise(600_000, 2),
      target: Buffer.concat([
        noise(600_000, 2).subarray(300_000),
        noise(9000, 3),
        noise(600_000, 2).subarray(0, 299_001),
      ]),
    },
  ])("makes $why again", ({ source, target }) => {
    const patch = makeThemis(source, target);
    expect(rebuild(source, patch, target.length).equals(target)).toBe(true);
  });

  it("takes the same bytes to the same patch, whatever was made before", () => {
    const [a, b] = [text("old"), text("new")];
    const first = makeThemis(a, b);
    makeThemis(b, noise(70_000, 5));
    expect(Buffer.compare(makeThemis(a, b), first)).toBe(0);
  });
});

describe("making", () => {
  const files = { source: memorySource(text("old")), target: memorySource(noise(50_000, 6)) };

  it("says no before it takes more memory than it may", () => {
    expect(() => createThemis({ ...files, memoryLimit: 4 * 2 ** 20 })).toThrow(
      expect.objectContaining({ code: "DIFF_TOO_LARGE", kind: "failed" }),
    );
  });

  it("gives a patch up that becomes longer than it may", () => {
    const memoryLimit = Number.POSITIVE_INFINITY;
    expect(() => createThemis({ ...files, memoryLimit, maxBytes: 1000 })).toThrow(
      expect.objectContaining({ code: "PATCH_TOO_LONG" }),
    );
  });

  it("says what was spent on what", () => {
    let spent: readonly number[] = [];
    const memoryLimit = Number.POSITIVE_INFINITY;
    const patch = createThemis({ ...files, memoryLimit, account: (bits) => (spent = bits) });
    const bytes = spent.reduce((sum, bits) => sum + bits, 0) / 8;
    expect(Math.abs(bytes - patch.length)).toBeLessThan(100);
  });
});

const programs = (compiler: Compiler) => [
  { compiler, options: ["-static", "-no-pie"], share: 0.6 },
  { compiler, options: ["-fPIE", "-static-pie"], share: 0.6 },
  // Calls go by a table of few bytes here, so bsdiff's way has little against it either.
  { compiler, options: ["-shared", "-fPIC"], share: 1 },
];

describe.each(COMPILERS)("programs made by %s", (compiler) => {
  it.skipIf(!hasTool(compiler)).each(programs(compiler))(
    "come again with $options, far below what bsdiff's way takes",
    ({ options, share }) => {
      const { source, target } = compiledPair(compiler, options);
      const patch = makeThemis(source, target);
      expect(rebuild(source, patch, target.length).equals(target)).toBe(true);
      const code = compiler === "gcc" ? "x86-64 code" : "arm64 code";
      expect(describeThemis(memorySource(patch)).source).toContain(code);
      const files = { source: memorySource(source), target: memorySource(target) };
      const other = createBsdiff({ ...files, container: "shortest", memoryLimit: Number.POSITIVE_INFINITY });
      expect(patch.length).toBeLessThan(share * other.length);
    },
  );

  it.skipIf(!hasTool(compiler))("come again when their headers lie", () => {
    const { source, target } = compiledPair(compiler, ["-fPIE", "-static-pie"]);
    const part = (bytes: Uint8Array): Uint8Array => bytes.slice(0, 40_000);
    for (let run = 0; run < 60; run++) {
      const roll = dice(run, 5);
      // Where headers, program headers and the first sections' bytes are.
      const lie = (bytes: Uint8Array): Uint8Array => {
        const lying = roll(2) ? bytes.slice() : part(bytes);
        for (let edits = 1 + roll(6); edits > 0; edits--) lying[4 + roll(600)] = roll(3) ? roll(256) : 255;
        // The section headers lie at the end, and their place near the start.
        for (let edits = roll(8); edits > 0; edits--) lying[lying.length - 1 - roll(1000)] = roll(256);
        return lying;
      };
      const [old, now] = [roll(3) ? lie(source) : source, lie(target)];
      const patch = makeThemis(old, now);
      expect(rebuild(old, patch, now.length).equals(now), `run ${run}`).toBe(true);
    }
  });
});
