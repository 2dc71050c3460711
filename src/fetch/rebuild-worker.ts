/** A thread that carries out one rebuilding after the other. */
import { parentPort } from "node:worker_threads";
import { type FailureArea, type FailureKind, systemCode, ThemisError } from "../base/error.ts";
import { carryOut, type RebuildJob } from "./rebuild-job.ts";

export type RebuildAnswer =
  | { readonly failure: undefined }
  /** What a ThemisError says of itself: instances do not pass from thread to thread. */
  | { readonly failure: NamedFailure }
  | { readonly failure: SystemFailure };

export type NamedFailure = {
  readonly name: "themis";
  readonly code: string;
  readonly kind: FailureKind;
  readonly area: FailureArea;
  readonly message: string;
  readonly facts: Readonly<Record<string, unknown>>;
  readonly hint: string | undefined;
};

export type SystemFailure = {
  readonly name: "system";
  /** ENOSPC and the like; undefined for a bug. */
  readonly code: string | undefined;
  readonly message: string;
};

parentPort?.on("message", async (job: RebuildJob) => {
  parentPort?.postMessage({ failure: await failureOf(job) } satisfies RebuildAnswer);
});

async function failureOf(job: RebuildJob): Promise<RebuildAnswer["failure"]> {
  try {
    await carryOut(job);
    return undefined;
  } catch (error) {
    if (error instanceof ThemisError) {
      const { code, kind, area, message, facts, hint } = error;
      return { name: "themis", code, kind, area, message, facts, hint };
    }
    const message = error instanceof Error ? error.message : String(error);
    return { name: "system", code: systemCode(error), message };
  }
}
