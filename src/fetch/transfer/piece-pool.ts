/**
 * Pieces on their way through the proving thread, and the memory that they stand in.
 *
 * Slots are shared memory of one piece each; whoever wants to receive a piece waits for a slot, so that memory
 * is bounded by their number whatever the network brings.
 */
import { type Thread, Threads } from "../../base/threads.ts";
import { PIECE_BYTES } from "../../format/manifest/blob.ts";
import { FetchError } from "../fetch-error.ts";
import type { PieceAnswer, PieceJob } from "./piece-worker.ts";

export type PiecePlace = Pick<PieceJob, "descriptor" | "offset" | "length" | "sha256">;

const THREADS = new Threads<PieceJob, PieceAnswer>("piece-worker", import.meta.url);

export class PiecePool {
  /** Proving is faster than any network: one thread beside the one that receives. */
  readonly #thread: Thread<PieceJob, PieceAnswer> = THREADS.take();
  readonly #free: SharedArrayBuffer[];
  readonly #wantSlot: ((slot: SharedArrayBuffer) => void)[] = [];

  /** @param slots pieces in memory at once: those that arrive and those that are proven */
  constructor({ slots }: { readonly slots: number }) {
    this.#free = Array.from({ length: slots }, () => new SharedArrayBuffer(PIECE_BYTES));
  }

  /** Memory for one piece, as soon as there is some. */
  async slot(): Promise<SharedArrayBuffer> {
    const free = this.#free.pop();
    return free ?? new Promise((resolve) => this.#wantSlot.push(resolve));
  }

  release(slot: SharedArrayBuffer): void {
    const wanted = this.#wantSlot.shift();
    if (wanted) wanted(slot);
    else this.#free.push(slot);
  }

  /** Proves what stands in a slot and writes it. The slot is free afterwards. */
  write(slot: SharedArrayBuffer, place: PiecePlace): Promise<"right" | "wrong"> {
    return this.#run("write", slot, place);
  }

  /** Is what the file has there right? */
  async check(place: PiecePlace): Promise<boolean> {
    return (await this.#run("check", await this.slot(), place)) === "right";
  }

  /** Afterwards no thread writes any more: descriptors may be closed. */
  async close(): Promise<void> {
    await this.#thread.settled();
    await THREADS.giveBack(this.#thread);
  }

  async #run(kind: PieceJob["kind"], slot: SharedArrayBuffer, place: PiecePlace): Promise<"right" | "wrong"> {
    try {
      const { outcome, errno } = await this.#thread.ask({ kind, slot, ...place });
      if (outcome !== "failed") return outcome;
      throw cannotWrite(errno);
    } finally {
      this.release(slot);
    }
  }
}

function cannotWrite(errno: string): FetchError {
  if (errno === "ENOSPC" || errno === "EDQUOT" || errno === "EFBIG") {
    return new FetchError("NO_SPACE", `the disk is full (${errno}); what came and was proven is kept`, {
      facts: { errno },
    });
  }
  return new FetchError("ROOT_UNWRITABLE", `a piece cannot be written (${errno})`, { facts: { errno } });
}
