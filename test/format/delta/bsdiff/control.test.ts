/** Control streams of every kind, against a model that is too simple to be wrong. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { memorySource } from "../../../../src/base/byte-source.ts";
import { applyBsdiff } from "../../../../src/format/delta/bsdiff/apply.ts";
import { writeInteger } from "../../../../src/format/delta/bsdiff/integer.ts";
import { Bzip2Encoder } from "../../../../src/format/delta/bzip2/encode.ts";
import { Bzip2Kernel } from "../../../../src/kernel/kernel.ts";
import { noise } from "../../../kit/world.ts";

type Triple = { readonly add: number; readonly copy: number; readonly seek: number };

/** BSDF2 with stored streams, or BSDIFF40. */
function patchOf(
  triples: readonly Triple[],
  packed: boolean,
): { patch: Buffer; diff: Buffer; extra: Buffer } {
  const sum = (of: (triple: Triple) => number): number => triples.reduce((all, each) => all + of(each), 0);
  const control = Buffer.alloc(triples.length * 24);
  for (const [i, { add, copy, seek }] of triples.entries()) {
    for (const [n, value] of [add, copy, seek].entries()) writeInteger(control, i * 24 + n * 8, value);
  }
  const diff = noise(
    sum(({ add }) => add),
    3,
  );
  const extra = noise(
    sum(({ copy }) => copy),
    4,
  );
  const pack = (bytes: Buffer): Buffer => {
    if (!packed) return bytes;
    const encoder = new Bzip2Encoder(new Bzip2Kernel(1));
    encoder.push(bytes);
    return Buffer.from(encoder.finish());
  };
  const streams = [control, diff, extra].map(pack);
  const header = Buffer.alloc(32);
  header.write(packed ? "BSDIFF40" : "BSDF2");
  writeInteger(header, 8, streams[0]!.length);
  writeInteger(header, 16, streams[1]!.length);
  writeInteger(header, 24, diff.length + extra.length);
  return { patch: Buffer.concat([header, ...streams]), diff, extra };
}

function model(source: Buffer, triples: readonly Triple[], diff: Buffer, extra: Buffer): Buffer {
  const target: number[] = [];
  let [position, diffAt, extraAt] = [0, 0, 0];
  for (const { add, copy, seek } of triples) {
    for (let i = 0; i < add; i++) target.push((diff[diffAt++]! + (source[position++] ?? 0)) & 255);
    for (let i = 0; i < copy; i++) target.push(extra[extraAt++]!);
    position += seek;
  }
  return Buffer.from(target);
}

async function apply(source: Buffer, patch: Buffer, targetSize: number): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of applyBsdiff({
    source: memorySource(source),
    patch: memorySource(patch),
    targetSize,
  })) {
    pieces.push(Buffer.from(piece));
  }
  return Buffer.concat(pieces);
}

describe("a control stream", () => {
  const source = noise(100_000, 1);

  it.each([false, true])(
    "is carried out as the format says, wherever it seeks (bzip2: %s)",
    async (packed) => {
      const lengths = fc.oneof(fc.nat(40), fc.nat(2000), fc.constant(70_000));
      await fc.assert(
        fc.asyncProperty(
          fc.array(
            fc.record({ add: lengths, copy: lengths, seek: fc.integer({ min: -150_000, max: 150_000 }) }),
            { maxLength: 12 },
          ),
          async (triples) => {
            const { patch, diff, extra } = patchOf(triples, packed);
            const wanted = model(source, triples, diff, extra);
            expect((await apply(source, patch, wanted.length)).equals(wanted)).toBe(true);
          },
        ),
        { numRuns: 60 },
      );
    },
  );

  it.each([
    { why: "a negative length", triple: { add: -1, copy: 0, seek: 0 }, code: "DELTA_SIZE" },
    { why: "more than the target holds", triple: { add: 5, copy: 6, seek: 0 }, code: "DELTA_SIZE" },
    { why: "2^53 - 1 bytes", triple: { add: 5, copy: 2 ** 53 - 1, seek: 0 }, code: "DELTA_SIZE" },
    { why: "a seek to nowhere", triple: { add: 1, copy: 0, seek: -(2 ** 47) - 2 }, code: "DELTA_OFFSET" },
    { why: "an end before the target's", triple: { add: 1, copy: 1, seek: 0 }, code: "DELTA_TRUNCATED" },
  ])("is refused for $why, and the next patch is none the worse", async ({ triple, code }) => {
    const good = patchOf([{ add: 6, copy: 4, seek: 0 }], false);
    const bad = Buffer.from(good.patch);
    for (const [n, value] of [triple.add, triple.copy, triple.seek].entries())
      writeInteger(bad, 32 + n * 8, value);
    await expect(apply(source, bad, 10)).rejects.toMatchObject({ code, kind: "refused" });
    const wanted = model(source, [{ add: 6, copy: 4, seek: 0 }], good.diff, good.extra);
    expect((await apply(source, good.patch, 10)).equals(wanted)).toBe(true);
  });

  it("that makes nothing does not go on for ever", async () => {
    const idle = Array.from({ length: 1100 }, () => ({ add: 0, copy: 0, seek: 0 }));
    // Stored: of a compressed stream the bound on its length would say so first.
    const { patch } = patchOf([...idle, { add: 1, copy: 0, seek: 0 }], false);
    await expect(apply(source, patch, 1)).rejects.toMatchObject({ code: "DELTA_CORRUPT" });
  });

  it("reads its source in whole pages, each of them once on the way forward", async () => {
    const { patch } = patchOf([{ add: 100_000, copy: 0, seek: 0 }], false);
    const asked: number[] = [];
    const read = (position: number, into: Uint8Array): void => {
      asked.push(position);
      memorySource(source).read(position, into);
    };
    const request = {
      source: { size: source.length, read },
      patch: memorySource(patch),
      targetSize: 100_000,
    };
    for await (const piece of applyBsdiff(request)) expect(piece.length).toBeGreaterThan(0);
    expect(asked).toEqual([0, 1, 2, 3, 4, 5, 6].map((page) => page * 16_384));
  });

  it("finds no byte of the patch before, however the two are interleaved", async () => {
    const triples = [{ add: 90_000, copy: 300_000, seek: -90_000 }];
    const other = noise(100_000, 9);
    const { patch, diff, extra } = patchOf(triples, true);
    const both = await Promise.all([apply(source, patch, 390_000), apply(other, patch, 390_000)]);
    expect(both[0].equals(model(source, triples, diff, extra))).toBe(true);
    expect(both[1].equals(model(other, triples, diff, extra))).toBe(true);
  });
});
