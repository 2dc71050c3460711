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
import { openFileSource } from "../../base/byte-source.ts";
import { ThemisError } from "../../base/error.ts";
import type { Container } from "../../format/delta/bsdiff/container.ts";
import { writeBsdiff } from "../../format/delta/bsdiff/write.ts";
import { writeVcdiff } from "../../format/delta/vcdiff/write.ts";
import type { Algorithm } from "../../format/manifest/delta-manifest.ts";
import { CoverKernel, coverMemory } from "../../kernel/kernel.ts";

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

/** Level 19's binary trees over more than this take minutes and gigabytes; level 9 stays near bsdiff's memory. */
const SLOW_BYTES = 32 * 2 ** 20;
const MIN_TABLE_LOG = 17;
const MAX_TABLE_LOG = 28;

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
  const kernel = openKernel(job);
  return writeBsdiff({
    source: kernel.source,
    target: kernel.target,
    segments: kernel.covers("add"),
    container: job.container ?? "bsdiff40",
  });
}

function createVcdiff(job: PatchJob): Uint8Array {
  const kernel = openKernel(job);
  return writeVcdiff({
    sourceSize: kernel.source.length,
    target: kernel.target,
    segments: kernel.covers("copy"),
    windowBytes: kernel.windowBytes,
  });
}

/** The files go straight into the kernel's memory, which is all that is taken. */
function openKernel({ sourcePath, targetPath, memoryLimit }: PatchJob): CoverKernel {
  const source = openFileSource(sourcePath);
  const target = openFileSource(targetPath);
  try {
    const needed = coverMemory(source.size, target.size);
    if (memoryLimit !== undefined && needed > memoryLimit) {
      throw new ThemisError(
        "DIFF_TOO_LARGE",
        "failed",
        `it takes ${mebibytes(needed)} of memory, more than the ${mebibytes(memoryLimit)} allowed`,
      );
    }
    const kernel = new CoverKernel(source.size, target.size);
    source.read(0, kernel.source);
    target.read(0, kernel.target);
    return kernel;
  } finally {
    source.close();
    target.close();
  }
}

function mebibytes(bytes: number): string {
  return `${Math.ceil(bytes / 2 ** 20)} MiB`;
}

async function createZstdDict({ sourcePath, targetPath }: PatchJob): Promise<Uint8Array> {
  const [source, target] = await Promise.all([readFile(sourcePath), readFile(targetPath)]);
  const reach = tableLog(source.length + target.length);
  const slow = source.length + target.length <= 2 * SLOW_BYTES;
  return promisify(zstdCompress)(target, {
    ...(source.length > 0 && { dictionary: source }),
    params: {
      [constants.ZSTD_c_compressionLevel]: slow ? 19 : 9,
      [constants.ZSTD_c_windowLog]: reach,
      [constants.ZSTD_c_hashLog]: Math.min(reach, 27),
      [constants.ZSTD_c_chainLog]: Math.min(reach + (slow ? 1 : 0), MAX_TABLE_LOG),
      [constants.ZSTD_c_contentSizeFlag]: 1,
      [constants.ZSTD_c_checksumFlag]: 1,
    },
    pledgedSrcSize: target.length,
  });
}

/** The smallest power of two that covers the bytes, within what zstd and memory allow. */
function tableLog(bytes: number): number {
  return Math.min(MAX_TABLE_LOG, Math.max(MIN_TABLE_LOG, Math.ceil(Math.log2(Math.max(2, bytes)))));
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
