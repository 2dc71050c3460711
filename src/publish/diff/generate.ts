/** One patch between two files: every algorithm that is asked for, proven, and the smallest that keeps within the budget. */
import { checkOutput, isSameFile, writeFileAtomically } from "../../base/atomic-file.ts";
import { openFileSource } from "../../base/byte-source.ts";
import { sha256 } from "../../base/digest.ts";
import { ThemisError } from "../../base/error.ts";
import type { Algorithm } from "../../format/manifest/delta-manifest.ts";
import { ALL_ALGORITHMS, describeCandidate } from "./candidates.ts";
import { type Candidate, type DiffJob, type DiffOptions, type DiffResult, diffFile } from "./diff-file.ts";
import { DiffPool } from "./diff-pool.ts";

export type GenerateRequest = {
  /** The old file. */
  readonly source: string;
  /** The new file. */
  readonly target: string;
  /** Where the patch goes. */
  readonly patch: string;
  /** In the order in which they are tried; default THEMIS, BSDIFF, VCDIFF, ZSTD_DICT. */
  readonly algorithms?: readonly Algorithm[];
  /** How patches are made, and `budget`: what a device may spend to apply one. */
  readonly options?: DiffOptions;
  /** Only a patch of at most so many bytes is of use; default: any. */
  readonly maxBytes?: number;
  /**
   * "own" (default): a thread of its own, ended by the signal. "this": the caller's, which is blocked for long
   * and hears the signal between candidates only; it saves a thread's start, 150 ms of CPU and 20 MiB.
   */
  readonly thread?: "own" | "this";
  readonly signal?: AbortSignal;
  /** After each candidate. */
  readonly progress?: (event: {
    readonly phase: "generating";
    readonly done: number;
    readonly total: number;
  }) => void;
};

export type GeneratedPatch = {
  readonly algorithm: Algorithm;
  readonly sourceBytes: number;
  readonly sourceSha256: string;
  readonly targetBytes: number;
  readonly targetSha256: string;
  readonly patchBytes: number;
  readonly patchSha256: string;
  /** What a device needs to apply it, in bytes beyond what Node takes to start. */
  readonly applyMemory: number;
  /** Estimated, of one core of the reference machine (schemas/delta-report.md). */
  readonly applySeconds: number;
  /** All that were tried, in that order, and what came of each. */
  readonly candidates: readonly Candidate[];
};

/** @throws ThemisError DELTA_NONE when no candidate came through; DIFF_FAILED; the system's errors; the signal's reason */
export async function generatePatch(request: GenerateRequest): Promise<GeneratedPatch> {
  const { source, target, patch, algorithms = ALL_ALGORITHMS, options = {}, maxBytes } = request;
  checkOutput(patch);
  for (const input of [source, target]) {
    if (isSameFile(input, patch))
      throw new ThemisError("USAGE", "usage", `the patch would replace ${input}; name another place for it`);
  }
  checkAlgorithms(algorithms);
  const [sourceBytes, targetBytes] = [sizeOf(source), sizeOf(target)];
  let done = 0;
  const { winner, candidates, ...digests } = await diffOnce(
    {
      sourcePath: source,
      targetPath: target,
      algorithms: [...algorithms],
      options,
      ...(maxBytes !== undefined && { wholeBytes: maxBytes + 1 }),
    },
    request,
    () => request.progress?.({ phase: "generating", done: ++done, total: algorithms.length }),
  );
  if (!winner) {
    throw new ThemisError(
      "DELTA_NONE",
      "failed",
      `no patch was made: ${candidates.map(describeCandidate).join("; ")}`,
      { facts: { candidates } },
    );
  }
  await writeFileAtomically(patch, winner.patch);
  return {
    algorithm: winner.algorithm,
    sourceBytes,
    targetBytes,
    ...digests,
    patchBytes: winner.patch.length,
    patchSha256: sha256(winner.patch),
    applyMemory: winner.cost.memoryBytes,
    applySeconds: winner.cost.seconds,
    candidates,
  };
}

/** @throws ThemisError USAGE */
function checkAlgorithms(algorithms: readonly Algorithm[]): void {
  const isList = Array.isArray(algorithms) && algorithms.length > 0;
  if (isList && algorithms.every((each) => ALL_ALGORITHMS.includes(each))) return;
  throw new ThemisError(
    "USAGE",
    "usage",
    `algorithms is a list of ${ALL_ALGORITHMS.join(", ")}, not ${JSON.stringify(algorithms)}`,
  );
}

async function diffOnce(
  job: DiffJob,
  { thread, signal }: Pick<GenerateRequest, "thread" | "signal">,
  tried: () => void,
): Promise<DiffResult> {
  if (thread === "this") {
    return diffFile(job, () => {
      tried();
      signal?.throwIfAborted();
    });
  }
  const pool = new DiffPool({ jobs: 1, ...(signal && { signal }) });
  try {
    return await pool.diff(job, tried);
  } finally {
    await pool.close();
  }
}

function sizeOf(path: string): number {
  const file = openFileSource(path);
  file.close();
  return file.size;
}
