/** The examples of C2SP tlog-tiles, and what a bundle of entries refuses. */
import fc from "fast-check";
import { expect, it } from "vitest";
import { leafHash } from "../../../src/format/log/merkle-tree.ts";
import {
  decodeEntries,
  decodeHashes,
  encodeEntries,
  hashTiles,
  tilePath,
} from "../../../src/format/log/tile.ts";

it.each([
  { tile: { level: 0, index: 1_234_067, width: 256 }, path: "tile/0/x001/x234/067" },
  { tile: { level: 0, index: 0, width: 256 }, path: "tile/0/000" },
  { tile: { level: 63, index: 999, width: 1 }, path: "tile/63/999.p/1" },
  { tile: { level: "entries", index: 1000, width: 255 }, path: "tile/entries/x001/000.p/255" },
] as const)("a tile lies at $path", ({ tile, path }) => {
  expect(tilePath(tile)).toBe(path);
});

/** "A tree of size 70,000 will be represented by …", and the sentence after it. */
it.each([
  { size: 70_000, full: { 0: 273, 1: 1, 2: 0 }, partial: { 0: 112, 1: 17, 2: 1 } },
  { size: 256, full: { 0: 1, 1: 0 }, partial: { 1: 1 } },
])("a tree of $size has the tiles that the specification counts", ({ size, full, partial }) => {
  const leaf = leafHash(Buffer.from("x"));
  const tiles = hashTiles(Array.from({ length: size }, () => leaf)).map(({ tile }) => tile);
  const levels = Object.keys(full).map(Number);
  expect(new Set(tiles.map(({ level }) => level))).toEqual(new Set(levels));
  for (const level of levels) {
    const here = tiles.filter((tile) => tile.level === level);
    expect(here.filter(({ width }) => width === 256)).toHaveLength((full as Record<number, number>)[level]!);
    const widths = here.map(({ width }) => width).filter((width) => width < 256);
    expect(widths).toEqual([(partial as Record<number, number>)[level]].filter(Boolean));
  }
});

it("entries come back as they were", () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 700 }), { maxLength: 256 }), (entries) => {
      const back = decodeEntries(encodeEntries(entries), entries.length);
      expect(back.map((entry) => Buffer.from(entry))).toEqual(entries.map((entry) => Buffer.from(entry)));
    }),
  );
});

it.each([
  { why: "a length that lies behind the end", bytes: "ffff00", width: 1 },
  { why: "half a length", bytes: "00", width: 1 },
  { why: "fewer entries than its width", bytes: "000100", width: 2 },
  { why: "more entries than its width", bytes: "000100000101", width: 1 },
])("refuses an entry bundle with $why", ({ bytes, width }) => {
  expect(() => decodeEntries(Buffer.from(bytes, "hex"), width)).toThrow(
    expect.objectContaining({ code: "LOG_TILE_MALFORMED", kind: "refused" }),
  );
});

it("refuses a tile of hashes that ends inside one", () => {
  expect(() => decodeHashes(Buffer.alloc(33))).toThrow(
    expect.objectContaining({ code: "LOG_TILE_MALFORMED" }),
  );
});
