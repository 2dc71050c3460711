/**
 * Exponential back-off with full jitter: waits random(0, 2^n * first), capped, so that a thousand clients
 * that failed together do not come back together.
 */
import { setTimeout } from "node:timers/promises";

const FIRST_MS = 250;
const CAP_MS = 15_000;

/** @param attempt 0 before the first repetition */
export async function backOff(attempt: number, signal?: AbortSignal): Promise<void> {
  const most = Math.min(CAP_MS, FIRST_MS * 2 ** attempt);
  await setTimeout(Math.random() * most, undefined, signal && { signal });
}
