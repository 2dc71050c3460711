/** Waiting with an end. */
import { setTimeout } from "node:timers/promises";

/** Timers count milliseconds in 31 bits; a longer one would end at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** Whether it was there in time; what comes later, a rejection too, is of no interest. */
export async function isWithin(what: Promise<unknown>, milliseconds: number): Promise<boolean> {
  const over = new AbortController();
  const late = setTimeout(Math.min(milliseconds, LONGEST_TIMER_MS), false, { signal: over.signal });
  try {
    return await Promise.race([what.then(() => true), late.catch(() => false)]);
  } finally {
    over.abort();
  }
}
