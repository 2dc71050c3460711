/** A bounded pool of diff workers. A worker that dies fails its own job and is replaced; nothing ever hangs. */
import { Worker } from "node:worker_threads";
import { ThemisError } from "../../base/error.ts";
import type { Candidate, DiffJob, DiffResult } from "./diff-file.ts";
import type { DiffAnswer } from "./diff-worker.ts";

type Waiting = {
  readonly job: DiffJob;
  readonly tried: (candidate: Candidate) => void;
  readonly resolve: (result: DiffResult) => void;
  readonly reject: (error: unknown) => void;
};

export class DiffPool {
  readonly #jobs: number;
  readonly #idle: Worker[] = [];
  readonly #busy = new Map<Worker, Waiting>();
  readonly #queue: Waiting[] = [];
  readonly #signal: AbortSignal | undefined;
  #closed = false;

  constructor({ jobs, signal }: { readonly jobs: number; readonly signal?: AbortSignal }) {
    this.#jobs = Math.max(1, jobs);
    this.#signal = signal;
    signal?.addEventListener("abort", this.#abort, { once: true });
  }

  /** @param tried hears of each candidate when its turn is over. @throws ThemisError DIFF_FAILED; the signal's reason */
  diff(job: DiffJob, tried: (candidate: Candidate) => void = () => {}): Promise<DiffResult> {
    return new Promise((resolve, reject) => {
      if (this.#closed || this.#signal?.aborted) {
        reject(this.#signal?.reason ?? new Error("the pool is closed"));
        return;
      }
      this.#queue.push({ job, tried, resolve, reject });
      this.#next();
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#signal?.removeEventListener("abort", this.#abort);
    for (const { reject } of this.#queue.splice(0)) reject(new Error("the pool is closed"));
    await Promise.all([...this.#idle, ...this.#busy.keys()].map((worker) => worker.terminate()));
  }

  readonly #abort = (): void => {
    for (const { reject } of [...this.#queue.splice(0), ...this.#busy.values()]) reject(this.#signal?.reason);
    void this.close();
  };

  #next(): void {
    if (this.#queue.length === 0) return;
    const worker = this.#idle.pop() ?? (this.#busy.size < this.#jobs ? this.#start() : undefined);
    if (!worker) return;
    const waiting = this.#queue.shift()!;
    this.#busy.set(worker, waiting);
    worker.postMessage(waiting.job);
  }

  #start(): Worker {
    const script = new URL(
      import.meta.url.endsWith(".ts") ? "./diff-worker.ts" : "./diff-worker.js",
      import.meta.url,
    );
    const worker = new Worker(script);
    worker.on("message", (answer: DiffAnswer) => {
      const waiting = this.#busy.get(worker);
      if ("tried" in answer) {
        try {
          waiting?.tried(answer.tried);
        } catch (error) {
          waiting?.reject(error);
        }
        return;
      }
      this.#busy.delete(worker);
      this.#idle.push(worker);
      if ("result" in answer) waiting?.resolve(answer.result);
      else waiting?.reject(diffFailed(waiting.job, answer.failure.message));
      this.#next();
    });
    worker.on("error", (cause) => this.#lost(worker, cause));
    worker.on("exit", () => this.#lost(worker, undefined));
    return worker;
  }

  #lost(worker: Worker, cause: unknown): void {
    const waiting = this.#busy.get(worker);
    this.#busy.delete(worker);
    const at = this.#idle.indexOf(worker);
    if (at !== -1) this.#idle.splice(at, 1);
    waiting?.reject(diffFailed(waiting.job, "its worker died", cause));
    if (!this.#closed) this.#next();
  }
}

function diffFailed({ targetPath }: DiffJob, why: string, cause?: unknown): ThemisError {
  return new ThemisError("DIFF_FAILED", "failed", `no delta could be made for ${targetPath}: ${why}`, {
    cause,
  });
}
