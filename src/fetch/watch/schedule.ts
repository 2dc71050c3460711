/**
 * When a device looks again.
 *
 *   all is well            interval, and by chance up to the jitter more
 *   a look has failed      1 m, 2 m, 4 m … up to the interval, half of it by chance
 *   a deadline is set      no later than that after a release that waits was first seen, and never further apart
 *   an operator is awaited no later than when the time to confirm is over
 *
 * Chance keeps a fleet from asking at once. Nothing makes it look more often than once a second.
 */
export type WatchTimes = {
  readonly intervalMs: number;
  readonly jitterMs: number;
  /** From the first sight of a release until it must be installed; undefined is no bound. */
  readonly deadlineMs: number | undefined;
};

export type Situation = {
  /** Looks in a row that failed. */
  readonly failures: number;
  /** How long a release that may be installed has been waiting; undefined when none does. */
  readonly waitedMs: number | undefined;
  /** Until an operator must have confirmed; undefined when nobody is awaited. */
  readonly confirmInMs: number | undefined;
};

const FIRST_REST_MS = 60_000;
const LEAST_MS = 1_000;

/** In milliseconds. @param chance from 0 to 1 */
export function restOf(
  { intervalMs, jitterMs, deadlineMs = Number.POSITIVE_INFINITY }: WatchTimes,
  { failures, waitedMs, confirmInMs = Number.POSITIVE_INFINITY }: Situation,
  chance: number,
): number {
  const regular = intervalMs + chance * jitterMs;
  const most = Math.min(intervalMs, FIRST_REST_MS * 2 ** Math.min(failures - 1, 30));
  const rest = failures > 0 ? most / 2 + (chance * most) / 2 : regular;
  const leftMs = deadlineMs - (waitedMs ?? 0);
  // Once it is over, the rests are what they are without one.
  const bound = leftMs > 0 ? leftMs : deadlineMs;
  return Math.max(LEAST_MS, Math.min(rest, bound, confirmInMs));
}
