/**
 * Makes patches; proving them is the worker's part.
 *
 * BSDIFF and VCDIFF come from our kernels, BSDIFF on demand from the optional addon bsdiff-node, which only ever
 * generates: its own apply overruns the heap on a negative length. ZSTD_DICT comes from Node's zstd, with
 * tables sized to the source: the default ones reach only the last few MiB of a large file.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { constants, zstdCompress } from "node:zlib";
import { type ByteSource, openFileSource } from "../../base/byte-source.ts";
import { ThemisError } from "../../base/error.ts";
import type { Container } from "../../format/delta/bsdiff/container.ts";
import { writeBsdiff } from "../../format/delta/bsdiff/write.ts";
import { MAX_BLOCK } from "../../format/delta/bzip2/encode.ts";
import type { Segments } from "../../format/delta/segments.ts";
import { writeVcdiff } from "../../format/delta/vcdiff/write.ts";
import type { Algorithm } from "../../format/manifest/delta-manifest.ts";
import { type CoverPurpose, TransformKernel, windowBytes } from "../../kernel/kernel.ts";
import { findCovers, planCovers } from "./covers.ts";
import { planZstdTables } from "./zstd-tables.ts";

export type BsdiffEngine = "kernel" | "bsdiff-node";

export type PatchJob = {
  readonly algorithm: Algorithm;
  readonly sourcePath: string;
  readonly targetPath: string;
  readonly engine?: BsdiffEngine;
  readonly container?: Container;
  /** In bytes, for the making of one patch; more is refused before it is taken. */
  readonly memoryLimit?: number;
};

/** Exit status of bsdiff-process.ts when the addon cannot be loaded. */
const ADDON_MISSING = 9;

/** @throws ThemisError DIFF_ENGINE_MISSING, DIFF_FAILED, DIFF_TOO_LARGE */
export async function createPatch(job: PatchJob): Promise<Uint8Array> {
  switch (job.algorithm) {
    case "BSDIFF":
      return job.engine === "bsdiff-node" ? createByAddon(job) : createBsdiff(job);
    case "ZSTD_DICT":
      return createZstdDict(job);
    case "VCDIFF":
      return createVcdiff(job);
    case "XDELTA3":
      throw new ThemisError("DIFF_FAILED", "failed", "XDELTA3 is read and not written; VCDIFF is");
  }
}

function createBsdiff(job: PatchJob): Uint8Array {
  const container = job.container ?? "bsdiff40";
  return withFiles(job, (source, target) =>
    writeBsdiff({
      source,
      target,
      // Brotli holds what it compresses.
      segments: coversOf(job, source, target, "add", container === "bsdf2" ? 2 * target.size : 0),
      container,
      transform: new TransformKernel(MAX_BLOCK).transform,
    }),
  );
}

function createVcdiff(job: PatchJob): Uint8Array {
  return withFiles(job, (source, target) => {
    const pieces: Uint8Array[] = [];
    for (const piece of writeVcdiff({
      sourceSize: source.size,
      target,
      segments: coversOf(job, source, target, "copy", windowBytes()),
      windowBytes: windowBytes(),
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
  purpose: CoverPurpose,
  writerBytes: number,
): Segments {
  const sizes = { sourceSize: source.size, targetSize: target.size, purpose, writerBytes };
  return findCovers(source, target, purpose, planCovers(sizes, memoryLimit));
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

async function createZstdDict({ sourcePath, targetPath, memoryLimit }: PatchJob): Promise<Uint8Array> {
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
  });
}

async function createByAddon({ sourcePath, targetPath }: PatchJob): Promise<Uint8Array> {
  if ((await stat(sourcePath)).size === 0) {
    throw new ThemisError("DIFF_FAILED", "failed", "bsdiff makes no patch from an empty file");
  }
  const folder = await mkdtemp(join(tmpdir(), "themis-diff-"));
  try {
    const patchPath = join(folder, "patch");
    await runBsdiff([sourcePath, targetPath, patchPath]);
    return await readFile(patchPath);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/**
 * In a process of its own: the addon is not built for worker threads, and a crash or an out-of-memory in
 * native code must cost one patch and not the build.
 */
async function runBsdiff(paths: readonly string[]): Promise<void> {
  const script = new URL(
    import.meta.url.endsWith(".ts") ? "./bsdiff-process.ts" : "./bsdiff-process.js",
    import.meta.url,
  );
  const child = spawn(process.execPath, [fileURLToPath(script), ...paths], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  let trouble = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    trouble = (trouble + text).slice(-2000);
  });
  const [status, killedBy] = (await once(child, "close")) as [number | null, string | null];
  if (status === 0) return;
  if (status === ADDON_MISSING) {
    throw new ThemisError(
      "DIFF_ENGINE_MISSING",
      "failed",
      "the addon bsdiff-node is not built for this Node",
      {
        hint: "npm run addons builds it; --engine kernel works without",
      },
    );
  }
  throw new ThemisError(
    "DIFF_FAILED",
    "failed",
    `bsdiff-node ended with ${killedBy ?? status}: ${trouble.trim() || "no word"}`,
  );
}
