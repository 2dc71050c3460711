/**
 * One file's patches, made and proven, in a thread of its own.
 *
 * A patch counts only after our own decoder has turned the source into exactly the target with it: what a
 * device could not apply is never published.
 */
import { parentPort } from "node:worker_threads";
import { memorySource, openFileSource } from "../../base/byte-source.ts";
import { sha256OfFile, sha256OfPieces } from "../../base/digest.ts";
import { systemCode, ThemisError } from "../../base/error.ts";
import { applyPatch } from "../../format/delta/algorithm.ts";
import type { Algorithm } from "../../format/manifest/delta-manifest.ts";
import { createPatch, type PatchJob } from "./engine.ts";

export type DiffOptions = Pick<PatchJob, "engine" | "container" | "memoryLimit">;

export type DiffJob = {
  readonly sourcePath: string;
  readonly targetPath: string;
  readonly algorithms: readonly Algorithm[];
  readonly options: DiffOptions;
};

export type Candidate = {
  readonly algorithm: Algorithm;
  /** undefined when no proven patch came out; `note` says why. */
  readonly sizeBytes: number | undefined;
  readonly note: string;
};

export type DiffResult = {
  readonly winner: { readonly algorithm: Algorithm; readonly patch: Uint8Array } | undefined;
  readonly candidates: readonly Candidate[];
  readonly sourceSha256: string;
  readonly targetSha256: string;
};

export type DiffAnswer =
  | { readonly result: DiffResult }
  | { readonly failure: { readonly code: string; readonly message: string } };

parentPort?.on("message", async (job: DiffJob) => {
  try {
    parentPort?.postMessage({ result: await diff(job) } satisfies DiffAnswer);
  } catch (error) {
    const failure = {
      code: (error instanceof ThemisError ? error.code : systemCode(error)) ?? "DIFF_FAILED",
      message: error instanceof Error ? error.message : String(error),
    };
    parentPort?.postMessage({ failure } satisfies DiffAnswer);
  }
});

async function diff({ sourcePath, targetPath, algorithms, options }: DiffJob): Promise<DiffResult> {
  const targetSha256 = await sha256OfFile(targetPath);
  const candidates: Candidate[] = [];
  let winner: DiffResult["winner"];
  for (const algorithm of algorithms) {
    try {
      const patch = await createPatch({ algorithm, sourcePath, targetPath, ...options });
      await prove({ algorithm, sourcePath, targetPath, patch, targetSha256 });
      candidates.push({ algorithm, sizeBytes: patch.length, note: "" });
      if (!winner || patch.length < winner.patch.length) winner = { algorithm, patch };
    } catch (error) {
      candidates.push({
        algorithm,
        sizeBytes: undefined,
        note: error instanceof Error ? error.message : String(error),
      });
    }
  }
  return { winner, candidates, sourceSha256: await sha256OfFile(sourcePath), targetSha256 };
}

async function prove(made: {
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
