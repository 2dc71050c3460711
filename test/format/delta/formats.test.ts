/** Patches: other people's tools read ours, we read theirs, and nothing malformed gets through. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { brotliCompressSync } from "node:zlib";
import { afterAll, describe, expect, it } from "vitest";
import { memorySource } from "../../../src/base/byte-source.ts";
import { applyPatch, recognisePatch } from "../../../src/format/delta/algorithm.ts";
import { writeInteger } from "../../../src/format/delta/bsdiff/integer.ts";
import { decodeBzip2 } from "../../../src/format/delta/bzip2/decode.ts";
import { Bzip2Encoder } from "../../../src/format/delta/bzip2/encode.ts";
import { DeltaError } from "../../../src/format/delta/error.ts";
import { describeVcdiff } from "../../../src/format/delta/vcdiff/describe.ts";
import type { Algorithm } from "../../../src/format/manifest/delta-manifest.ts";
import { Bzip2Kernel } from "../../../src/kernel/kernel.ts";
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
const job = { sourcePath: at("source"), targetPath: at("target") };

/** A job over other bytes. */
function jobOf(old: Uint8Array, wanted: Uint8Array): typeof job {
  writeFileSync(at("other-source"), old);
  writeFileSync(at("other-target"), wanted);
  return { sourcePath: at("other-source"), targetPath: at("other-target") };
}

function unpack(packed: Uint8Array, maxBytes: number): Buffer {
  const pieces = decodeBzip2(memorySource(packed), { start: 0, end: packed.length, maxBytes });
  return Buffer.concat(Array.from(pieces, (piece) => Buffer.from(piece)));
}

function packBzip2(bytes: Uint8Array): Buffer {
  const encoder = new Bzip2Encoder(new Bzip2Kernel(1));
  encoder.push(bytes);
  return Buffer.from(encoder.finish());
}

async function apply(
  algorithm: Algorithm,
  patch: Uint8Array,
  from: Uint8Array = source,
  targetSize = target.length,
  wanted: Uint8Array = target,
): Promise<Buffer> {
  const written = memorySource(wanted);
  const request = { algorithm, source: memorySource(from), patch: memorySource(patch), written, targetSize };
  const pieces: Buffer[] = [];
  for await (const piece of applyPatch(request)) pieces.push(Buffer.from(piece));
  return Buffer.concat(pieces);
}

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
      expect(unpack(packed, bytes.length).equals(bytes)).toBe(true);
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
    expect(code(() => unpack(packed, 16))).toBe("DELTA_SIZE");
    expect(code(() => unpack(Buffer.concat([packed, packed]), 100))).toBe("DELTA_TRAILING");
    for (let length = 0; length < packed.length; length++) {
      expect(
        code(() => unpack(packed.subarray(0, length), 100)),
        String(length),
      ).toBe("DELTA_TRUNCATED");
    }
  });
});

describe("BSDIFF", () => {
  it.skipIf(!hasTool("bsdiff"))("reads what Debian's bsdiff writes", async () => {
    execFileSync("bsdiff", [at("source"), at("target"), at("theirs.bsdiff")]);
    const patch = readFileSync(at("theirs.bsdiff"));
    const opened = memorySource(patch);
    expect(recognisePatch(opened).describe(opened)).toMatchObject({
      algorithm: "BSDIFF",
      targetSize: target.length,
    });
    expect((await apply("BSDIFF", patch)).equals(target)).toBe(true);
  });

  it.skipIf(!hasTool("bspatch")).each(["kernel", "bsdiff-node"] as const)(
    "writes by %s what Debian's bspatch reads",
    async (engine) => {
      const patch = await createPatch({ ...job, algorithm: "BSDIFF", engine });
      writeFileSync(at("ours.bsdiff"), patch);
      execFileSync("bspatch", [at("source"), at("rebuilt"), at("ours.bsdiff")]);
      expect(readFileSync(at("rebuilt")).equals(target)).toBe(true);
    },
  );

  it.each(["bsdiff40", "bsdf2", "endsley"] as const)(
    "writes and reads the container %s",
    async (container) => {
      const patch = await createPatch({ ...job, algorithm: "BSDIFF", container });
      const opened = memorySource(patch);
      expect(recognisePatch(opened).describe(opened).details).toMatchObject({ container });
      expect((await apply("BSDIFF", patch)).equals(target)).toBe(true);
      for (const cut of [10, 30, 40, patch.length - 1])
        await expect(apply("BSDIFF", patch.subarray(0, cut))).rejects.toThrow(DeltaError);
      await expect(apply("BSDIFF", Buffer.concat([patch, Buffer.from("x")]))).rejects.toMatchObject({
        code: "DELTA_TRAILING",
      });
    },
  );

  it("is made in no more memory than allowed, or not at all", async () => {
    const made = createPatch({ ...job, algorithm: "BSDIFF", memoryLimit: 1 << 20 });
    await expect(made).rejects.toMatchObject({ code: "DIFF_TOO_LARGE" });
  });

  it.each([
    { why: "two empty files", old: Buffer.alloc(0), new: Buffer.alloc(0) },
    { why: "an empty source", old: Buffer.alloc(0), new: noise(5000, 1) },
    { why: "an empty target", old: noise(5000, 1), new: Buffer.alloc(0) },
    { why: "one byte", old: Buffer.from("a"), new: Buffer.from("b") },
    { why: "identical files", old: noise(50_000, 1), new: noise(50_000, 1) },
    { why: "no common byte", old: Buffer.alloc(3000, 1), new: Buffer.alloc(3000, 2) },
    { why: "megabytes of zeros", old: Buffer.alloc(3_000_000), new: Buffer.alloc(3_100_000) },
    { why: "a period", old: Buffer.from("ab".repeat(100_000)), new: Buffer.from("ba".repeat(120_000)) },
  ])("round trip of $why", async ({ old, new: wanted }) => {
    for (const algorithm of ["BSDIFF", "VCDIFF", "ZSTD_DICT", "THEMIS"] as const) {
      const patch = await createPatch({ ...jobOf(old, wanted), algorithm });
      expect((await apply(algorithm, patch, old, wanted.length, wanted)).equals(wanted), algorithm).toBe(
        true,
      );
    }
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
  ])("refuses $why", async ({ code, change }) => {
    execFileSync("bsdiff", [at("source"), at("target"), at("bad.bsdiff")]);
    const patch = change(readFileSync(at("bad.bsdiff")));
    await expect(apply("BSDIFF", patch)).rejects.toMatchObject({ code, kind: "refused" });
  });
});

describe("BSDF2 by hand", () => {
  const triple = (add: number, copy: number, seek: number): Buffer => {
    const bytes = Buffer.alloc(24);
    for (const [i, value] of [add, copy, seek].entries()) writeInteger(bytes, i * 8, value);
    return bytes;
  };
  const bsdf2 = (
    compressors: readonly number[],
    targetSize: number,
    ...streams: readonly Buffer[]
  ): Buffer => {
    const header = Buffer.alloc(32);
    header.write("BSDF2");
    header.set(compressors, 5);
    for (const [i, value] of [streams[0]!.length, streams[1]!.length, targetSize].entries())
      writeInteger(header, 8 + i * 8, value);
    return Buffer.concat([header, ...streams]);
  };
  const nothing = Buffer.alloc(0);
  const letters = Buffer.from("abcdefgh");
  const rest = triple(0, 8, 0);

  it.each([
    { why: "no idle triple", control: rest },
    { why: "a thousand idle triples", control: Buffer.concat([Buffer.alloc(1000 * 24), rest]) },
  ])("is read with $why", async ({ control }) => {
    const made = await apply("BSDIFF", bsdf2([0, 0, 0], 8, control, nothing, letters), nothing, 8);
    expect(made.equals(letters)).toBe(true);
  });

  it("is read and described with any compressor for each stream", async () => {
    const packers = {
      none: (b: Buffer) => b,
      bzip2: packBzip2,
      brotli: (b: Buffer) => brotliCompressSync(b),
    };
    const names = ["none", "bzip2", "brotli"] as const;
    const streams = [Buffer.concat([triple(8, 8, 0)]), Buffer.alloc(8, 1), letters];
    for (let mix = 0; mix < 27; mix++) {
      const ids = [Math.floor(mix / 9), Math.floor(mix / 3) % 3, mix % 3];
      const packed = ids.map((id, i) => packers[names[id]!](streams[i]!));
      const patch = bsdf2(ids, 16, ...packed);
      const opened = memorySource(patch);
      const said = ids.map((id, i) => `${packed[i]!.length} (${names[id]})`);
      expect(recognisePatch(opened).describe(opened).details).toEqual({
        container: "bsdf2",
        controlBytes: said[0],
        diffBytes: said[1],
        extraBytes: said[2],
      });
      const made = await apply("BSDIFF", patch, Buffer.from("ABCDEFGH"), 16);
      expect(made.toString(), said.join()).toBe("BCDEFGHIabcdefgh");
    }
  });

  it.each([
    ...[3, 4, 49, 255].flatMap((id) =>
      ["control", "diff", "extra"].map((stream, i) => ({
        why: `compressor ${id} for its ${stream} stream`,
        code: "DELTA_CORRUPT",
        patch: bsdf2([0, 0, 0].with(i, id), 8, rest, nothing, letters),
      })),
    ),
    {
      why: "a thousand idle triples before every byte",
      code: "DELTA_CORRUPT",
      patch: bsdf2(
        [0, 0, 0],
        8,
        Buffer.concat(Array.from(letters, () => [Buffer.alloc(1000 * 24), triple(0, 1, 0)]).flat()),
        nothing,
        letters,
      ),
    },
    {
      why: "bytes behind a short brotli stream",
      code: "DELTA_TRAILING",
      patch: bsdf2([0, 0, 2], 8, rest, nothing, Buffer.concat([brotliCompressSync(letters), letters])),
    },
  ])("is refused with $why", async ({ code, patch }) => {
    await expect(apply("BSDIFF", patch, nothing, 8)).rejects.toMatchObject({ code, kind: "refused" });
  });
});

describe("VCDIFF", () => {
  it.skipIf(!hasTool("xdelta3"))("writes what xdelta3 reads, over several windows too", async () => {
    const large = {
      source: Buffer.concat([noise(6_000_000, 3), Buffer.alloc(3_000_000), noise(3_000_000, 4)]),
      target: Buffer.concat([
        noise(2_000_000, 4),
        noise(6_000_000, 3),
        Buffer.alloc(5_000_000, 7),
        noise(90_000, 5),
      ]),
    };
    for (const pair of [{ source, target }, large]) {
      const patch = await createPatch({ ...jobOf(pair.source, pair.target), algorithm: "VCDIFF" });
      writeFileSync(at("vcdiff-source"), pair.source);
      writeFileSync(at("ours.vcdiff"), patch);
      const args = ["-d", "-D", "-R", "-f", "-B", "16777216", "-s", at("vcdiff-source")];
      execFileSync("xdelta3", [...args, at("ours.vcdiff"), at("vcdiff-rebuilt")]);
      expect(readFileSync(at("vcdiff-rebuilt")).equals(pair.target)).toBe(true);
      expect((await apply("VCDIFF", patch, pair.source, pair.target.length)).equals(pair.target)).toBe(true);
    }
  });

  it.skipIf(!hasTool("xdelta3"))(
    "makes an empty file as one empty window, without which xdelta3 refuses it",
    async () => {
      for (const old of [Buffer.alloc(0), source]) {
        const patch = await createPatch({ ...jobOf(old, Buffer.alloc(0)), algorithm: "VCDIFF" });
        expect(describeVcdiff(memorySource(patch))).toMatchObject({ windows: 1, targetSize: 0 });
        writeFileSync(at("ours.vcdiff"), patch);
        const args = ["-d", "-D", "-R", "-f", "-s", at("other-source")];
        execFileSync("xdelta3", [...args, at("ours.vcdiff"), at("vcdiff-rebuilt")]);
        expect(readFileSync(at("vcdiff-rebuilt"))).toHaveLength(0);
      }
    },
  );
});

describe("ZSTD_DICT", () => {
  it.skipIf(!hasTool("zstd"))("reads what zstd --patch-from writes", async () => {
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
    expect((await apply("ZSTD_DICT", patch)).equals(target)).toBe(true);
  });

  it.skipIf(!hasTool("zstd"))("writes what zstd -d --patch-from reads", async () => {
    const patch = await createPatch({ ...job, algorithm: "ZSTD_DICT" });
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
    const patch = Buffer.from(await createPatch({ ...job, algorithm: "ZSTD_DICT" }));
    for (const cut of [0, 3, 5, 8, patch.length - 1])
      await expect(apply("ZSTD_DICT", patch.subarray(0, cut))).rejects.toThrow(DeltaError);
    const code = (code: string) => expect.objectContaining({ code });
    await expect(apply("ZSTD_DICT", Buffer.concat([patch, patch]))).rejects.toEqual(code("DELTA_TRAILING"));
    await expect(apply("ZSTD_DICT", patch, noise(source.length, 77))).rejects.toEqual(code("DELTA_CORRUPT"));
    await expect(apply("ZSTD_DICT", patch, source, target.length - 1)).rejects.toEqual(
      code("DELTA_TARGET_SIZE"),
    );
  });
});
