/**
 * Makes patches; proving them is the worker's part.
 *
 * THEMIS, BSDIFF and VCDIFF come from our kernels, BSDIFF on demand from the optional addon bsdiff-node, ZSTD_DICT from
 * Node's zstd. Each is told how much memory it may take, and says no before it takes more.
 */
import { readFile, stat } from "node:fs/promises";
import { promisify } from "node:util";
import { constants, zstdCompress } from "node:zlib";
import { type ByteSource, openFileSource } from "../../base/byte-source.ts";
import { systemCode, ThemisError } from "../../base/error.ts";
import { createBsdiff } from "../../format/delta/bsdiff/create.ts";
import type { WantedContainer } from "../../format/delta/bsdiff/write.ts";
import { findCovers, planCovers } from "../../format/delta/covers.ts";
import { checkLength, PatchTooLong } from "../../format/delta/patch-limit.ts";
import type { Segments } from "../../format/delta/segments.ts";
import { createThemis } from "../../format/delta/themis/create.ts";
import { writeVcdiff } from "../../format/delta/vcdiff/write.ts";
import type { Algorithm } from "../../format/manifest/delta-manifest.ts";
import { windowBytes } from "../../kernel/kernel.ts";
import { createArchivePatch, NothingToExpand } from "./archive/create-archive.ts";
import { createByAddon } from "./bsdiff-addon.ts";
import { planZstdTables } from "./zstd-tables.ts";

export type BsdiffEngine = "kernel" | "bsdiff-node";

export type PatchJob = {
  readonly algorithm: Algorithm;
  readonly sourcePath: string;
  readonly targetPath: string;
  readonly engine?: BsdiffEngine;
  /** Default: BSDIFF40. */
  readonly container?: WantedContainer;
  /** In bytes, for the making of one patch; more is refused before it is taken. */
  readonly memoryLimit?: number;
  /** Beyond this the patch is given up. */
  readonly maxBytes?: number | undefined;
};

/** @throws ThemisError DIFF_ENGINE_MISSING, DIFF_FAILED, DIFF_TOO_LARGE, PATCH_TOO_LONG */
export async function createPatch(job: PatchJob): Promise<Uint8Array> {
  const patch = await makePatch(job);
  checkLength(patch.length, job.maxBytes);
  return patch;
}

async function makePatch(job: PatchJob): Promise<Uint8Array> {
  switch (job.algorithm) {
    case "BSDIFF":
      return job.engine === "bsdiff-node" ? createByAddon(job) : bsdiffOf(job);
    case "ZSTD_DICT":
      return createZstdDict(job);
    case "VCDIFF":
      return createVcdiff(job);
    case "THEMIS":
      return themisOf(job);
    case "XDELTA3":
      throw new ThemisError("DIFF_FAILED", "failed", "XDELTA3 is read and not written; VCDIFF is");
  }
}

function bsdiffOf(job: PatchJob): Uint8Array {
  const { container = "bsdiff40", memoryLimit = Number.POSITIVE_INFINITY, maxBytes } = job;
  return withFiles(job, (source, target) =>
    createBsdiff({ source, target, container, memoryLimit, maxBytes }),
  );
}

/** The shorter of both kinds, where the target holds something that is packed. */
async function themisOf(job: PatchJob): Promise<Uint8Array> {
  const archive = await archiveOf(job);
  if (!archive) return themisFile(job);
  try {
    return themisFile({ ...job, maxBytes: archive.length - 1 });
  } catch (error) {
    if (!(error instanceof ThemisError)) throw error;
    return archive;
  }
}

async function archiveOf(job: PatchJob): Promise<Uint8Array | undefined> {
  try {
    return await createArchivePatch(job, (inner) =>
      inner.algorithm === "THEMIS" ? Promise.resolve(themisFile(inner)) : createPatch(inner),
    );
  } catch (error) {
    if (error instanceof NothingToExpand || error instanceof PatchTooLong) return undefined;
    throw error;
  }
}

function themisFile(job: PatchJob): Uint8Array {
  const { memoryLimit = Number.POSITIVE_INFINITY, maxBytes } = job;
  return withFiles(job, (source, target) => createThemis({ source, target, memoryLimit, maxBytes }));
}

function createVcdiff(job: PatchJob): Uint8Array {
  return withFiles(job, (source, target) => {
    const pieces: Uint8Array[] = [];
    for (const piece of writeVcdiff({
      sourceSize: source.size,
      target,
      segments: coversOf(job, source, target),
      windowBytes: windowBytes(),
      maxBytes: job.maxBytes,
    })) {
      pieces.push(piece.slice());
    }
    return Buffer.concat(pieces);
  });
}

function coversOf(
  { memoryLimit = Number.POSITIVE_INFINITY }: PatchJob,
  source: ByteSource,
  target: ByteSource,
): Segments {
  const writerBytes = Math.min(windowBytes(), target.size);
  const sizes = { sourceSize: source.size, targetSize: target.size, purpose: "copy" as const, writerBytes };
  return findCovers(source, target, "copy", planCovers(sizes, memoryLimit));
}

function withFiles<T>(
  { sourcePath, targetPath }: PatchJob,
  work: (source: ByteSource, target: ByteSource) => T,
): T {
  const source = openFileSource(sourcePath);
  try {
    const target = openFileSource(targetPath);
    try {
      return work(source, target);
    } finally {
      target.close();
    }
  } finally {
    source.close();
  }
}

async function createZstdDict({
  sourcePath,
  targetPath,
  memoryLimit,
  maxBytes,
}: PatchJob): Promise<Uint8Array> {
  const [sourceSize, targetSize] = [(await stat(sourcePath)).size, (await stat(targetPath)).size];
  const { level, windowLog, hashLog, chainLog } = planZstdTables(sourceSize, targetSize, memoryLimit);
  const [source, target] = await Promise.all([readFile(sourcePath), readFile(targetPath)]);
  return promisify(zstdCompress)(target, {
    ...(source.length > 0 && { dictionary: source }),
    params: {
      [constants.ZSTD_c_compressionLevel]: level,
      [constants.ZSTD_c_windowLog]: windowLog,
      [constants.ZSTD_c_hashLog]: hashLog,
      [constants.ZSTD_c_chainLog]: chainLog,
      [constants.ZSTD_c_contentSizeFlag]: 1,
      [constants.ZSTD_c_checksumFlag]: 1,
    },
    pledgedSrcSize: target.length,
    ...(maxBytes !== undefined && { maxOutputLength: Math.max(1, maxBytes) }),
  }).catch((cause: unknown) => {
    if (maxBytes !== undefined && systemCode(cause) === "ERR_BUFFER_TOO_LARGE")
      throw new PatchTooLong(maxBytes + 1, maxBytes, cause);
    throw cause;
  });
}
