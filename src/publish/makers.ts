/**
 * What makes the bytes of a bundle: compressed targets, chosen sources, patches.
 *
 * Everything else of a build is bookkeeping, and the same wherever the bytes come from: from this machine, or from
 * parts that others made. That is why a bundle put together from parts is the same to the last byte.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { constants, zstdCompress, zstdDecompress } from "node:zlib";
import { sha256 } from "../base/digest.ts";
import { systemCode } from "../base/error.ts";
import type { BuildRequest, Previous } from "./build-request.ts";
import type { DiffResult } from "./diff/diff-file.ts";
import { DiffPool } from "./diff/diff-pool.ts";
import { PublishError } from "./publish-error.ts";
import { type ChosenSource, chooseSources } from "./sources.ts";
import type { Tree, TreeEntry } from "./tree.ts";

export type CompressedTarget = { readonly bytes: Uint8Array; readonly encoding: "identity" | "zstd" };

export type Makers = {
  readonly compress: (tree: Tree, entry: TreeEntry) => Promise<CompressedTarget>;
  readonly sources: (older: Previous, tree: Tree) => Promise<readonly ChosenSource[]>;
  /** @param wholeBytes of the compressed target: a patch that is not smaller does not count */
  readonly diff: (
    older: Previous,
    tree: Tree,
    chosen: ChosenSource,
    wholeBytes: number,
  ) => Promise<DiffResult>;
  readonly close: () => Promise<void>;
};

/**
 * zstd 19 is where the size of a whole target stops paying for time; above 64 MiB its tables would not
 * fit beside the other jobs, so level 12 with a window over the file.
 */
const SMALL_TARGET_BYTES = 64 * 2 ** 20;

export type Making = Pick<BuildRequest, "algorithms" | "diff" | "jobs" | "signal">;

/** On this machine. @param isWanted which targets are made here */
export function localMakers(request: Making, isWanted?: (target: TreeEntry) => boolean): Makers {
  const { signal } = request;
  const pool = new DiffPool({ jobs: request.jobs, ...(signal && { signal }) });
  return {
    compress: compressTarget,
    sources: ({ tree: old }, tree) => chooseSources(old, tree, signal, isWanted),
    diff: async ({ tree: old }, tree, { source, target }, wholeBytes) => {
      const result = await pool.diff({
        sourcePath: join(old.root, source.path),
        targetPath: join(tree.root, target.path),
        algorithms: [...request.algorithms],
        options: request.diff,
        wholeBytes,
      });
      if (result.sourceSha256 !== source.sha256 || result.targetSha256 !== target.sha256) {
        throw new PublishError("TREE_CHANGED", `${target.path} changed while the bundle was built`);
      }
      return result;
    },
    close: () => pool.close(),
  };
}

async function compressTarget(tree: Tree, entry: TreeEntry): Promise<CompressedTarget> {
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
  return { bytes: pays ? frame : bytes, encoding: pays ? "zstd" : "identity" };
}

/** Whether bytes from elsewhere become exactly this file. Never more is unpacked than it has. */
export async function isCompressed(
  bytes: Uint8Array,
  encoding: "identity" | "zstd",
  { sha256: wanted, sizeBytes }: TreeEntry,
): Promise<boolean> {
  if (encoding === "identity") return sha256(bytes) === wanted;
  try {
    return sha256(await promisify(zstdDecompress)(bytes, { maxOutputLength: sizeBytes })) === wanted;
  } catch (error) {
    if (systemCode(error) !== undefined) return false;
    throw error;
  }
}
