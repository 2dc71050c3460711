/** Whole targets: every distinct content once, compressed by itself, in the order of paths. */
import { mapInOrder } from "../base/parallel.ts";
import type { Blob } from "../format/manifest/blob.ts";
import type { Pack } from "../format/manifest/manifest.ts";
import type { BuildProgress, BuildRequest } from "./build-request.ts";
import { isFile } from "./compare-trees.ts";
import type { Makers } from "./makers.ts";
import { PackWriter } from "./pack-writer.ts";
import type { Tree, TreeEntry } from "./tree.ts";

export type PackedTargets = { readonly blobs: ReadonlyMap<string, Blob>; readonly packs: readonly Pack[] };

/** Every distinct content once, compressed by itself, in the order of paths. */
export async function packTargets(
  request: Pick<BuildRequest, "jobs" | "signal">,
  tree: Tree,
  makers: Makers,
  folder: string,
  progress: BuildProgress,
): Promise<PackedTargets> {
  const entries = distinctTargets(tree);
  const totalBytes = entries.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const writer = new PackWriter(folder, "targets");
  const blobs = new Map<string, Blob>();
  let doneBytes = 0;
  try {
    for await (const { entry, bytes, encoding } of mapInOrder(entries, request.jobs, async (item) => ({
      entry: item,
      ...(await makers.compress(tree, item)),
    }))) {
      request.signal?.throwIfAborted();
      blobs.set(entry.sha256, await writer.add(bytes, encoding));
      doneBytes += entry.sizeBytes;
      progress({
        phase: "targets",
        done: blobs.size,
        total: entries.length,
        doneBytes,
        totalBytes,
        path: entry.path,
      });
    }
    return { blobs, packs: await writer.finish() };
  } catch (error) {
    await writer.abandon();
    throw error;
  }
}

/** One file for each content that there is, the first by path. */
export function distinctTargets(tree: Tree): readonly TreeEntry[] {
  const wanted = new Map<string, TreeEntry>();
  for (const entry of tree.entries) {
    if (isFile(entry) && entry.sizeBytes > 0 && !wanted.has(entry.sha256)) wanted.set(entry.sha256, entry);
  }
  return [...wanted.values()];
}
