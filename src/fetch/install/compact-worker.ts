/** A thread that makes one patch after the other: it takes a second for some ten megabytes. */
import { parentPort } from "node:worker_threads";
import { systemCode } from "../../base/error.ts";
import { type Compacted, type CompactJob, makePatch } from "./compact-job.ts";

export type CompactAnswer =
  | { readonly made: Compacted }
  /** ENOSPC and the like; "" for a bug. */
  | { readonly failed: string; readonly message: string };

parentPort?.on("message", async (job: CompactJob) => {
  const answer: CompactAnswer = await makePatch(job).then(
    (made) => ({ made }),
    (error: unknown) => ({
      failed: systemCode(error) ?? "",
      message: error instanceof Error ? error.message : String(error),
    }),
  );
  parentPort?.postMessage(answer);
});
