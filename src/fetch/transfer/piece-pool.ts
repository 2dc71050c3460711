/**
 * Pieces on their way through the proving threads, and the memory that they stand in.
 *
 * Slots are shared memory of one piece each; whoever wants to receive a piece waits for a slot, so that memory
 * is bounded by their number whatever the network brings.
 */
import { Worker } from "node:worker_threads";
import { PIECE_BYTES } from "../../format/manifest/blob.ts";
import { FetchError } from "../fetch-error.ts";
import type { PieceAnswer, PieceJob } from "./piece-worker.ts";

export type PiecePlace = Pick<PieceJob, "descriptor" | "offset" | "length" | "sha256">;

type Waiting = {
  readonly resolve: (answer: PieceAnswer) => void;
  readonly reject: (error: unknown) => void;
};

export class PiecePool {
  readonly #workers: Worker[];
  readonly #free: SharedArrayBuffer[];
  readonly #wantSlot: ((slot: SharedArrayBuffer) => void)[] = [];
  readonly #waiting = new Map<number, Waiting>();
  #next = 0;
  #lost: unknown;

  /** @param slots pieces in memory at once: those that arrive and those that are proven */
  constructor({ threads, slots }: { readonly threads: number; readonly slots: number }) {
    const script = new URL(
      import.meta.url.endsWith(".ts") ? "./piece-worker.ts" : "./piece-worker.js",
      import.meta.url,
    );
    this.#free = Array.from({ length: slots }, () => new SharedArrayBuffer(PIECE_BYTES));
    this.#workers = Array.from({ length: threads }, () => {
      const worker = new Worker(script);
      worker.on("message", (answer: PieceAnswer) => {
        const waiting = this.#waiting.get(answer.id);
        this.#waiting.delete(answer.id);
        waiting?.resolve(answer);
      });
      worker.on("error", (cause) => this.#fail(cause));
      worker.on("exit", () => this.#fail(new Error("a proving thread ended")));
      // What is under way holds the process, an idle thread does not.
      worker.unref();
      return worker;
    });
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

  async close(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.terminate()));
  }

  async #run(kind: PieceJob["kind"], slot: SharedArrayBuffer, place: PiecePlace): Promise<"right" | "wrong"> {
    try {
      if (this.#lost) throw this.#lost;
      const id = this.#next++;
      const { promise, resolve, reject } = Promise.withResolvers<PieceAnswer>();
      this.#waiting.set(id, { resolve, reject });
      const worker = this.#workers[id % this.#workers.length]!;
      worker.ref();
      worker.postMessage({ id, kind, slot, ...place } satisfies PieceJob);
      const { outcome, errno } = await promise;
      if (this.#waiting.size === 0) for (const each of this.#workers) each.unref();
      if (outcome !== "failed") return outcome;
      throw cannotWrite(errno);
    } finally {
      this.release(slot);
    }
  }

  #fail(cause: unknown): void {
    this.#lost = cause;
    for (const { reject } of this.#waiting.values()) reject(cause);
    this.#waiting.clear();
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
