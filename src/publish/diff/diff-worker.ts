/**
 * One file's patches, made and proven, in a thread of its own.
 *
 * A patch counts only after our own decoder has turned the source into exactly the target with it: what a
 * device could not apply is never published.
 */
import { readFile } from "node:fs/promises";
import { parentPort } from "node:worker_threads";
import { memorySource } from "../../base/byte-source.ts";
import { sha256, sha256OfPieces } from "../../base/digest.ts";
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
      code: systemCode(error) ?? "DIFF_FAILED",
      message: error instanceof Error ? error.message : String(error),
    };
    parentPort?.postMessage({ failure } satisfies DiffAnswer);
  }
});

async function diff({ sourcePath, targetPath, algorithms, options }: DiffJob): Promise<DiffResult> {
  const [source, target] = await Promise.all([readFile(sourcePath), readFile(targetPath)]);
  const targetSha256 = sha256(target);
  const candidates: Candidate[] = [];
  let winner: DiffResult["winner"];
  for (const algorithm of algorithms) {
    try {
      const patch = await createPatch({ algorithm, sourcePath, targetPath, source, target, ...options });
      const rebuilt = applyPatch({
        algorithm,
        source: memorySource(source),
        patch: memorySource(patch),
        // If what was made differs from it, the digest will tell.
        written: memorySource(target),
        targetSize: target.length,
      });
      if ((await sha256OfPieces(rebuilt)) !== targetSha256)
        throw new ThemisError("DIFF_FAILED", "failed", "it does not rebuild the target");
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
  return { winner, candidates, sourceSha256: sha256(source), targetSha256 };
}
