/**
 * How fast something may be changed on GitHub: 80 requests that create content in a minute, 500 in an hour
 * (docs: rate limits for the REST API). Going over it "may result in the banning of your integration".
 *
 * A little below both, because others publish with the same token; a small release never waits.
 */
import { setTimeout } from "node:timers/promises";

const WINDOWS = [
  { ms: 60_000, requests: 72 },
  { ms: 3_600_000, requests: 480 },
] as const;

export type Waiting = (ms: number, why: string) => Promise<void>;

export class Pace {
  readonly #wait: Waiting;
  readonly #now: () => number;
  /** When each of the last requests was made, in ms. */
  #made: number[] = [];

  constructor(wait: Waiting, now: () => number = () => performance.now()) {
    this.#wait = wait;
    this.#now = now;
  }

  /** Before each request that changes something. */
  async take(): Promise<void> {
    for (const { ms, requests } of WINDOWS) {
      const first = this.#made.at(-requests);
      if (first === undefined) continue;
      const left = first + ms - this.#now();
      if (left > 0)
        await this.#wait(left, `${requests} changes in ${ms / 60_000} min are what GitHub allows`);
    }
    const now = this.#now();
    this.#made = [...this.#made.filter((made) => now - made < 3_600_000), now];
  }
}

/** How long so many changes take at the least, in ms. */
export function leastMs(requests: number): number {
  return WINDOWS.reduce(
    (most, { ms, requests: each }) => Math.max(most, Math.floor((requests - 1) / each) * ms),
    0,
  );
}

/** Waits, and stops when the signal says so. */
export async function sleep(ms: number, signal: AbortSignal): Promise<void> {
  await setTimeout(ms, undefined, { signal });
}
