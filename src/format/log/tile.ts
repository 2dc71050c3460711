/**
 * A log as files that any web server serves (C2SP tlog-tiles).
 *
 *   checkpoint                     the signed root
 *   tile/0/000  tile/0/x001/x234/067     256 hashes each: leaves at level 0, roots of full tiles above
 *   tile/0/001.p/5                 the last one of a level, as long as it is not full: its width is its name
 *   tile/entries/000.p/5           the entries themselves, each behind its length, uint16, big-endian
 *
 * A name says all that is in the file, so a file never changes but the checkpoint.
 */
import { LogError } from "./log-error.ts";
import { frontierOf, HASH_BYTES, type Hash, rootOf } from "./merkle-tree.ts";

export const CHECKPOINT = "checkpoint";

export const TILE_WIDTH = 256;

/** What a uint16 says. */
export const MAX_ENTRY_BYTES = 0xff_ff;

export type Tile = {
  /** 0 to 63, or where the entries are. */
  readonly level: number | "entries";
  readonly index: number;
  /** Hashes or entries in it, 1 to 256. */
  readonly width: number;
};

export function tilePath({ level, index, width }: Tile): string {
  const groups: string[] = [];
  for (let rest = index, isLast = true; isLast || rest > 0; rest = Math.floor(rest / 1000), isLast = false) {
    groups.unshift(`${isLast ? "" : "x"}${String(rest % 1000).padStart(3, "0")}`);
  }
  return `tile/${level}/${groups.join("/")}${width === TILE_WIDTH ? "" : `.p/${width}`}`;
}

/** Those of one level for so many hashes or entries. */
export function tilesOf(level: Tile["level"], count: number): Tile[] {
  const tiles: Tile[] = [];
  for (let start = 0; start < count; start += TILE_WIDTH)
    tiles.push({ level, index: start / TILE_WIDTH, width: Math.min(TILE_WIDTH, count - start) });
  return tiles;
}

export type TileFile = { readonly tile: Tile; readonly bytes: Uint8Array };

/** Every tile of hashes for a tree with these leaves, of each level that has one. */
export function hashTiles(leaves: readonly Hash[]): TileFile[] {
  const files: TileFile[] = [];
  for (let level = 0, hashes = leaves; hashes.length > 0; level++) {
    const tiles = tilesOf(level, hashes.length);
    for (const tile of tiles) files.push({ tile, bytes: Buffer.concat(membersOf(tile, hashes)) });
    // A partial tile is not hashed into the level above.
    hashes = tiles
      .filter(({ width }) => width === TILE_WIDTH)
      .map((tile) => rootOf(frontierOf(membersOf(tile, hashes))));
  }
  return files;
}

export function entryBundles(entries: readonly Uint8Array[]): TileFile[] {
  return tilesOf("entries", entries.length).map((tile) => ({
    tile,
    bytes: encodeEntries(membersOf(tile, entries)),
  }));
}

function membersOf<T>({ index, width }: Tile, all: readonly T[]): T[] {
  return all.slice(index * TILE_WIDTH, index * TILE_WIDTH + width);
}

export function encodeEntries(entries: readonly Uint8Array[]): Uint8Array {
  const lengths = entries.map(({ length }) => Uint8Array.of(length >> 8, length & 0xff));
  return Buffer.concat(entries.flatMap((entry, i) => [lengths[i]!, entry]));
}

/** @throws LogError LOG_TILE_MALFORMED, unless it holds exactly `width` entries */
export function decodeEntries(bytes: Uint8Array, width: number): Uint8Array[] {
  const entries: Uint8Array[] = [];
  let at = 0;
  while (entries.length < width) {
    if (at + 2 > bytes.length) throw malformed("the entry bundle ends before its last entry");
    const end = at + 2 + bytes[at]! * 256 + bytes[at + 1]!;
    if (end > bytes.length) throw malformed("the entry bundle ends inside an entry");
    entries.push(bytes.subarray(at + 2, end));
    at = end;
  }
  if (at !== bytes.length) throw malformed(`the entry bundle goes on after its ${width} entries`);
  return entries;
}

/** @throws LogError LOG_TILE_MALFORMED */
export function decodeHashes(bytes: Uint8Array): Hash[] {
  if (bytes.length % HASH_BYTES !== 0)
    throw malformed(`${bytes.length} bytes are no whole number of hashes of ${HASH_BYTES}`);
  return Array.from({ length: bytes.length / HASH_BYTES }, (_, i) =>
    bytes.subarray(i * HASH_BYTES, (i + 1) * HASH_BYTES),
  );
}

function malformed(why: string): LogError {
  return new LogError("LOG_TILE_MALFORMED", why);
}
