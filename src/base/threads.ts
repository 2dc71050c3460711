/**
 * Threads that outlive the work they were started for: one that has answered waits for the next work a while.
 *
 * To start one costs more than a small job. And V8 under Node 24 does not bear a process that starts and ends some
 * hundreds of threads whose TypeScript Node strips, as tests do: it frees a wrapper of a WebAssembly import twice
 * (`Runtime_TierUpWasmToJSWrapper`, see nodejs/node#64500), and the process is gone.
 */
import type { ResourceLimits, Worker } from "node:worker_threads";
import { startThread } from "./start-thread.ts";

type Waiting<Answer> = {
  /** Never rejects. */
  readonly done: Promise<void>;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (cause: unknown) => void;
};

/** Long enough for the next file or round, short enough for the memory that a thread keeps. */
const IDLE_MS = 60_000;

/** All threads of one script in this process. */
export class Threads<Job, Answer> {
  readonly #name: string;
  readonly #caller: string;
  readonly #limits: ResourceLimits | undefined;
  readonly #idle = new Set<Thread<Job, Answer>>();

  /** @param name of the script beside the caller, without its ending @param caller its import.meta.url */
  constructor(name: string, caller: string, limits?: ResourceLimits) {
    this.#name = name;
    this.#caller = caller;
    this.#limits = limits;
  }

  take(): Thread<Job, Answer> {
    for (const thread of this.#idle) {
      this.#idle.delete(thread);
      if (thread.isThere) return thread;
    }
    return new Thread(startThread(this.#name, this.#caller, this.#limits));
  }

  /** For whoever comes next. One with work left is ended, because nobody would hear its answers. */
  async giveBack(thread: Thread<Job, Answer>): Promise<void> {
    if (!thread.isIdle) return thread.end();
    this.#idle.add(thread);
    thread.rest(IDLE_MS, () => {
      if (this.#idle.delete(thread)) void thread.end();
    });
  }
}

/** One thread, whose script answers each message by one, in their order. */
export class Thread<Job, Answer> {
  readonly #worker: Worker;
  readonly #waiting: Waiting<Answer>[] = [];
  #lost: { readonly cause: unknown } | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(worker: Worker) {
    this.#worker = worker;
    this.#worker.on("message", (answer: Answer) => {
      this.#waiting.shift()?.resolve(answer);
      if (this.#waiting.length === 0) this.#worker.unref();
    });
    this.#worker.on("error", (cause) => this.#fail(cause));
    this.#worker.on("exit", () => this.#fail(new Error("a thread ended before its work")));
    // Last: to listen for messages holds the process.
    this.#worker.unref();
  }

  get isThere(): boolean {
    return this.#lost === undefined;
  }

  get isIdle(): boolean {
    return this.isThere && this.#waiting.length === 0;
  }

  /** What is under way holds the process, an idle thread does not. @throws what ended the thread */
  ask(job: Job): Promise<Answer> {
    clearTimeout(this.#timer);
    if (this.#lost) return Promise.reject(this.#lost.cause);
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    const done = promise.then(
      () => {},
      () => {},
    );
    this.#waiting.push({ done, resolve, reject });
    this.#worker.ref();
    this.#worker.postMessage(job);
    return promise;
  }

  /** When everything that was asked for is answered, or never will be. */
  async settled(): Promise<void> {
    while (!this.isIdle && this.isThere) await this.#waiting.at(-1)?.done;
  }

  /** Hears of it when nothing was asked for so long. */
  rest(ms: number, tooLong: () => void): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(tooLong, ms).unref();
  }

  /** Whatever is under way is never answered. */
  async end(): Promise<void> {
    clearTimeout(this.#timer);
    this.#waiting.length = 0;
    await this.#worker.terminate();
  }

  #fail(cause: unknown): void {
    this.#lost ??= { cause };
    for (const { reject } of this.#waiting.splice(0)) reject(cause);
  }
}
