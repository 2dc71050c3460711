/** A thread that carries out one rebuilding after the other. */
import { parentPort } from "node:worker_threads";
import { type FailureMessage, toMessage } from "../base/failure-message.ts";
import { carryOut, type RebuildJob } from "./rebuild-job.ts";

export type RebuildAnswer = { readonly failure: FailureMessage | undefined };

parentPort?.on("message", async (job: RebuildJob) => {
  parentPort?.postMessage({ failure: await failureOf(job) } satisfies RebuildAnswer);
});

async function failureOf(job: RebuildJob): Promise<FailureMessage | undefined> {
  try {
    await carryOut(job);
    return undefined;
  } catch (error) {
    return toMessage(error);
  }
}
