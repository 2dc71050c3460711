/** A pack as it grows on this device, in a file of its own or in a larger one: sparse, each piece at its own offset. */
import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { join } from "node:path";
import { PIECE_BYTES } from "../../format/manifest/blob.ts";
import type { Pack } from "../../format/manifest/manifest.ts";
import type { PiecePlace } from "./piece-pool.ts";
import { pieceLength } from "./pieces.ts";

export type PartPlace = {
  readonly path: string;
  /** Of the pack's first byte in the file. */
  readonly start: number;
};

/** ROOT/.themis/transfer/<sha256 of the pack>.part: what it is called says what it must become. */
export function partPath(folder: string, pack: Pack): string {
  return join(folder, `${pack.sha256_hash}.part`);
}

/** What is there stays whatever happens, and nobody's link is followed. */
const MAKE_OR_GO_ON = constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW;

export class PartFile {
  readonly pack: Pack;
  /** Pieces that are wanted and not there. */
  readonly missing = new Set<number>();
  readonly #file: FileHandle;
  readonly #start: number;

  private constructor(pack: Pack, file: FileHandle, start: number) {
    this.pack = pack;
    this.#file = file;
    this.#start = start;
  }

  static async open(pack: Pack, { path, start }: PartPlace): Promise<PartFile> {
    return new PartFile(pack, await open(path, MAKE_OR_GO_ON, 0o600), start);
  }

  place(piece: number): PiecePlace {
    return {
      descriptor: this.#file.fd,
      offset: this.#start + piece * PIECE_BYTES,
      length: pieceLength(this.pack, piece),
      sha256: this.pack.pieces[piece]!,
    };
  }

  /** Of the whole file in bytes, as it is now. */
  async size(): Promise<number> {
    return (await this.#file.stat()).size;
  }

  async sync(): Promise<void> {
    await this.#file.datasync();
  }

  async close(): Promise<void> {
    await this.#file.close();
  }
}
