/** One run of pieces from one answer to the disk: gathered in slots, proven and written by the pool. */
import type { PartFile } from "./part-file.ts";
import type { PiecePool } from "./piece-pool.ts";
import type { Run } from "./pieces.ts";
import type { RateLimit } from "./rate-limit.ts";

/** A run, and where it goes. */
export type Task = Run & { readonly file: PartFile };

export type RunTools = {
  readonly pool: PiecePool;
  readonly rateLimit: RateLimit | undefined;
  readonly signal: AbortSignal;
  /** Told of every byte that came, of use or not. */
  readonly received: (bytes: number) => void;
  /** Told of each piece that is proven and written. */
  readonly written: (piece: number) => void;
};

export type RunOutcome = {
  readonly isProgress: boolean;
  /** Pieces that are still missing, and among them those that came with other bytes. */
  readonly missing: readonly number[];
  readonly wrong: readonly number[];
  /** undefined when the answer ended by itself. */
  readonly error: unknown;
};

/** Of a piece that came. */
type Proof = { readonly piece: number; readonly outcome: "right" | "wrong"; readonly error?: unknown };

/**
 * Every piece that came is on the disk, or known to be wrong, when this ends.
 *
 * @param content from the start of the run on; its chunks are used up, see Source.readRange
 * @throws what the disk says; what the network says is in the outcome
 */
export async function fetchRun(
  task: Task,
  content: AsyncIterable<Uint8Array>,
  tools: RunTools,
): Promise<RunOutcome> {
  const before = missingOf(task).length;
  const proving: Promise<Proof>[] = [];
  let isWrong = false;
  let error: unknown;
  try {
    for await (const { piece, slot } of gather(task, content, tools)) {
      const proof = prove(task.file, piece, slot, tools);
      proving.push(proof);
      void proof.then(({ outcome }) => {
        isWrong ||= outcome === "wrong";
      });
      // The rest of what is not ours is of no use either.
      if (isWrong) break;
    }
  } catch (cause) {
    error = cause;
  }
  const proofs = await Promise.all(proving);
  const failed = proofs.find((proof) => proof.error !== undefined);
  if (failed) throw failed.error;
  const missing = missingOf(task);
  const wrong = proofs.filter(({ outcome }) => outcome === "wrong").map(({ piece }) => piece);
  return { isProgress: missing.length < before, missing, wrong, error };
}

function missingOf({ first, end, file }: Task): number[] {
  return Array.from({ length: end - first }, (_, i) => first + i).filter((piece) => file.missing.has(piece));
}

/** Pieces as they become whole, each in a slot that whoever takes it gives back; those that are there are passed over. */
async function* gather(
  { file, first }: Task,
  content: AsyncIterable<Uint8Array>,
  { pool, rateLimit, signal, received }: RunTools,
): AsyncGenerator<{ readonly piece: number; readonly slot: SharedArrayBuffer }> {
  let piece = first;
  let filled = 0;
  let slot: SharedArrayBuffer | undefined;
  try {
    for await (const bytes of content) {
      received(bytes.length);
      for (let taken = 0; taken < bytes.length; ) {
        const { length } = file.place(piece);
        const part = bytes.subarray(taken, taken + length - filled);
        if (file.missing.has(piece)) {
          slot ??= await pool.slot();
          new Uint8Array(slot, filled, part.length).set(part);
        }
        filled += part.length;
        taken += part.length;
        if (filled < length) continue;
        const whole = slot;
        slot = undefined;
        filled = 0;
        if (whole) yield { piece, slot: whole };
        piece++;
      }
      await rateLimit?.paid(bytes.length, signal);
      giveBack(bytes);
    }
  } finally {
    if (slot) pool.release(slot);
  }
}

/**
 * Memory that was read goes back at once. Node makes a new buffer for each read of a socket, and whoever waits
 * for the garbage collector holds some hundred MiB of them: it sees small objects, not what they stand for.
 * What is a view of a larger buffer is left to it.
 */
function giveBack({ buffer, byteLength }: Uint8Array): void {
  if (buffer instanceof ArrayBuffer && buffer.byteLength === byteLength) buffer.transfer(0);
}

/** Never rejects: many are under way when the first one fails. */
async function prove(
  file: PartFile,
  piece: number,
  slot: SharedArrayBuffer,
  { pool, written }: RunTools,
): Promise<Proof> {
  try {
    const outcome = await pool.write(slot, file.place(piece));
    if (outcome === "right" && file.missing.delete(piece)) written(piece);
    return { piece, outcome };
  } catch (error) {
    return { piece, outcome: "wrong", error };
  }
}
