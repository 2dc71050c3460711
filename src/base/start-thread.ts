/**
 * Where a thread's script comes from.
 *
 *   from source     NAME.ts beside the caller
 *   built           NAME.js beside the caller
 *   in one file     the program's own text once more, told by `workerData` which thread it is
 *
 * The text is that of the function that runs, not of the file: the file may be another release by now, which an
 * update of the client has put there.
 */
import { type ResourceLimits, Worker } from "node:worker_threads";

/** The whole program, where it is one function (scripts/client-template.ts). */
declare const __THEMIS_PROGRAM__: (() => unknown) | undefined;

export type ThreadData = { readonly themisThread: string };

/** @param name without its ending @param caller its import.meta.url */
export function startThread(name: string, caller: string, limits?: ResourceLimits): Worker {
  if (typeof __THEMIS_PROGRAM__ === "function") {
    const workerData: ThreadData = { themisThread: name };
    return new Worker(`(${Function.prototype.toString.call(__THEMIS_PROGRAM__)})({})`, {
      eval: true,
      execArgv: [],
      workerData,
      ...(limits && { resourceLimits: limits }),
    });
  }
  return new Worker(
    new URL(`./${name}.${caller.endsWith(".ts") ? "ts" : "js"}`, caller),
    limits && { resourceLimits: limits },
  );
}
