/**
 * One file's patches, made and proven.
 *
 * A patch counts only after our own decoder has turned the source into exactly the target with it: what a
 * device could not apply is never published. Of those that count and that keep within what a device may
 * spend, the shortest wins; of two that are as long, the one that was tried first. A candidate is given up
 * as soon as it is longer than the best before it, or than the whole target. All bounds are bytes, so what
 * comes out does not depend on how fast anything was.
 */
import { statSync } from "node:fs";
import { memorySource, openFileSource } from "../../base/byte-source.ts";
import { sha256OfFile, sha256OfPieces } from "../../base/digest.ts";
import { systemCode, ThemisError } from "../../base/error.ts";
import { applyPatch } from "../../format/delta/algorithm.ts";
import { type ApplyCost, applyCost, leastApplyMemory } from "../../format/delta/apply-cost.ts";
import { PatchTooLong } from "../../format/delta/patch-limit.ts";
import type { Algorithm } from "../../format/manifest/delta-manifest.ts";
import { createPatch, type PatchJob } from "./engine.ts";

export type DiffOptions = Pick<PatchJob, "engine" | "container" | "memoryLimit"> & {
  readonly budget?: Budget;
};

/** What a device may spend on one file. */
export type Budget = {
  /** In bytes, beyond what the client takes to start. */
  readonly applyMemory?: number;
  /** Of the reference machine (format/delta/apply-cost.ts). */
  readonly applySeconds?: number;
};

export type DiffJob = {
  readonly sourcePath: string;
  readonly targetPath: string;
  /** In the order in which they are tried: the likely winner first, so that the others are given up early. */
  readonly algorithms: readonly Algorithm[];
  readonly options: DiffOptions;
  /** What a device would fetch without a delta; one that is not smaller does not count. */
  readonly wholeBytes?: number;
};

export type Candidate = {
  readonly algorithm: Algorithm;
  readonly outcome: "proven" | "given-up" | "over-memory" | "over-time" | "not-tried" | "failed";
  /** undefined when no complete patch came out; `note` says why. */
  readonly sizeBytes: number | undefined;
  readonly cost: ApplyCost | undefined;
  /** "" for a proven one. */
  readonly note: string;
};

export type DiffResult = {
  readonly winner:
    | { readonly algorithm: Algorithm; readonly patch: Uint8Array; readonly cost: ApplyCost }
    | undefined;
  readonly candidates: readonly Candidate[];
  readonly sourceSha256: string;
  readonly targetSha256: string;
};

type Winner = NonNullable<DiffResult["winner"]>;

/** The longest patch that would still win, and whom it has to beat. */
type Bound = { readonly maxBytes: number | undefined; readonly name: string };

/** @param tried hears of each candidate when its turn is over. @throws the system's errors */
export async function diffFile(job: DiffJob, tried: (candidate: Candidate) => void): Promise<DiffResult> {
  const before = stateOf(job);
  const [sourceSha256, targetSha256] = [
    await sha256OfFile(job.sourcePath),
    await sha256OfFile(job.targetPath),
  ];
  const candidates: Candidate[] = [];
  let winner: Winner | undefined;
  for (const algorithm of job.algorithms) {
    const attempt = await attemptOne(job, algorithm, boundOf(job, winner), targetSha256);
    candidates.push(attempt.candidate);
    tried(attempt.candidate);
    winner = attempt.winner ?? winner;
  }
  if (stateOf(job) !== before)
    throw new ThemisError("DIFF_FAILED", "failed", "its source or target changed meanwhile");
  return { winner, candidates, sourceSha256, targetSha256 };
}

/** Of both files: what changes when either of them does. */
function stateOf({ sourcePath, targetPath }: DiffJob): string {
  return [sourcePath, targetPath]
    .map((path) => statSync(path, { bigint: true }))
    .map(({ dev, ino, size, mtimeNs, ctimeNs }) => [dev, ino, size, mtimeNs, ctimeNs].join(" "))
    .join("; ");
}

function boundOf({ wholeBytes }: DiffJob, best: Winner | undefined): Bound {
  if (best) return { maxBytes: best.patch.length - 1, name: best.algorithm };
  return { maxBytes: wholeBytes === undefined ? undefined : wholeBytes - 1, name: "the whole target" };
}

/** A winner is at most as long as the bound, so it beats all before it. */
async function attemptOne(
  { sourcePath, targetPath, algorithms, options }: DiffJob,
  algorithm: Algorithm,
  { maxBytes, name }: Bound,
  targetSha256: string,
): Promise<{ readonly candidate: Candidate; readonly winner?: Winner }> {
  // Asked for alone and without a container, BSDIFF is what every bspatch reads.
  const { budget = {}, container = algorithms.length > 1 ? "shortest" : "bsdiff40", ...making } = options;
  const none = { algorithm, sizeBytes: undefined, cost: undefined };
  try {
    const sizes = sizesOf(sourcePath, targetPath);
    const least = overMemory(leastApplyMemory(algorithm, sizes), budget);
    if (least) return { candidate: { ...none, outcome: "not-tried", note: least } };
    const patch = await createPatch({ algorithm, sourcePath, targetPath, container, ...making, maxBytes });
    const cost = applyCost(algorithm, memorySource(patch), sizes);
    const made = { algorithm, sizeBytes: patch.length, cost };
    const memory = overMemory(cost.memoryBytes, budget);
    if (memory) return { candidate: { ...made, outcome: "over-memory", note: memory } };
    const time = overTime(cost.seconds, budget);
    if (time) return { candidate: { ...made, outcome: "over-time", note: time } };
    await provePatch({ algorithm, sourcePath, targetPath, patch, targetSha256 });
    return { candidate: { ...made, outcome: "proven", note: "" }, winner: { algorithm, patch, cost } };
  } catch (error) {
    if (error instanceof PatchTooLong) {
      const note = `given up at ${error.facts.bytes} bytes: ${name} has ${maxBytes! + 1}`;
      return { candidate: { ...none, outcome: "given-up", note } };
    }
    return { candidate: { ...none, outcome: "failed", note: whyFailed(error) } };
  }
}

/** The system's messages hold paths of this machine, which a reproducible report must not. */
function whyFailed(error: unknown): string {
  const code = systemCode(error);
  if (code !== undefined && error instanceof Error && "path" in error)
    return `the files cannot be read (${code})`;
  return error instanceof Error ? error.message : String(error);
}

function sizesOf(sourcePath: string, targetPath: string) {
  const [source, target] = [openFileSource(sourcePath), openFileSource(targetPath)];
  source.close();
  target.close();
  return { sourceBytes: source.size, targetBytes: target.size };
}

function overMemory(bytes: number, { applyMemory }: Budget): string | undefined {
  if (applyMemory === undefined || bytes <= applyMemory) return undefined;
  return `applying takes ${bytes} bytes of memory, more than the ${applyMemory} allowed`;
}

function overTime(seconds: number, { applySeconds }: Budget): string | undefined {
  if (applySeconds === undefined || seconds <= applySeconds) return undefined;
  return `applying takes ${seconds} s, more than the ${applySeconds} s allowed`;
}

/** With the device's own decoder. @throws ThemisError when it does not rebuild the target */
export async function provePatch(made: {
  readonly algorithm: Algorithm;
  readonly sourcePath: string;
  readonly targetPath: string;
  readonly patch: Uint8Array;
  readonly targetSha256: string;
}): Promise<void> {
  const source = openFileSource(made.sourcePath);
  const target = openFileSource(made.targetPath);
  try {
    const rebuilt = applyPatch({
      algorithm: made.algorithm,
      source,
      patch: memorySource(made.patch),
      // If what was made differs from it, the digest will tell.
      written: target,
      targetSize: target.size,
    });
    if ((await sha256OfPieces(rebuilt)) !== made.targetSha256)
      throw new ThemisError("DIFF_FAILED", "failed", "it does not rebuild the target");
  } finally {
    source.close();
    target.close();
  }
}
