/**
 * Whole targets as assets of their own: `--layout assets`.
 *
 *   app/bin/appd  ->  file-5f1c09a2b3c4d5e6-appd      uncompressed, named in `download_url` and as its own pack
 *
 * A ThemisDB server fetches a file by its `download_url` and knows no packs; a device reads a blob that begins at 0 and
 * is the whole asset. Names hold the digest's first 16 digits, so that equal files are one asset and others never meet.
 */
import { open } from "node:fs/promises";
import { basename, join } from "node:path";
import { openRegularFile } from "../base/input-file.ts";
import type { Blob } from "../format/manifest/blob.ts";
import type { Pack } from "../format/manifest/manifest.ts";
import type { BuildProgress, BuildRequest } from "./build-request.ts";
import { AssetDigests } from "./pack-writer.ts";
import { PublishError } from "./publish-error.ts";
import { distinctTargets, type PackedTargets } from "./targets.ts";
import type { Tree, TreeEntry } from "./tree.ts";

/** A release page takes 1000; the rest is for deltas and documents. */
const MAX_TARGET_ASSETS = 850;
const MAX_NAME = 64;
const READ_BYTES = 1 << 20;

/** @throws PublishError TREE_UNSUPPORTED, TREE_CHANGED */
export async function copyTargets(
  request: Pick<BuildRequest, "signal">,
  tree: Tree,
  folder: string,
  progress: BuildProgress,
): Promise<PackedTargets> {
  const entries = distinctTargets(tree);
  if (entries.length > MAX_TARGET_ASSETS) {
    throw new PublishError(
      "TREE_UNSUPPORTED",
      `${entries.length} files would be ${entries.length} assets, more than the ${MAX_TARGET_ASSETS} that fit on a page`,
      { hint: "use --layout packs", facts: { files: entries.length } },
    );
  }
  const totalBytes = entries.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const blobs = new Map<string, Blob>();
  const packs: Pack[] = [];
  let doneBytes = 0;
  for (const entry of entries) {
    request.signal?.throwIfAborted();
    const pack = await copyTarget(tree, entry, folder);
    packs.push(pack);
    const blob: Blob = { pack: pack.asset, offset: 0, length: pack.size_bytes, encoding: "identity" };
    blobs.set(entry.sha256, blob);
    doneBytes += entry.sizeBytes;
    const counted = { done: packs.length, total: entries.length, doneBytes, totalBytes };
    progress({ phase: "targets", ...counted, path: entry.path });
  }
  return { blobs, packs };
}

async function copyTarget(tree: Tree, entry: TreeEntry, folder: string): Promise<Pack> {
  const asset = assetName(entry);
  const path = join(tree.root, entry.path);
  const { file } = await openRegularFile(path);
  const copy = await open(join(folder, asset), "wx", 0o644);
  try {
    const digests = new AssetDigests();
    const buffer = new Uint8Array(READ_BYTES);
    let length = 0;
    // Never more than was indexed, even when the file grows.
    while (length <= entry.sizeBytes) {
      const { bytesRead } = await file.read(buffer, 0, READ_BYTES);
      if (bytesRead === 0) break;
      const bytes = buffer.subarray(0, bytesRead);
      digests.update(bytes);
      await copy.writeFile(bytes);
      length += bytesRead;
    }
    await copy.sync();
    const { sha256_hash, pieces } = digests.finish();
    if (sha256_hash !== entry.sha256)
      throw new PublishError("TREE_CHANGED", `${path} changed while the bundle was built`);
    return { asset, size_bytes: length, sha256_hash, pieces };
  } finally {
    await copy.close();
    await file.close();
  }
}

/** GitHub would rename what holds other characters. */
function assetName({ path, sha256 }: TreeEntry): string {
  const name = basename(path).replaceAll(/[^A-Za-z0-9._-]+/g, "_");
  return `file-${sha256.slice(0, 16)}-${name.slice(-MAX_NAME)}`;
}
