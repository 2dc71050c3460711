/** How many paths look on disk: a few are looked at here, thousands by threads, because hashing them takes the processor. */
import { availableParallelism } from "node:os";
import { fromMessage } from "../base/failure-message.ts";
import { Threads } from "../base/threads.ts";
import type { EntryRecord } from "../format/record/restore-point.ts";
import { linksAmong, scanEntry } from "./scan.ts";
import type { ScanAnswer, ScanJob } from "./scan-worker.ts";

const THREADS = new Threads<ScanJob, ScanAnswer>("scan-worker", import.meta.url);
const MAX_THREADS = 4;
/** Fewer are done before a thread has started. */
const FEW = 300;

/**
 * @param links paths that a release has as symlinks, or had: where there is one, nothing is below it
 * @throws like scanEntry
 */
export async function scanTree(
  root: string,
  paths: readonly string[],
  links: readonly string[] = [],
): Promise<Map<string, EntryRecord>> {
  const wanted = [...new Set(paths)];
  if (wanted.length <= FEW) {
    const found = new Map<string, EntryRecord>();
    const known = linksAmong(root, links);
    for (const path of wanted) found.set(path, await scanEntry(root, path, known));
    return found;
  }
  const threads = Math.min(MAX_THREADS, availableParallelism());
  // Neighbours are alike, so that each thread has its share of what is large.
  const shares = Array.from({ length: threads }, (_, i) => wanted.filter((__, at) => at % threads === i));
  const scanned = await Promise.all(shares.map((share) => scanThere({ root, paths: share, links })));
  return new Map(scanned.flat().map((entry) => [entry.path, entry]));
}

async function scanThere(job: ScanJob): Promise<readonly EntryRecord[]> {
  const thread = THREADS.take();
  try {
    const answer = await thread.ask(job);
    if ("failure" in answer) throw fromMessage(answer.failure);
    return answer.entries;
  } finally {
    await THREADS.giveBack(thread);
  }
}
