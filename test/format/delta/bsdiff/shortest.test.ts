/** BSDF2 has each stream in the compressor that makes it shortest; BSDIFF40 where that is bzip2 for all. */
import { brotliCompressSync, constants } from "node:zlib";
import { describe, expect, it } from "vitest";
import { memorySource } from "../../../../src/base/byte-source.ts";
import { applyBsdiff } from "../../../../src/format/delta/bsdiff/apply.ts";
import { readBsdiffHeader } from "../../../../src/format/delta/bsdiff/container.ts";
import { HeldBytes } from "../../../../src/format/delta/bsdiff/held-bytes.ts";
import { ShortestStream } from "../../../../src/format/delta/bsdiff/shortest-stream.ts";
import { type WantedContainer, writeBsdiff } from "../../../../src/format/delta/bsdiff/write.ts";
import { ENCODERS_EACH, ShorterBzip2 } from "../../../../src/format/delta/bzip2/shorter.ts";
import { NO_SOURCE } from "../../../../src/format/delta/segments.ts";
import { Bzip2Kernel } from "../../../../src/kernel/kernel.ts";
import { noise } from "../../../kit/world.ts";

const MIB = 2 ** 20;

/** Mostly zeros, as differences are. */
const sparse = (length: number): Uint8Array =>
  noise(length, 7).map((byte, i, all) => (byte < 5 ? all[(i + 1) % length]! : 0));
const words = Buffer.from("the brotli dictionary knows words of the english language ".repeat(3));

const packed = (bytes: Uint8Array) => {
  const stream = new ShortestStream(new Bzip2Kernel(ENCODERS_EACH));
  stream.push(bytes);
  return stream.finish();
};

describe("a stream", () => {
  it.each([
    { why: "nothing", bytes: new Uint8Array(), compressor: "none" },
    { why: "noise", bytes: noise(100_000, 1), compressor: "none" },
    { why: "words", bytes: words, compressor: "brotli" },
    { why: "zeros", bytes: new Uint8Array(MIB), compressor: "brotli" },
    { why: "a million sparse differences", bytes: sparse(MIB), compressor: "bzip2" },
  ])("of $why is $compressor, the shortest of the three", ({ bytes, compressor }) => {
    const bzip2 = new ShorterBzip2(new Bzip2Kernel(ENCODERS_EACH));
    bzip2.push(bytes);
    const brotli = brotliCompressSync(bytes, {
      params: {
        [constants.BROTLI_PARAM_LGWIN]: 20,
        [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length,
      },
    });
    const made = packed(bytes);
    expect(made.compressor).toBe(compressor);
    expect(made.bytes.length).toBe(Math.min(bytes.length, brotli.length, bzip2.finish().length));
  });

  it.each([
    { why: "noise", bytes: noise(5 * MIB, 1), compressor: "none" },
    { why: "sparse differences", bytes: sparse(5 * MIB), compressor: "bzip2" },
    {
      why: "words",
      bytes: Buffer.concat(Array.from({ length: 5 * 64 }, (_, n) => [words, noise(16_210, n % 2)]).flat()),
      compressor: "brotli",
    },
  ])("of 5 MiB of $why is $compressor, by a sample", ({ bytes, compressor }) => {
    expect(packed(bytes).compressor).toBe(compressor);
  });
});

describe("held bytes", () => {
  const all = noise(MIB + 12_345, 3);
  const held = new HeldBytes();
  for (let at = 0, step = 1; at < all.length; at += step, step = (step * 7) % 600_011) {
    held.push(all.subarray(at, at + step));
  }

  it("are sampled from the first to the last", () => {
    const sample = held.sample(3, 100_000);
    const middle = Math.floor((all.length - 100_000) / 2);
    const places = [0, middle, all.length - 100_000];
    expect(Buffer.from(sample)).toEqual(Buffer.concat(places.map((at) => all.subarray(at, at + 100_000))));
  });

  it("come out as they went in, once", () => {
    expect(Buffer.from(held.take()).equals(all)).toBe(true);
    expect(held.take().length).toBe(0);
  });
});

describe("a patch", () => {
  const source = noise(400_000, 4);
  const changes = sparse(300_000);
  const differing = changes.map((change, i) => change + source[i]!);
  const write = (target: Uint8Array, segments: readonly number[], container: WantedContainer) => {
    const files = { source: memorySource(source), target: memorySource(target) };
    return writeBsdiff({ ...files, segments: [Float64Array.from(segments)], container });
  };
  const compressors = (patch: Uint8Array): readonly string[] =>
    Object.values(readBsdiffHeader(memorySource(patch)).parts).map(({ compressor }) => compressor);

  it("mixes compressors, and is the target again", async () => {
    const target = Buffer.concat([differing, noise(9000, 5)]);
    const patch = write(target, [0, 0, 300_000, 300_000, NO_SOURCE, 9000], "shortest");
    expect(compressors(patch)).toEqual(["brotli", "bzip2", "none"]);
    const request = { source: memorySource(source), patch: memorySource(patch), targetSize: target.length };
    const pieces: Buffer[] = [];
    for await (const piece of applyBsdiff(request)) pieces.push(Buffer.from(piece));
    expect(Buffer.concat(pieces).equals(target)).toBe(true);
    expect(patch).toEqual(write(target, [0, 0, 300_000, 300_000, NO_SOURCE, 9000], "bsdf2"));
  });

  it("is BSDIFF40 when every stream is shortest in bzip2, and BSDF2 when that was asked for", () => {
    // Triples as sparse and as little foreseeable as the differences: now and then a jump of some bytes.
    const jumps = sparse(60_000);
    const target = Buffer.concat([changes, sparse(300_000)]);
    const segments: number[] = [];
    for (let n = 0, there = 0; n < 60_000; n++, there += 5) {
      there = (there + jumps[n]! + 1) % 390_000;
      segments.push(n * 5, there, 5);
      for (let i = 0; i < 5; i++) target[n * 5 + i]! += source[there + i]!;
    }
    const all = [...segments, 300_000, NO_SOURCE, 300_000];
    const [shortest, bsdf2, bsdiff40] = (["shortest", "bsdf2", "bsdiff40"] as const).map((container) =>
      Buffer.from(write(target, all, container)),
    );
    expect(compressors(bsdf2!)).toEqual(["bzip2", "bzip2", "bzip2"]);
    expect(bsdf2!.toString("latin1", 0, 8)).toBe("BSDF2\x01\x01\x01");
    expect(bsdf2!.subarray(8).equals(bsdiff40!.subarray(8))).toBe(true);
    expect(shortest!.equals(bsdiff40!)).toBe(true);
  });
});
