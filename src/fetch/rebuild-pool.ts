/**
 * Who carries out rebuildings: threads of their own, so that the main thread stays free, and the main thread for
 * what is too small to be worth sending. As many at once as there are processors, and as fit into the memory.
 */
import { availableParallelism } from "node:os";
import { fromMessage } from "../base/failure-message.ts";
import { type Thread, Threads } from "../base/threads.ts";
import { carryOut, type RebuildJob } from "./rebuild-job.ts";
import type { RebuildAnswer } from "./rebuild-worker.ts";

export type RebuildPoolOptions = {
  /** Bytes that all rebuildings of one moment may take together; a single one is never refused here. */
  readonly memoryBytes: number;
  readonly signal: AbortSignal;
};

const MAX_THREADS = 4;
/** Rebuilt here in a few milliseconds. */
const SMALL_BYTES = 128 << 10;
/** Small ones wait for the disk, not for the processor. */
const SMALL_AT_ONCE = 4;
/** What streams through when nothing is patched. */
const STREAM_BYTES = 8 << 20;

type RebuildThread = Thread<RebuildJob, RebuildAnswer>;

const THREADS = new Threads<RebuildJob, RebuildAnswer>("rebuild-worker", import.meta.url);

type Queued = {
  readonly job: RebuildJob;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
};

export class RebuildPool {
  readonly #options: RebuildPoolOptions;
  readonly #threads: number = Math.min(MAX_THREADS, availableParallelism());
  readonly #busy = new Map<RebuildThread, RebuildJob>();
  readonly #large: Queued[] = [];
  readonly #small: Queued[] = [];
  #smallUnderWay = 0;
  #closed = false;

  constructor(options: RebuildPoolOptions) {
    this.#options = options;
  }

  /** @throws what carryOut throws, as it came */
  run(job: RebuildJob): Promise<void> {
    return new Promise((resolve, reject) => {
      (isSmall(job) ? this.#small : this.#large).push({ job, resolve, reject });
      this.#next();
    });
  }

  /** Ends what is under way; what was asked for and is not done is never answered. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#busy.keys()].map((thread) => thread.end()));
  }

  #next(): void {
    while (!this.#closed && this.#smallUnderWay < SMALL_AT_ONCE && this.#small.length > 0)
      void this.#here(this.#small.shift()!);
    while (!this.#closed && this.#busy.size < this.#threads) {
      const at = this.#large.findIndex(({ job }) => this.#fits(job));
      if (at === -1) return;
      void this.#there(this.#large.splice(at, 1)[0]!);
    }
  }

  async #here({ job, resolve, reject }: Queued): Promise<void> {
    this.#smallUnderWay++;
    await carryOut(job, this.#options.signal).then(resolve, reject);
    this.#smallUnderWay--;
    this.#next();
  }

  async #there({ job, resolve, reject }: Queued): Promise<void> {
    const thread = THREADS.take();
    this.#busy.set(thread, job);
    try {
      const { failure } = await thread.ask(job);
      if (failure) reject(fromMessage(failure));
      else resolve();
    } catch (error) {
      reject(error);
    }
    this.#busy.delete(thread);
    void THREADS.giveBack(thread);
    this.#next();
  }

  #fits(job: RebuildJob): boolean {
    if (this.#busy.size === 0) return true;
    const taken = [...this.#busy.values()].reduce((bytes, other) => bytes + memoryOf(other), 0);
    return taken + memoryOf(job) <= this.#options.memoryBytes;
  }
}

function isSmall({ from, target }: RebuildJob): boolean {
  const patch = from.kind === "patch" ? from.delta.patch_size : 0;
  return target.size_bytes + patch <= SMALL_BYTES;
}

function memoryOf({ from }: RebuildJob): number {
  return from.kind === "patch" ? from.delta.apply_memory : STREAM_BYTES;
}
