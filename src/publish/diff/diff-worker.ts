/** A thread that makes one file's patches after the other. */
import { parentPort } from "node:worker_threads";
import { systemCode, ThemisError } from "../../base/error.ts";
import { type Candidate, type DiffJob, type DiffResult, diffFile } from "./diff-file.ts";

export type DiffAnswer =
  | { readonly tried: Candidate }
  | { readonly result: DiffResult }
  | { readonly failure: { readonly code: string; readonly message: string } };

parentPort?.on("message", async (job: DiffJob) => {
  try {
    const tried = (candidate: Candidate): void => {
      parentPort?.postMessage({ tried: candidate } satisfies DiffAnswer);
    };
    parentPort?.postMessage({ result: await diffFile(job, tried) } satisfies DiffAnswer);
  } catch (error) {
    const failure = {
      code: (error instanceof ThemisError ? error.code : systemCode(error)) ?? "DIFF_FAILED",
      message: error instanceof Error ? error.message : String(error),
    };
    parentPort?.postMessage({ failure } satisfies DiffAnswer);
  }
});
