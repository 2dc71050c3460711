/** Patches for archives in parts: the recipe is changed and encoded again, or what stands inside. */
import { brotliCompressSync, constants, deflateRawSync, gzipSync, zstdCompressSync } from "node:zlib";
import { memorySource, readAll } from "../../../../src/base/byte-source.ts";
import { readArchivePatch, writeArchivePatch } from "../../../../src/format/delta/archive/container.ts";
import { encodeRecipe, type Recipe, type TargetPart } from "../../../../src/format/delta/archive/recipe.ts";
import { createBsdiff } from "../../../../src/format/delta/bsdiff/create.ts";
import type { Algorithm } from "../../../../src/format/manifest/delta-manifest.ts";
import { noise } from "../../../kit/world.ts";
import { pick, type Roll } from "./dice.ts";
import type { HostileFormat, Seed } from "./hostile-format.ts";
import { edgeNumber, mutateBytes } from "./mutate.ts";

type Parts = { recipe: Recipe; algorithm: Algorithm; inner: Uint8Array };
type ArchiveSeed = Seed & { readonly parts: Parts };

function write(
  { recipe, algorithm, inner }: Parts,
  change: (recipe: Uint8Array) => Uint8Array = (same) => same,
): Uint8Array {
  const bytes = change(encodeRecipe(recipe));
  const compressed = brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 1 } });
  return writeArchivePatch({ bytes: bytes.length, compressed }, algorithm, inner);
}

function forge({ parts, source, target }: ArchiveSeed, roll: Roll): Uint8Array {
  const near = [source.length, target.length, 32, 64];
  if (roll(4) === 0) return write({ ...parts, inner: mutateBytes(parts.inner, [parts.inner], roll) });
  if (roll(6) === 0) return write(parts, (bytes) => mutateBytes(bytes, [bytes], roll));
  const { recipe } = parts;
  const side = roll(2) ? "target" : "source";
  const layout = recipe[side];
  const changed = layout.parts.map((part) => ({ ...part })) as Record<string, number>[];
  const at = roll(changed.length);
  switch (roll(5)) {
    case 0:
      changed.splice(at, 1);
      break;
    case 1:
      changed.splice(at, 0, { ...changed[at]! });
      break;
    default: {
      const part = changed[at];
      if (!part) break;
      const field = pick(Object.keys(part), roll);
      part[field] = roll(2) ? edgeNumber(near, roll) : Math.max(0, part[field]! + roll(5) - 2);
    }
  }
  const tailBytes = roll(8) ? layout.tailBytes : edgeNumber(near, roll);
  const other = { ...recipe, [side]: { parts: changed as unknown as TargetPart[], tailBytes } };
  return write({ ...parts, recipe: other });
}

const lines = (word: string): Buffer =>
  Buffer.from(Array.from({ length: 40 }, (_, i) => `line ${i} of ${(i * 7919) % 997} ${word}\n`).join(""));

/** Zlib's encoder of Node, level 6: number 3 * 18 + 5. */
const NODE_SIX = 59;

function makeSeed(
  name: string,
  algorithm: Algorithm,
  source: readonly Buffer[],
  target: readonly Buffer[],
): ArchiveSeed {
  const [from, to] = [source, target].map((contents, side) => {
    const streams = contents.map((content) => ({ content, deflated: deflateRawSync(content, { level: 6 }) }));
    // What stands between streams is new in the target, and so stands in the patch.
    const gap = noise(40, side);
    return {
      file: Buffer.concat([...streams.flatMap(({ deflated }) => [gap, deflated]), gap]),
      expanded: Buffer.concat([...streams.flatMap(({ content }) => [gap, content]), gap]),
      layout: {
        parts: streams.map(({ content, deflated }) => ({
          rawBytes: gap.length,
          deflatedBytes: deflated.length,
          contentBytes: content.length,
          encoder: NODE_SIX,
        })),
        tailBytes: gap.length,
      },
    };
  });
  const files = { source: memorySource(from!.expanded), target: memorySource(to!.expanded) };
  const inner =
    algorithm === "BSDIFF"
      ? createBsdiff({ ...files, container: "bsdiff40", memoryLimit: 2 ** 30, maxBytes: undefined })
      : zstdCompressSync(to!.expanded, { dictionary: from!.expanded, pledgedSrcSize: to!.expanded.length });
  const bare = from!.layout.parts.map(({ encoder: _, ...part }) => part);
  const recipe = { source: { ...from!.layout, parts: bare }, target: to!.layout };
  const patch = write({ recipe, algorithm, inner });
  const read = readArchivePatch(memorySource(patch));
  return {
    name,
    source: from!.file,
    target: to!.file,
    patch,
    parts: { ...read, inner: readAll(read.inner) },
  };
}

export const hostileArchive: HostileFormat<ArchiveSeed> = {
  name: "THEMIS for archives",
  algorithm: "THEMIS",
  seeds: [
    makeSeed("of one stream", "ZSTD_DICT", [lines("old")], [lines("new")]),
    makeSeed("of three streams", "BSDIFF", [lines("a"), lines("b")], [lines("b"), noise(300, 7), lines("c")]),
    makeSeed("of a source without streams", "ZSTD_DICT", [], [lines("new")]),
    makeSeed("of a gzip file in a stream", "BSDIFF", [gzipSync(lines("old"))], [gzipSync(lines("new"))]),
  ],
  forge,
};
