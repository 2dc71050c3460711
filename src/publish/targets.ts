/** Whole targets: every distinct content once, compressed by itself, in the order of paths. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { constants, zstdCompress } from "node:zlib";
import { sha256 } from "../base/digest.ts";
import { mapInOrder } from "../base/parallel.ts";
import type { Blob } from "../format/manifest/blob.ts";
import type { Pack } from "../format/manifest/manifest.ts";
import type { BuildProgress, BuildRequest } from "./build-request.ts";
import { isFile } from "./compare-trees.ts";
import { PackWriter } from "./pack-writer.ts";
import { PublishError } from "./publish-error.ts";
import type { Tree, TreeEntry } from "./tree.ts";

/**
 * zstd 19 is where the size of a whole target stops paying for time; above 64 MiB its tables would not
 * fit beside the other jobs, so level 12 with a window over the file.
 */
const SMALL_TARGET_BYTES = 64 * 2 ** 20;

export type PackedTargets = { readonly blobs: ReadonlyMap<string, Blob>; readonly packs: readonly Pack[] };

/** Every distinct content once, compressed by itself, in the order of paths. */
export async function packTargets(
  request: BuildRequest,
  tree: Tree,
  folder: string,
  progress: BuildProgress,
): Promise<PackedTargets> {
  const wanted = new Map<string, TreeEntry>();
  for (const entry of tree.entries) {
    if (isFile(entry) && entry.sizeBytes > 0 && !wanted.has(entry.sha256)) wanted.set(entry.sha256, entry);
  }
  const entries = [...wanted.values()];
  const totalBytes = entries.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const writer = new PackWriter(folder, "targets");
  const blobs = new Map<string, Blob>();
  let doneBytes = 0;
  try {
    for await (const { entry, bytes, encoding } of mapInOrder(entries, request.jobs, (item) =>
      compressTarget(tree, item),
    )) {
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

async function compressTarget(tree: Tree, entry: TreeEntry) {
  const bytes = await readFile(join(tree.root, entry.path));
  if (sha256(bytes) !== entry.sha256) {
    throw new PublishError(
      "TREE_CHANGED",
      `${join(tree.root, entry.path)} changed while the bundle was built`,
    );
  }
  const level = bytes.length <= SMALL_TARGET_BYTES ? 19 : 12;
  const frame = await promisify(zstdCompress)(bytes, {
    params: {
      [constants.ZSTD_c_compressionLevel]: level,
      [constants.ZSTD_c_contentSizeFlag]: 1,
      [constants.ZSTD_c_checksumFlag]: 0,
    },
    pledgedSrcSize: bytes.length,
  });
  const pays = frame.length < bytes.length;
  return { entry, bytes: pays ? frame : bytes, encoding: pays ? ("zstd" as const) : ("identity" as const) };
}
