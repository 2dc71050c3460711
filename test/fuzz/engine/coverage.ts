/**
 * Which blocks of our sources have run, by V8's own counters, asked for in the very thread that runs them.
 *
 * V8 reports a function with the ranges in it that did not run. One byte for each character of a function remembers
 * whether it ever ran; an answer that sets a byte is something new. Asking takes a millisecond, so it is asked for
 * many inputs at once, and for each by itself only when there was something new.
 */
import { type Profiler, Session } from "node:inspector";

/** A function, and for each of its characters whether it ran. */
export type Ran = { readonly key: string; readonly now: Uint8Array };

export class Coverage {
  readonly #session = new Session();
  readonly #ran = new Map<string, Uint8Array>();
  readonly #root: string;
  #blocks = 0;

  /** @param root URL of the folder whose sources count */
  constructor(root: string) {
    this.#root = root;
    this.#session.connect();
    this.#post("Profiler.enable");
    this.#post("Profiler.startPreciseCoverage", { callCount: false, detailed: true });
  }

  /** Stretches of source that ran for the first time, so far. */
  get blocks(): number {
    return this.#blocks;
  }

  /** What ran since the last question. */
  take(): readonly Ran[] {
    const answer = this.#post("Profiler.takePreciseCoverage") as Profiler.TakePreciseCoverageReturnType;
    return answer.result
      .filter(({ url }) => url.startsWith(this.#root))
      .flatMap(({ url, functions }) => functions.map(({ ranges }) => ranOf(url, ranges)));
  }

  /** Whether some of it never ran before. */
  isNew(taken: readonly Ran[]): boolean {
    return taken.some(({ key, now }) => {
      const before = this.#ran.get(key);
      return before === undefined || now.some((ran, i) => ran > before[i]!);
    });
  }

  add(taken: readonly Ran[]): void {
    for (const { key, now } of taken) {
      const ran = this.#ran.get(key) ?? new Uint8Array(now.length);
      this.#ran.set(key, ran);
      let inNew = false;
      for (let i = 0; i < now.length; i++) {
        const isFirst = now[i]! > ran[i]!;
        if (isFirst && !inNew) this.#blocks++;
        if (isFirst) ran[i] = 1;
        inNew = isFirst;
      }
    }
  }

  stop(): void {
    this.#post("Profiler.stopPreciseCoverage");
    this.#session.disconnect();
  }

  /** Answers come before `post` returns, because the session is of this thread. */
  #post(method: string, params: object = {}): unknown {
    let answer: unknown;
    this.#session.post(method, params, (error, result) => {
      if (error) throw new Error(`${method}: ${error.message}`);
      answer = result;
    });
    return answer;
  }
}

/** The first range is the function, the others lie within the ones before them. */
function ranOf(url: string, ranges: readonly Profiler.CoverageRange[]): Ran {
  const { startOffset, endOffset } = ranges[0]!;
  const now = new Uint8Array(endOffset - startOffset);
  for (const range of ranges)
    now.fill(range.count > 0 ? 1 : 0, range.startOffset - startOffset, range.endOffset - startOffset);
  return { key: `${url}:${startOffset}:${endOffset}`, now };
}
