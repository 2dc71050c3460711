/** Which pieces of which packs some blobs lie in, and in which order they are fetched. */
import { type Blob, PIECE_BYTES } from "../../format/manifest/blob.ts";
import type { Pack } from "../../format/manifest/manifest.ts";

/** A run of neighbouring pieces of one pack: what one request asks for. */
export type Run = {
  readonly pack: Pack;
  /** The first piece that is still missing. */
  readonly first: number;
  /** Not included. */
  readonly end: number;
};

/** What one request asks for: little enough that all lanes have work to the end, and a mirror can be left soon. */
const LEAST_RUN_PIECES = 4;
const MAX_RUN_PIECES = 32;
/** Requests of each lane for what is missing at the start. */
const RUNS_PER_LANE = 3;

export function runPieces(missing: number, lanes: number): number {
  const even = Math.ceil(missing / (lanes * RUNS_PER_LANE));
  return Math.max(LEAST_RUN_PIECES, Math.min(MAX_RUN_PIECES, even));
}

export function pieceLength({ size_bytes: size }: Pack, piece: number): number {
  return Math.min(PIECE_BYTES, size - piece * PIECE_BYTES);
}

/** The numbers of the pieces that a blob lies in. */
export function piecesOf({ offset, length }: Blob): number[] {
  if (length === 0) return [];
  const first = Math.floor(offset / PIECE_BYTES);
  const end = Math.ceil((offset + length) / PIECE_BYTES);
  return Array.from({ length: end - first }, (_, i) => first + i);
}

/** Packs in the order of the first blob that lies in each, their pieces likewise: what comes first is fetched first. */
export function wantedPieces(packs: readonly Pack[], blobs: readonly Blob[]): ReadonlyMap<Pack, number[]> {
  const byName = new Map(packs.map((pack) => [pack.asset, pack]));
  const wanted = new Map<Pack, Set<number>>();
  for (const blob of blobs) {
    const pack = byName.get(blob.pack);
    if (!pack || blob.length === 0) continue;
    const pieces = wanted.get(pack) ?? new Set();
    for (const piece of piecesOf(blob)) pieces.add(piece);
    wanted.set(pack, pieces);
  }
  return new Map([...wanted].map(([pack, pieces]) => [pack, [...pieces]]));
}

/** All of a pack, as a blob. */
export function wholeOf({ asset, size_bytes: length }: Pack): Blob {
  return { pack: asset, offset: 0, length, encoding: "identity" };
}

/** Bytes that a transfer of these blobs fetches at the most. */
export function transferBytes(packs: readonly Pack[], blobs: readonly Blob[]): number {
  let bytes = 0;
  for (const [pack, pieces] of wantedPieces(packs, blobs))
    for (const piece of pieces) bytes += pieceLength(pack, piece);
  return bytes;
}

/** Neighbours in one request; a piece that comes later in the order but lies beside one that comes earlier goes with it. */
export function toRuns(pack: Pack, missing: readonly number[], maxPieces: number): Run[] {
  const left = new Set(missing);
  const runs: Run[] = [];
  for (const piece of missing) {
    if (!left.has(piece)) continue;
    let end = piece;
    while (left.has(end) && end - piece < maxPieces) left.delete(end++);
    runs.push({ pack, first: piece, end });
  }
  return runs;
}
