/**
 * Targets, each in a thread with a bounded heap and somebody who watches it: an input on which it does not come back,
 * or on which its memory does not suffice, is a finding like any other.
 */
import { Worker } from "node:worker_threads";
import type { Finding, Tally } from "./fuzzer.ts";
import type { TargetEntry } from "./target.ts";
import { newWatch, readInput } from "./watched.ts";
import type { FuzzJob, FuzzMessage } from "./worker.ts";

/** Together 256 MiB; what lies outside of the heap is metered for each input (attempt.ts). */
const HEAP = { maxOldGenerationSizeMb: 224, maxYoungGenerationSizeMb: 32 };
/** One input for so long, on whatever machine, does not come back. What takes over a second is told by the thread. */
const NEVER_MS = 60_000;
const LOOK_MS = 500;

export type FuzzRun = {
  readonly targets: readonly TargetEntry[];
  readonly seed: number;
  /** Of all targets together, shared out by weight. */
  readonly inputs: number;
  /** For all targets together. */
  readonly seconds: number;
  /** At once. */
  readonly threads: number;
  /** Ours unless given. */
  readonly sources?: string;
  readonly neverMs?: number;
  /** Of one target. */
  readonly maxFindings?: number;
  readonly onTally?: (tally: Tally) => void;
};

export type FuzzResult = { readonly tallies: readonly Tally[]; readonly findings: readonly Finding[] };

export async function runTargets(run: FuzzRun): Promise<FuzzResult> {
  const {
    sources = new URL("../../../src/", import.meta.url).href,
    neverMs = NEVER_MS,
    maxFindings = 5,
  } = run;
  const weights = run.targets.reduce((sum, { weight }) => sum + weight, 0);
  const waiting = [...run.targets];
  const tallies: Tally[] = [];
  const findings: Finding[] = [];
  const work = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const untilMs = Date.now() + (run.seconds * 1000 * run.threads) / run.targets.length;
      const inputs = Math.ceil((run.inputs * next.weight) / weights);
      const watch = newWatch();
      const job = { entry: next, sources, seed: run.seed, maxFindings, inputs, untilMs, watch };
      const tally = await watched(job, neverMs, findings);
      if (tally === undefined) continue;
      tallies.push(tally);
      run.onTally?.(tally);
    }
  };
  await Promise.all(Array.from({ length: run.threads }, work));
  return { tallies, findings };
}

/** @returns undefined when the thread did not live to tell */
function watched(job: FuzzJob, neverMs: number, findings: Finding[]): Promise<Tally | undefined> {
  const script = new URL("./worker.ts", import.meta.url);
  const worker = new Worker(script, { workerData: job, resourceLimits: HEAP, execArgv: [] });
  return new Promise((settle) => {
    let seen = { calls: -1, sinceMs: Date.now() };
    let tally: Tally | undefined;
    const watcher = setInterval(() => {
      const { calls } = readInput(job.watch);
      if (calls !== seen.calls) seen = { calls, sinceMs: Date.now() };
      else if (calls > 0 && Date.now() - seen.sinceMs > neverMs) lost("it does not come back");
    }, LOOK_MS);
    const lost = (why: string): void => {
      clearInterval(watcher);
      const { seed, bytes } = readInput(job.watch);
      const base64 = Buffer.from(bytes).toString("base64");
      findings.push({ target: job.entry.name, seed: `#${seed}`, why, base64 });
      void worker.terminate();
    };
    worker.on("message", (message: FuzzMessage) => {
      if (message.kind === "done") tally = message.tally;
      else findings.push(message.finding);
    });
    worker.on("error", (error) => lost(`the thread is gone: ${error.message}`));
    worker.on("exit", () => {
      clearInterval(watcher);
      settle(tally);
    });
  });
}
