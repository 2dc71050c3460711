/** Which blobs are complete, told piece by piece. */
import type { Blob } from "../format/manifest/blob.ts";
import type { Pack } from "../format/manifest/manifest.ts";
import { piecesOf } from "./transfer/pieces.ts";

type Awaited<T> = { readonly waiting: T; left: number };

export class Arrivals<T> {
  /** By the pack's name and the piece's number. */
  readonly #byPiece = new Map<string, Awaited<T>[]>();

  /** @param blob of at least a byte */
  await(waiting: T, blob: Blob): void {
    const pieces = piecesOf(blob);
    const awaited = { waiting, left: pieces.length };
    for (const piece of pieces) {
      const key = keyOf(blob.pack, piece);
      const others = this.#byPiece.get(key);
      if (others) others.push(awaited);
      else this.#byPiece.set(key, [awaited]);
    }
  }

  /** What waited for this piece last. A piece that is told again is not counted again. */
  arrived({ asset }: Pack, piece: number): T[] {
    const key = keyOf(asset, piece);
    const awaited = this.#byPiece.get(key) ?? [];
    this.#byPiece.delete(key);
    return awaited.filter((each) => --each.left === 0).map(({ waiting }) => waiting);
  }
}

function keyOf(asset: string, piece: number): string {
  return `${asset} ${piece}`;
}
