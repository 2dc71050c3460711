/** Patches: other people's tools read ours, we read theirs, and nothing malformed gets through. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { applyPatch, recognisePatch } from "../../../src/format/delta/algorithm.ts";
import { decodeBzip2 } from "../../../src/format/delta/bzip2/decode.ts";
import { DeltaError } from "../../../src/format/delta/error.ts";
import { createPatch } from "../../../src/publish/diff/engine.ts";
import { hasTool } from "../../kit/tools.ts";
import { noise } from "../../kit/world.ts";

const folder = mkdtempSync(join(tmpdir(), "themis-delta-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const at = (name: string): string => join(folder, name);

const source = Buffer.concat([noise(200_000, 1), Buffer.from("text ".repeat(4000)), noise(1000, 2)]);
const target = Buffer.concat([
  source.subarray(0, 90_000),
  noise(500, 9),
  source.subarray(91_000),
  Buffer.from("end"),
]);
writeFileSync(at("source"), source);
writeFileSync(at("target"), target);

describe("bzip2", () => {
  it.skipIf(!hasTool("bzip2")).each([
    { why: "nothing", bytes: Buffer.alloc(0) },
    { why: "one byte", bytes: Buffer.from("a") },
    {
      why: "runs of every length",
      bytes: Buffer.concat(Array.from({ length: 600 }, (_, n) => Buffer.alloc(n, n & 3))),
    },
    { why: "several blocks of noise", bytes: noise(2_100_000, 4) },
    { why: "megabytes of zeros", bytes: Buffer.alloc(5_000_000) },
    { why: "text", bytes: Buffer.from("the quick brown fox ".repeat(20_000)) },
  ])("reads $why as Debian's bzip2 wrote it, at every block size", ({ bytes }) => {
    for (const level of ["-1", "-5", "-9"]) {
      const packed = execFileSync("bzip2", [level, "-c"], { input: bytes, maxBuffer: 1 << 28 });
      expect(Buffer.from(decodeBzip2(packed, bytes.length)).equals(bytes)).toBe(true);
    }
  });

  it.skipIf(!hasTool("bzip2"))("refuses more than it was allowed, a second stream, and every cut", () => {
    const packed = execFileSync("bzip2", ["-c"], { input: "hello hello hello" });
    const code = (act: () => unknown): string => {
      try {
        act();
        return "accepted";
      } catch (error) {
        return error instanceof DeltaError ? error.code : String(error);
      }
    };
    expect(code(() => decodeBzip2(packed, 16))).toBe("DELTA_SIZE");
    expect(code(() => decodeBzip2(Buffer.concat([packed, packed]), 100))).toBe("DELTA_TRAILING");
    for (let length = 0; length < packed.length; length++) {
      expect(
        code(() => decodeBzip2(packed.subarray(0, length), 100)),
        String(length),
      ).toBe("DELTA_TRUNCATED");
    }
  });
});

describe("BSDIFF", () => {
  it.skipIf(!hasTool("bsdiff"))("reads what Debian's bsdiff writes", () => {
    execFileSync("bsdiff", [at("source"), at("target"), at("theirs.bsdiff")]);
    const patch = readFileSync(at("theirs.bsdiff"));
    expect(recognisePatch(patch).describe(patch)).toMatchObject({
      algorithm: "BSDIFF",
      targetSize: target.length,
    });
    expect(
      Buffer.from(applyPatch({ algorithm: "BSDIFF", source, patch, targetSize: target.length })).equals(
        target,
      ),
    ).toBe(true);
  });

  it.skipIf(!hasTool("bspatch"))("writes what Debian's bspatch reads", async () => {
    const patch = await createPatch({
      algorithm: "BSDIFF",
      sourcePath: at("source"),
      targetPath: at("target"),
      source,
      target,
    });
    writeFileSync(at("ours.bsdiff"), patch);
    execFileSync("bspatch", [at("source"), at("rebuilt"), at("ours.bsdiff")]);
    expect(readFileSync(at("rebuilt")).equals(target)).toBe(true);
  });

  it.skipIf(!hasTool("bsdiff")).each([
    { why: "another magic", code: "DELTA_MAGIC", change: (p: Buffer) => p.fill(0, 0, 1) },
    { why: "a header that is cut", code: "DELTA_TRUNCATED", change: (p: Buffer) => p.subarray(0, 20) },
    { why: "a negative control length", code: "DELTA_SIZE", change: (p: Buffer) => p.fill(0x80, 15, 16) },
    {
      why: "a control length beyond the patch",
      code: "DELTA_TRUNCATED",
      change: (p: Buffer) => p.fill(0x7f, 11, 12),
    },
    { why: "an integer beyond 2^53", code: "DELTA_SIZE", change: (p: Buffer) => p.fill(0x7f, 8, 16) },
    { why: "another target size", code: "DELTA_TARGET_SIZE", change: (p: Buffer) => p.fill(1, 24, 25) },
    {
      why: "bytes behind the end",
      code: "DELTA_TRAILING",
      change: (p: Buffer) => Buffer.concat([p, Buffer.from("x")]),
    },
  ])("refuses $why", ({ code, change }) => {
    execFileSync("bsdiff", [at("source"), at("target"), at("bad.bsdiff")]);
    const patch = change(readFileSync(at("bad.bsdiff")));
    expect(() => applyPatch({ algorithm: "BSDIFF", source, patch, targetSize: target.length })).toThrow(
      expect.objectContaining({ code, kind: "refused" }),
    );
  });
});

describe("ZSTD_DICT", () => {
  it.skipIf(!hasTool("zstd"))("reads what zstd --patch-from writes", () => {
    execFileSync("zstd", [
      "-q",
      "-f",
      "-19",
      `--patch-from=${at("source")}`,
      at("target"),
      "-o",
      at("theirs.zst"),
    ]);
    const patch = readFileSync(at("theirs.zst"));
    expect(
      Buffer.from(applyPatch({ algorithm: "ZSTD_DICT", source, patch, targetSize: target.length })).equals(
        target,
      ),
    ).toBe(true);
  });

  it.skipIf(!hasTool("zstd"))("writes what zstd -d --patch-from reads", async () => {
    const patch = await createPatch({
      algorithm: "ZSTD_DICT",
      sourcePath: at("source"),
      targetPath: at("target"),
      source,
      target,
    });
    writeFileSync(at("ours.zst"), patch);
    execFileSync("zstd", [
      "-q",
      "-d",
      "-f",
      `--patch-from=${at("source")}`,
      at("ours.zst"),
      "-o",
      at("rebuilt.zst"),
    ]);
    expect(readFileSync(at("rebuilt.zst")).equals(target)).toBe(true);
  });

  it("refuses a cut, bytes behind the end, another source and another size", async () => {
    const patch = Buffer.from(
      await createPatch({ algorithm: "ZSTD_DICT", sourcePath: "", targetPath: "", source, target }),
    );
    const apply =
      (bytes: Uint8Array, from: Uint8Array = source, targetSize = target.length) =>
      () =>
        applyPatch({ algorithm: "ZSTD_DICT", source: from, patch: bytes, targetSize });
    for (const cut of [0, 3, 5, 8, patch.length - 1])
      expect(apply(patch.subarray(0, cut))).toThrow(DeltaError);
    expect(apply(Buffer.concat([patch, patch]))).toThrow(expect.objectContaining({ code: "DELTA_TRAILING" }));
    expect(apply(patch, noise(source.length, 77))).toThrow(
      expect.objectContaining({ code: "DELTA_CORRUPT" }),
    );
    expect(apply(patch, source, target.length - 1)).toThrow(
      expect.objectContaining({ code: "DELTA_TARGET_SIZE" }),
    );
  });
});

it.each(["BSDIFF", "ZSTD_DICT"] as const)(
  "a mutated %s patch gives a typed refusal or exactly as many bytes as asked",
  async (algorithm) => {
    const small = {
      source: source.subarray(0, 3000),
      target: Buffer.concat([source.subarray(500, 2800), noise(60, 8)]),
    };
    writeFileSync(at("small-source"), small.source);
    writeFileSync(at("small-target"), small.target);
    const patch = await createPatch({
      algorithm,
      sourcePath: at("small-source"),
      targetPath: at("small-target"),
      ...small,
    });
    const targetSize = small.target.length;
    fc.assert(
      fc.property(
        fc.nat(patch.length - 1),
        fc.integer({ min: 1, max: 255 }),
        fc.nat(40),
        (index, mask, cut) => {
          const bytes: Buffer = Buffer.from(patch.subarray(0, cut < 3 ? patch.length - cut : patch.length));
          if (index < bytes.length) bytes[index] = bytes[index]! ^ mask;
          try {
            expect(applyPatch({ algorithm, source: small.source, patch: bytes, targetSize })).toHaveLength(
              targetSize,
            );
          } catch (error) {
            expect(error).toBeInstanceOf(DeltaError);
          }
        },
      ),
      { numRuns: 3000 },
    );
  },
);
