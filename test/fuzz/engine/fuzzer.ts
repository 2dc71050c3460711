/**
 * Inputs that descend from the seeds by chance that can be repeated; those that ran something new, or were refused
 * in words that nobody heard before, become ancestors themselves.
 */
import { dice, pick } from "../../format/delta/fuzz/dice.ts";
import { attempt, TOO_SLOW, wordOf } from "./attempt.ts";
import type { Coverage } from "./coverage.ts";
import { minimise } from "./minimise.ts";
import type { FuzzSeed, FuzzTarget } from "./target.ts";

/** One question for coverage in so many inputs. */
const BATCH = 64;
/** Longer ones are cut: what matters lies in structure, and time goes by bytes. */
const MAX_INPUT_BYTES = 96 << 10;
const MAX_ANCESTORS = 4096;
/** All together: what is read should need the memory, not what was kept. */
const MAX_ANCESTOR_BYTES = 16 << 20;
export type Ancestor = { readonly seed: FuzzSeed; readonly bytes: Uint8Array };

export type Finding = {
  readonly target: string;
  readonly seed: string;
  readonly why: string;
  readonly base64: string;
};

export type Tally = {
  readonly target: string;
  readonly inputs: number;
  readonly accepted: number;
  readonly ancestors: number;
  readonly blocks: number;
  /** Different refusals and kinds of acceptance. */
  readonly words: number;
};

export type FuzzRequest = {
  readonly name: string;
  readonly target: FuzzTarget;
  readonly seed: number;
  readonly coverage: Coverage;
  /** Findings that are not alike, before the target is given up. */
  readonly maxFindings: number;
  /** Whether to go on after so many inputs. */
  readonly goesOn: (inputs: number) => boolean;
  /** Before each input, so that a watchdog knows what runs. */
  readonly onInput: (input: Ancestor) => void;
  readonly onFinding: (finding: Finding) => void;
};

export async function fuzz(request: FuzzRequest): Promise<Tally> {
  const { name, target, coverage, onInput, onFinding } = request;
  const ancestors: Ancestor[] = target.seeds.map((seed) => ({ seed, bytes: seed.bytes }));
  const words = new Set<string>();
  const found = new Set<string>();
  let inputs = 0;
  let accepted = 0;

  let keptBytes = 0;
  const keep = (input: Ancestor): void => {
    keptBytes += input.bytes.length;
    if (ancestors.length < MAX_ANCESTORS && keptBytes < MAX_ANCESTOR_BYTES) ancestors.push(input);
  };
  const attemptIt = async (input: Ancestor): Promise<"new" | "known" | "finding"> => {
    onInput(input);
    const result = await attempt(target, input.bytes, input.seed, () => onInput(input));
    if (result.kind === "accepted") accepted++;
    if (result.kind === "finding") {
      const alike = result.why.replace(/\d+/g, "#");
      if (!found.has(alike)) onFinding(await reportOf(request, input, result.why));
      found.add(alike);
      return "finding";
    }
    const word = wordOf(result.outcome);
    const isNew = !words.has(word);
    words.add(word);
    return isNew ? "new" : "known";
  };

  for (const seed of target.seeds) await attemptIt({ seed, bytes: seed.bytes });
  coverage.add(coverage.take());
  while (request.goesOn(inputs) && found.size < request.maxFindings) {
    const batch: Ancestor[] = [];
    for (let i = 0; i < BATCH && found.size < request.maxFindings; i++) {
      const input = descend(request, ancestors, inputs++);
      const came = await attemptIt(input);
      if (came === "new") keep(input);
      if (came === "known") batch.push(input);
    }
    const taken = coverage.take();
    if (!coverage.isNew(taken)) continue;
    for (const input of await firstsOf(request, batch)) keep(input);
    // What only ran because it was the first time is not looked for again.
    coverage.add(taken);
  }
  return {
    target: name,
    inputs,
    accepted,
    ancestors: ancestors.length,
    blocks: coverage.blocks,
    words: words.size,
  };
}

/** Those of a batch that run something new, by halves. */
async function firstsOf(request: FuzzRequest, batch: readonly Ancestor[]): Promise<Ancestor[]> {
  const { target, coverage } = request;
  for (const { bytes, seed } of batch) await attempt(target, bytes, seed);
  const taken = coverage.take();
  if (!coverage.isNew(taken)) return [];
  if (batch.length > 1) {
    const half = batch.length >> 1;
    const former = await firstsOf(request, batch.slice(0, half));
    return [...former, ...(await firstsOf(request, batch.slice(half)))];
  }
  coverage.add(taken);
  return [...batch];
}

/** Mostly the young ones have children: they are where something new was found. */
function descend({ name, target, seed }: FuzzRequest, ancestors: readonly Ancestor[], run: number): Ancestor {
  const roll = dice(seed, run, ...Buffer.from(name));
  const from = roll(3) === 0 ? Math.max(0, ancestors.length - 64) : 0;
  const ancestor = ancestors[from + roll(ancestors.length - from)]!;
  let bytes = ancestor.bytes;
  for (let edits = 1 + (roll(3) === 0 ? roll(4) : 0); edits > 0; edits--)
    bytes = target.mutate({ bytes, seed: ancestor.seed, other: pick(ancestors, roll).bytes, roll });
  return { seed: ancestor.seed, bytes: bytes.subarray(0, MAX_INPUT_BYTES) };
}

async function reportOf({ name, target }: FuzzRequest, input: Ancestor, why: string): Promise<Finding> {
  // What is slow would be slow three thousand times.
  const bytes = why === TOO_SLOW ? input.bytes : await minimise(target, input.bytes, input.seed, why);
  return { target: name, seed: input.seed.name, why, base64: Buffer.from(bytes).toString("base64") };
}
