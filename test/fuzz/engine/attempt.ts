/** One input, tried: what came of it in a word, or why it is a finding. */
import { ThemisError } from "../../../src/base/error.ts";
import { MemoryMeter } from "../../format/delta/fuzz/memory-meter.ts";
import type { FuzzSeed, FuzzTarget } from "./target.ts";

/** What the issue allows, in typed arrays for one input. */
const MEMORY_BYTES = 256 << 20;

/** Of wall time; what takes longer is tried again by the thread's own time, because the machine may be busy. */
const HANG_MS = 1000;

export const TOO_SLOW = `it takes more than ${HANG_MS} ms`;

export type Attempt =
  | { readonly kind: "accepted" | "refused"; readonly outcome: string }
  | { readonly kind: "finding"; readonly why: string };

let meter: MemoryMeter | undefined;

/** @param onAgain before it is tried again because it was slow */
export async function attempt(
  target: FuzzTarget,
  bytes: Uint8Array,
  seed: FuzzSeed,
  onAgain: () => void = () => {},
): Promise<Attempt> {
  const began = performance.now();
  const result = await attemptOnce(target, bytes, seed);
  if (performance.now() - began < HANG_MS || result.kind === "finding") return result;
  return (await isSlow(target, bytes, seed, onAgain)) ? { kind: "finding", why: TOO_SLOW } : result;
}

/** Twice more, and each time too long by the clock of this thread. */
async function isSlow(
  target: FuzzTarget,
  bytes: Uint8Array,
  seed: FuzzSeed,
  onAgain: () => void,
): Promise<boolean> {
  for (let again = 0; again < 2; again++) {
    onAgain();
    const before = process.threadCpuUsage();
    await attemptOnce(target, bytes, seed);
    const { user, system } = process.threadCpuUsage(before);
    if (user + system < HANG_MS * 1000) return false;
  }
  return true;
}

async function attemptOnce(target: FuzzTarget, bytes: Uint8Array, seed: FuzzSeed): Promise<Attempt> {
  meter ??= new MemoryMeter(MEMORY_BYTES);
  try {
    meter.start();
    const outcome = target.act(bytes, seed);
    const said = typeof outcome === "string" ? outcome : await outcome;
    meter.stop();
    return { kind: "accepted", outcome: said };
  } catch (error) {
    meter.pause();
    if (error instanceof ThemisError && target.refusals.includes(error.name) && error.kind !== "failed")
      return { kind: "refused", outcome: `${error.code} ${error.message}` };
    return { kind: "finding", why: whyOf(error) };
  }
}

/** The error and where it was thrown: two findings with the same one are one. */
function whyOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const at = /at .*?([^/\s]+\.ts:\d+)/.exec(error.stack ?? "")?.[1] ?? "";
  return `${error.name}: ${error.message.slice(0, 300)}${at && ` (${at})`}`;
}

/** A word for many alike: numbers, names and quotes are left out. */
export function wordOf(outcome: string): string {
  return outcome
    .slice(0, 160)
    .replace(/"[^"]*"/g, '""')
    .replace(/[^A-Za-z_ ]+/g, "#");
}
