/**
 * How often something is tried without getting on, and how long is waited in between. Every new piece
 * starts the count again: a bad line that brings something each time is never given up.
 */
import { setTimeout } from "node:timers/promises";
import type { FetchError } from "../fetch-error.ts";
import { waitFact } from "./source.ts";

/** Attempts in a row that bring nothing. */
export const MAX_FRUITLESS = 5;

/** What the server itself asked for, in milliseconds; 0 when it did not. */
export function askedWaitMs(error: FetchError): number {
  const wait = waitFact(error);
  return wait?.kind === "wait" ? wait.ms : 0;
}

export async function waitUntil(untilMs: number, signal?: AbortSignal): Promise<void> {
  const waitMs = untilMs - performance.now();
  if (waitMs > 0) await setTimeout(waitMs, undefined, signal && { signal });
}
