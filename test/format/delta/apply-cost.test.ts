/** What a patch says that applying it takes holds for a real process, and is the same on every machine. */
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { brotliCompressSync, constants, zstdCompressSync } from "node:zlib";
import { build } from "esbuild";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { memorySource } from "../../../src/base/byte-source.ts";
import { recognisePatch } from "../../../src/format/delta/algorithm.ts";
import { applyCost, leastApplyMemory } from "../../../src/format/delta/apply-cost.ts";
import type { DiffOptions } from "../../../src/publish/diff/diff-file.ts";
import { DiffPool } from "../../../src/publish/diff/diff-pool.ts";
import { hasTool } from "../../kit/tools.ts";
import { noise } from "../../kit/world.ts";

const MIB = 2 ** 20;
const folder = mkdtempSync(join(tmpdir(), "themis-cost-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const at = (name: string): string => join(folder, name);

describe.skipIf(process.platform !== "linux")("the memory", () => {
  const { resolve } = createRequire(import.meta.url);
  const wasm = (name: string): string => join(dirname(resolve(`${name}/package.json`)), "esbuild.wasm");
  const pair = { source: wasm("esbuild-wasm-old"), target: wasm("esbuild-wasm-new") };
  const large = { source: at("large-source"), target: at("large-target") };
  let start = 0;

  beforeAll(async () => {
    // As it is shipped: without the compiler of types, which would hide what applying takes.
    await build({
      entryPoints: [join(import.meta.dirname, "../../kit/apply-and-measure.ts")],
      outfile: at("apply.mjs"),
      bundle: true,
      platform: "node",
      format: "esm",
      target: "node24",
      logLevel: "error",
      banner: {
        js: 'import { createRequire as __cr } from "node:module"; const require = __cr(import.meta.url);',
      },
    });
    for (const kernel of ["device-kernel.wasm", "themis-kernel.wasm"])
      copyFileSync(join(import.meta.dirname, "../../../dist", kernel), at(kernel));
    start = peakOf();
    const bytes = noise(24 * MIB, 5);
    writeFileSync(large.source, bytes);
    noise(3 * MIB, 6).copy(bytes, 7 * MIB);
    writeFileSync(large.target, bytes);
  });

  const peakOf = (...args: string[]): number =>
    Number(execFileSync(process.execPath, [at("apply.mjs"), ...args], { encoding: "utf8" }));
  const ours = (algorithm: "BSDIFF" | "VCDIFF" | "THEMIS", options: DiffOptions = {}) => {
    return async (source: string, target: string, patch: string): Promise<void> => {
      const pool = new DiffPool({ jobs: 1 });
      const { winner } = await pool.diff({
        sourcePath: source,
        targetPath: target,
        algorithms: [algorithm],
        options,
      });
      await pool.close();
      writeFileSync(patch, winner!.patch);
    };
  };
  const xdelta3 = (secondary: string) => (source: string, target: string, patch: string) => {
    execFileSync("xdelta3", ["-9", "-S", secondary, "-D", "-f", "-e", "-s", source, target, patch]);
  };
  /** The making is not what is measured here: a fast level will do. */
  const zstd = (source: string, target: string, patch: string) => {
    const dictionary = readFileSync(source);
    writeFileSync(patch, zstdCompressSync(readFileSync(target), { dictionary }));
  };

  it.each([
    { why: "BSDIFF40", files: pair, make: ours("BSDIFF") },
    { why: "BSDF2", files: pair, make: ours("BSDIFF", { container: "bsdf2" }) },
    { why: "ENDSLEY", files: pair, make: ours("BSDIFF", { container: "endsley" }) },
    { why: "VCDIFF", files: pair, make: ours("VCDIFF") },
    { why: "xdelta3 with LZMA", files: large, make: xdelta3("lzma"), tool: "xdelta3" },
    { why: "xdelta3 with DJW", files: pair, make: xdelta3("djw"), tool: "xdelta3" },
    { why: "ZSTD_DICT", files: pair, make: zstd },
    { why: "ZSTD_DICT of larger files", files: large, make: zstd },
    { why: "THEMIS", files: pair, make: ours("THEMIS") },
    { why: "THEMIS of larger files", files: large, make: ours("THEMIS") },
  ])("that $why is said to take is what a process has, and not five times as much", async (row) => {
    if (row.tool && !hasTool(row.tool)) return;
    const { source, target } = row.files;
    await row.make(source, target, at("patch"));
    const patch = memorySource(readFileSync(at("patch")));
    const { algorithm } = recognisePatch(patch);
    const sizes = { sourceBytes: statSync(source).size, targetBytes: statSync(target).size };
    const { memoryBytes } = applyCost(algorithm, patch, sizes);
    const peak = peakOf(source, at("patch"), at("rebuilt"));
    expect(readFileSync(at("rebuilt")).equals(readFileSync(target))).toBe(true);
    expect(peak - start).toBeLessThan(memoryBytes);
    expect(memoryBytes).toBeLessThan(5 * (peak - start));
    expect(leastApplyMemory(algorithm, sizes)).toBeLessThanOrEqual(memoryBytes);
  });
});

describe("what is read from headers alone", () => {
  const bsdiff = (level: string): Uint8Array => {
    const patch = Buffer.alloc(32 + 3 * 4);
    patch.write("BSDIFF40");
    patch.writeUInt8(4, 8);
    patch.writeUInt8(4, 16);
    for (const start of [32, 36, 40]) patch.write(`BZh${level}`, start);
    return patch;
  };
  const memory = (algorithm: "BSDIFF" | "ZSTD_DICT", patch: Uint8Array, mib: number): number =>
    applyCost(algorithm, memorySource(patch), { sourceBytes: mib * MIB, targetBytes: mib * MIB }).memoryBytes;

  it("is flat in the size of the files for BSDIFF, and follows the blocks of its streams", () => {
    expect(memory("BSDIFF", bsdiff("9"), 1)).toBe(memory("BSDIFF", bsdiff("9"), 2000));
    expect(memory("BSDIFF", bsdiff("9"), 1) - memory("BSDIFF", bsdiff("1"), 1)).toBe(3 * 8 * 400_000);
  });

  it("is each brotli stream's window, as its first bits have it", () => {
    const with2 = (...starts: readonly number[]): Uint8Array => {
      const patch = Buffer.alloc(32 + 3);
      patch.write("BSDF2\x02\x02\x02");
      patch.writeUInt8(1, 8);
      patch.writeUInt8(1, 16);
      patch.set(starts, 32);
      return patch;
    };
    // RFC 7932, section 9.1: 10, 16, 17, 18 and 24 bits.
    const logs = [0x21, 0x00, 0x01, 0x03, 0x0f].map((first) => [
      memory("BSDIFF", with2(first, 0, 0), 100) - memory("BSDIFF", with2(0, 0, 0), 100),
    ]);
    expect(logs.flat().map((bytes) => Math.log2(bytes + 2 ** 16))).toEqual([10, 16, 17, 18, 24]);
    const packed = brotliCompressSync(Buffer.from("patch"), {
      params: { [constants.BROTLI_PARAM_LGWIN]: 20 },
    });
    expect(memory("BSDIFF", with2(packed[0]!, 0, 0), 100) - memory("BSDIFF", with2(0, 0, 0), 100)).toBe(
      2 ** 20 - 2 ** 16,
    );
  });

  it("grows with source and target for ZSTD_DICT", () => {
    const patch = zstdCompressSync(Buffer.from("patch"));
    expect(memory("ZSTD_DICT", patch, 101) - memory("ZSTD_DICT", patch, 1)).toBe(400 * MIB);
  });

  it("is time, too, and grows with the patch and what it makes", () => {
    const seconds = (patch: Uint8Array, targetBytes: number): number =>
      applyCost("BSDIFF", memorySource(patch), { sourceBytes: 0, targetBytes }).seconds;
    const longer = Buffer.concat([bsdiff("9"), Buffer.alloc(4 * MIB)]);
    expect(seconds(bsdiff("9"), MIB)).toBeLessThan(seconds(bsdiff("9"), 100 * MIB));
    expect(seconds(longer, MIB) - seconds(bsdiff("9"), MIB)).toBeCloseTo(0.6, 2);
  });

  it.each(["BSDIFF", "VCDIFF", "ZSTD_DICT", "THEMIS"] as const)("refuses what is no %s", (algorithm) => {
    const patch = memorySource(Buffer.from("this is no patch of any kind, nor will it be one"));
    expect(() => applyCost(algorithm, patch, { sourceBytes: 1, targetBytes: 1 })).toThrow(
      expect.objectContaining({ code: "DELTA_MAGIC", kind: "refused" }),
    );
  });
});
