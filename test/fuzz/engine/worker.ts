/** One target, fuzzed in a thread of its own, whose heap is bounded. */
import { parentPort, workerData } from "node:worker_threads";
import { Coverage } from "./coverage.ts";
import { type Finding, fuzz, type Tally } from "./fuzzer.ts";
import { loadTarget } from "./load-target.ts";
import type { TargetEntry } from "./target.ts";
import { showInput } from "./watched.ts";

export type FuzzJob = {
  readonly entry: TargetEntry;
  /** URL of the folder whose sources guide. */
  readonly sources: string;
  readonly seed: number;
  /** Whichever of these comes first. */
  readonly maxFindings: number;
  readonly inputs: number;
  readonly untilMs: number;
  readonly watch: SharedArrayBuffer;
};

export type FuzzMessage =
  | { readonly kind: "finding"; readonly finding: Finding }
  | { readonly kind: "done"; readonly tally: Tally };

/** A million refusals are thrown: their stacks are not what they cost. */
Error.stackTraceLimit = 4;

const job = workerData as FuzzJob;
const say = (message: FuzzMessage): void => parentPort!.postMessage(message);
const coverage = new Coverage(job.sources);
const target = await loadTarget(job.entry);
const indexOf = new Map(target.seeds.map((seed, index) => [seed, index]));
const tally = await fuzz({
  name: job.entry.name,
  target,
  seed: job.seed,
  coverage,
  maxFindings: job.maxFindings,
  goesOn: (inputs) => inputs < job.inputs && Date.now() < job.untilMs,
  onInput: ({ seed, bytes }) => showInput(job.watch, indexOf.get(seed)!, bytes),
  onFinding: (finding) => say({ kind: "finding", finding }),
});
coverage.stop();
say({ kind: "done", tally });
