/** A thread that looks at many paths, and proves each file that is there. */
import { join } from "node:path";
import { parentPort } from "node:worker_threads";
import { sha256OfFileSync } from "../base/digest.ts";
import { type FailureMessage, toMessage } from "../base/failure-message.ts";
import type { EntryRecord } from "../format/record/restore-point.ts";
import { linksAmong, lookAt } from "./scan.ts";

export type ScanJob = {
  readonly root: string;
  readonly paths: readonly string[];
  readonly links: readonly string[];
};
/** Entries are in the order of the paths. */
export type ScanAnswer = { readonly entries: readonly EntryRecord[] } | { readonly failure: FailureMessage };

parentPort?.on("message", (job: ScanJob) => {
  parentPort?.postMessage(scan(job));
});

function scan({ root, paths, links }: ScanJob): ScanAnswer {
  try {
    const known = linksAmong(root, links);
    const entries = paths.map((path) => {
      const entry = lookAt(root, path, known);
      return entry.kind === "file" ? { ...entry, sha256: sha256OfFileSync(join(root, path)) } : entry;
    });
    return { entries };
  } catch (error) {
    return { failure: toMessage(error) };
  }
}
