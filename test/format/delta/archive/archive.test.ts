/** Patches for archives: what real archivers wrote is rebuilt bit for bit, for a few bytes. */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { crc32, deflateRawSync, deflateSync, gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { memorySource } from "../../../../src/base/byte-source.ts";
import { applyPatch, recognisePatch } from "../../../../src/format/delta/algorithm.ts";
import { readArchivePatch, writeArchivePatch } from "../../../../src/format/delta/archive/container.ts";
import { ENCODER_COUNT, encoderNumber, encoderOf } from "../../../../src/format/delta/archive/encoder.ts";
import {
  decodeRecipe,
  encodeRecipe,
  MAX_PARTS,
  type Recipe,
} from "../../../../src/format/delta/archive/recipe.ts";
import { createArchivePatch } from "../../../../src/publish/diff/archive/create-archive.ts";
import { createPatch } from "../../../../src/publish/diff/engine.ts";
import { readAllPieces } from "../../../kit/pieces.ts";
import { hasTool } from "../../../kit/tools.ts";
import { noise } from "../../../kit/world.ts";

let folder: string;
const at = (...names: string[]): string => join(folder, ...names);

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "themis-archive-test-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const text = (word: string): Buffer =>
  Buffer.from(
    Array.from(
      { length: 3000 },
      (_, i) => `line ${i} ${(i * 7919) % 997} ${i === 1500 ? word : "as ever"}\n`,
    ).join(""),
  );
const contents = (word: string): Readonly<Record<string, Buffer>> => ({
  "a.txt": text(word),
  "b.bin": Buffer.concat([noise(20_000, 3), text("same")]),
  "c.txt": text("same"),
});

async function patchBetween(source: Buffer, target: Buffer): Promise<Uint8Array> {
  writeFileSync(at("source"), source);
  writeFileSync(at("target"), target);
  return createArchivePatch(
    { algorithm: "THEMIS", sourcePath: at("source"), targetPath: at("target") },
    createPatch,
  );
}

async function apply(source: Uint8Array, patch: Uint8Array, targetSize: number): Promise<Buffer> {
  const request = { source: memorySource(source), patch: memorySource(patch), targetSize };
  return readAllPieces(
    applyPatch({ algorithm: "THEMIS", ...request, written: memorySource(new Uint8Array()) }),
  );
}

async function expectRebuilt(source: Buffer, target: Buffer, mostBytes: number): Promise<void> {
  const patch = await patchBetween(source, target);
  expect(patch.length).toBeLessThan(mostBytes);
  expect((await apply(source, patch, target.length)).equals(target)).toBe(true);
  const said = recognisePatch(memorySource(patch)).describe(memorySource(patch));
  expect(said).toMatchObject({ algorithm: "THEMIS", targetSize: target.length, readsTarget: false });
}

/** A zip of our own: local headers, central directory, end (APPNOTE.TXT 4.3). */
function zipOf(files: Readonly<Record<string, Buffer>>, level: number): Buffer {
  const locals: Buffer[] = [];
  const central: Buffer[] = [];
  let offset = 0;
  for (const [name, content] of Object.entries(files)) {
    const data = deflateRawSync(content, { level });
    const fields = Buffer.alloc(26);
    fields.writeUInt16LE(20, 0);
    fields.writeUInt16LE(8, 4);
    fields.writeUInt32LE(crc32(content), 10);
    fields.writeUInt32LE(data.length, 14);
    fields.writeUInt32LE(content.length, 18);
    fields.writeUInt16LE(name.length, 22);
    const local = Buffer.concat([Buffer.from("PK\x03\x04"), fields, Buffer.from(name), data]);
    const entry = Buffer.alloc(46);
    entry.write("PK\x01\x02");
    fields.copy(entry, 6, 0, 24);
    entry.writeUInt32LE(offset, 42);
    central.push(entry, Buffer.from(name));
    locals.push(local);
    offset += local.length;
  }
  const directory = Buffer.concat(central);
  const end = Buffer.alloc(22);
  end.write("PK\x05\x06");
  end.writeUInt16LE(locals.length, 8);
  end.writeUInt16LE(locals.length, 10);
  end.writeUInt32LE(directory.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...locals, directory, end]);
}

describe("an archive", () => {
  it.each([1, 6, 9])("of Node's gzip, level %i", async (level) => {
    const [source, target] = [text("old"), text("new")].map((content) => gzipSync(content, { level }));
    await expectRebuilt(source!, target!, 300);
  });

  it.each([1, 6, 9])("of zip, level %i, whose files are found one by one", async (level) => {
    const source = zipOf(contents("old"), level);
    const target = zipOf(contents("new"), level);
    await expectRebuilt(source, target, 500);
    const { recipe } = readArchivePatch(memorySource(await patchBetween(source, target)));
    expect(recipe.target.parts).toHaveLength(3);
  });

  it("that another program packed with other settings than the one before", async () => {
    await expectRebuilt(zipOf(contents("old"), 6), zipOf(contents("new"), 9), 500);
  });

  it("of streams of zlib somewhere in a file", async () => {
    const around = (word: string): Buffer =>
      Buffer.concat([
        noise(999, 1),
        deflateSync(text(word)),
        noise(777, 2),
        deflateSync(text("same"), { level: 9 }),
        noise(5, 3),
      ]);
    await expectRebuilt(around("old"), around("new"), 300);
  });

  it("from a file that is none, and from an empty one", async () => {
    const target = gzipSync(text("new"));
    await expectRebuilt(text("old"), target, 300);
    await expectRebuilt(Buffer.alloc(0), target, 10_000);
  });

  it.skipIf(!hasTool("tar") || !hasTool("gzip")).each([1, 6, 9])("of tar and GNU gzip -%i", async (level) => {
    const [source, target] = ["old", "new"].map((word) => {
      mkdirSync(at(`${word}${level}`), { recursive: true });
      for (const [name, content] of Object.entries(contents(word)))
        writeFileSync(at(`${word}${level}`, name), content);
      const options = ["--mtime=2020-01-01", "--owner=0", "--group=0", "--sort=name"];
      const tar = execFileSync("tar", ["-C", at(`${word}${level}`), ...options, "-c", "."]);
      return execFileSync("gzip", [`-${level}`, "-n"], { input: tar });
    });
    await expectRebuilt(source!, target!, 400);
  });

  it("whose one stream nobody can make again is rebuilt all the same, when another one can be", async () => {
    // A stored block in front, as no encoder here begins.
    const strange = (content: Buffer): Buffer => {
      const head = Buffer.from([0, 3, 0, 0xfc, 0xff, ...content.subarray(0, 3)]);
      const raw = Buffer.concat([head, deflateRawSync(content.subarray(3))]);
      const trailer = Buffer.alloc(8);
      trailer.writeUInt32LE(crc32(content));
      trailer.writeUInt32LE(content.length, 4);
      return Buffer.concat([Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3]), raw, trailer]);
    };
    const source = Buffer.concat([strange(text("old")), gzipSync(text("old"))]);
    const target = Buffer.concat([strange(text("new")), gzipSync(text("new"))]);
    const patch = await patchBetween(source, target);
    expect(readArchivePatch(memorySource(patch)).recipe.target.parts).toHaveLength(1);
    expect((await apply(source, patch, target.length)).equals(target)).toBe(true);
    await expect(patchBetween(source, strange(text("new")))).rejects.toThrow(
      expect.objectContaining({ code: "DIFF_FAILED", message: expect.stringMatching(/no deflate stream/) }),
    );
  });

  it("is refused from a source that is not the one it was made for", async () => {
    const [source, target] = [gzipSync(text("old")), gzipSync(text("new"))];
    const patch = await patchBetween(source, target);
    const other = Buffer.from(source);
    other.fill(0xff, 20, 60);
    await expect(apply(other, patch, target.length)).rejects.toThrow(
      expect.objectContaining({ code: "DELTA_CORRUPT" }),
    );
    await expect(apply(source.subarray(1), patch, target.length)).rejects.toThrow(
      expect.objectContaining({ code: "DELTA_SIZE" }),
    );
    await expect(apply(source, patch, target.length + 1)).rejects.toThrow(
      expect.objectContaining({ code: "DELTA_TARGET_SIZE" }),
    );
  });
});

describe("encoders", () => {
  it("have numbers of their own, and unused numbers mean none", () => {
    const all = Array.from({ length: ENCODER_COUNT }, (_, number) => encoderOf(number));
    for (const [number, encoder] of all.entries()) if (encoder) expect(encoderNumber(encoder)).toBe(number);
    expect(all.filter(Boolean)).toHaveLength(63);
    for (const number of [-1, ENCODER_COUNT, 0.5, Number.NaN]) expect(encoderOf(number)).toBeUndefined();
  });
});

describe("a recipe", () => {
  const part = { rawBytes: 10, deflatedBytes: 50, contentBytes: 100 };
  const recipe: Recipe = {
    source: { parts: [part], tailBytes: 8 },
    target: { parts: [{ ...part, encoder: 5 }], tailBytes: 0 },
  };

  it("reads back as it was written", () => {
    expect(decodeRecipe(encodeRecipe(recipe))).toEqual(recipe);
  });

  it.each([
    { why: "an encoder that there is not", change: { encoder: 99 }, code: "DELTA_CORRUPT" },
    { why: "gzip with a memLevel, which it has not", change: { encoder: 30 }, code: "DELTA_CORRUPT" },
    {
      why: "a content that no stream of this length has",
      change: { contentBytes: 50 * 1032 + 1 },
      code: "DELTA_SIZE",
    },
    { why: "a content too short to be worth a stream", change: { contentBytes: 31 }, code: "DELTA_SIZE" },
    {
      why: "more than may be held",
      change: { deflatedBytes: 2 ** 30, contentBytes: 2 ** 30 + 1 },
      code: "DELTA_SIZE",
    },
    { why: "raw bytes beyond what can be", change: { rawBytes: 2 ** 31 }, code: "DELTA_SIZE" },
  ])("is refused for $why", ({ change, code }) => {
    const other = { ...recipe, target: { parts: [{ ...part, encoder: 5, ...change }], tailBytes: 0 } };
    expect(() => decodeRecipe(encodeRecipe(other))).toThrow(expect.objectContaining({ code }));
  });

  it("is refused when it names more streams than may be, ends early, or goes on", () => {
    const refused = (bytes: Uint8Array, code: string): void =>
      expect(() => decodeRecipe(bytes)).toThrow(expect.objectContaining({ code }));
    const many = Array.from({ length: MAX_PARTS + 1 }, () => part);
    refused(encodeRecipe({ ...recipe, source: { parts: many, tailBytes: 0 } }), "DELTA_SIZE");
    const bytes = encodeRecipe(recipe);
    for (let end = 0; end < bytes.length; end++) refused(bytes.subarray(0, end), "DELTA_TRUNCATED");
    refused(Buffer.concat([bytes, Buffer.alloc(1)]), "DELTA_TRAILING");
  });
});

describe("a container", () => {
  it("is refused when it is cut, or holds what it may not", async () => {
    const patch = await patchBetween(gzipSync(text("old")), gzipSync(text("new")));
    const refused = (bytes: Uint8Array, code: string): void =>
      expect(() => readArchivePatch(memorySource(bytes))).toThrow(expect.objectContaining({ code }));
    refused(patch.subarray(0, 3), "DELTA_MAGIC");
    refused(patch.subarray(0, 9), "DELTA_TRUNCATED");
    const none = { bytes: 0, compressed: new Uint8Array() };
    refused(writeArchivePatch(none, "XDELTA3", new Uint8Array()), "DELTA_ALGORITHM");
    refused(writeArchivePatch(none, "BSDIFF", new Uint8Array()), "DELTA_CORRUPT");
    refused(writeArchivePatch({ ...none, bytes: 2 ** 40 }, "BSDIFF", new Uint8Array()), "DELTA_SIZE");
  });
});
