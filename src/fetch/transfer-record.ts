/**
 * How far a transfer is, in the device's records: which pieces of which packs were proven and written.
 *
 * It is for people and for whoever decides, such as a fleet that waits until all have fetched. A transfer that goes
 * on does not rest on it: pieces are proven again where they lie, because a power cut or a bad sector may have
 * taken what a record still names.
 */
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { systemCode } from "../base/error.ts";
import type { Blob } from "../format/manifest/blob.ts";
import type { Pack } from "../format/manifest/manifest.ts";
import type { Verified } from "../trust/verified.ts";
import { FetchError } from "./fetch-error.ts";
import type { DeviceState } from "./state.ts";
import { partPath } from "./transfer/part-file.ts";
import { pieceLength, wantedPieces } from "./transfer/pieces.ts";

export type TransferState = {
  readonly version: string;
  readonly manifestSha256: string;
  readonly wantedBytes: number;
  readonly provenBytes: number;
  readonly packs: readonly {
    readonly asset: string;
    readonly sha256: string;
    /** The numbers of pieces. */
    readonly wanted: readonly number[];
    readonly proven: readonly number[];
  }[];
};

type Release = Pick<TransferState, "version" | "manifestSha256">;

/** Each is a commit to the disk. */
const SAVE_EVERY_MS = 2000;

export class TransferRecord {
  readonly #state: DeviceState;
  readonly #release: Release;
  readonly #packs: readonly Verified<Pack>[];
  readonly #wanted = new Map<Pack, Set<number>>();
  readonly #proven = new Map<Pack, Set<number>>();
  #savedMs = performance.now();

  constructor(state: DeviceState, release: Release, packs: readonly Verified<Pack>[]) {
    this.#state = state;
    this.#release = release;
    this.#packs = packs;
  }

  want(blobs: readonly Blob[]): void {
    for (const [pack, pieces] of wantedPieces(this.#packs, blobs)) {
      const wanted = this.#wanted.get(pack) ?? new Set();
      for (const piece of pieces) wanted.add(piece);
      this.#wanted.set(pack, wanted);
    }
    this.save();
  }

  proven(pack: Pack, piece: number): void {
    const proven = this.#proven.get(pack) ?? new Set();
    this.#proven.set(pack, proven.add(piece));
    if (performance.now() - this.#savedMs >= SAVE_EVERY_MS) this.save();
  }

  save(): void {
    this.#savedMs = performance.now();
    this.#state.recordTransfer({
      ...this.#release,
      wantedBytes: bytesOf(this.#wanted),
      provenBytes: bytesOf(this.#proven),
      packs: [...this.#wanted].map(([pack, wanted]) => ({
        asset: pack.asset,
        sha256: pack.sha256_hash,
        wanted: sorted(wanted),
        proven: sorted(this.#proven.get(pack) ?? new Set()),
      })),
    });
  }
}

/** What an earlier transfer of another release left and nobody needs any more. */
export async function removeOtherParts(folder: string, packs: readonly Verified<Pack>[]): Promise<void> {
  const ours = new Set(packs.map((pack) => partPath(folder, pack)));
  for (const name of await readdir(folder).catch(() => [])) {
    const path = join(folder, name);
    if (!ours.has(path)) await rm(path, { recursive: true, force: true });
  }
}

/**
 * The switch is done, whatever becomes of this. The record goes last: as long as it is there the next update
 * knows whose files these are, and tries again.
 */
export async function endTransfer(folder: string, state: DeviceState): Promise<void> {
  try {
    await rm(folder, { recursive: true, force: true });
    state.endTransfer();
  } catch (error) {
    if (systemCode(error) === undefined && !(error instanceof FetchError)) throw error;
  }
}

function bytesOf(pieces: ReadonlyMap<Pack, ReadonlySet<number>>): number {
  let bytes = 0;
  for (const [pack, numbers] of pieces) for (const piece of numbers) bytes += pieceLength(pack, piece);
  return bytes;
}

function sorted(numbers: ReadonlySet<number>): number[] {
  return [...numbers].sort((a, b) => a - b);
}
