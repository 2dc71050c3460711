/**
 * What applying a patch asks of a device, read from the patch's own headers and the two sizes.
 *
 *   memory   bytes beyond what the client takes to start, an upper bound
 *   time     seconds of one core of the machine that README's figures are from
 *
 * Both are functions of bytes and of nothing else: the same patch costs the same wherever it is asked, so
 * a bundle that is built to a budget is the same bundle on every machine. A wall clock would not be.
 *
 * BSDIFF and VCDIFF are applied as streams, and what they take does not grow with the files. ZSTD_DICT has the
 * source twice (zstd copies its dictionary), the target twice (in pieces and as one), the window and the
 * patch in memory. THEMIS has tables of the sizes that its header says, and its covers. The time is that of the parts that were measured: both digests by the size of the
 * files, decoding by the size of the patch and of what it makes.
 */
import type { ByteSource } from "../../base/byte-source.ts";
import type { Algorithm } from "../manifest/delta-manifest.ts";
import { ARCHIVE_MAGIC, isArchivePatch, readArchivePatch } from "./archive/container.ts";
import { expandedBytes } from "./archive/recipe.ts";
import { type Part, readBsdiffHeader } from "./bsdiff/container.ts";
import { MAX_DICTIONARY_BYTES, SPARE_BYTES } from "./lzma/lzma2.ts";
import { readThemisHeader } from "./themis/container.ts";
import { leastThemisMemory, themisMemory } from "./themis/memory.ts";
import { describeVcdiff } from "./vcdiff/describe.ts";
import { readZstdFrame, ZSTD_HEADER_BYTES } from "./zstd-dict/zstd-dict.ts";

export type ApplyCost = {
  /** Beyond what the client takes to start. */
  readonly memoryBytes: number;
  /** Of one core of the reference machine. */
  readonly seconds: number;
};

export type Sizes = { readonly sourceBytes: number; readonly targetBytes: number };

const MIB = 2 ** 20;
/** Of the pinned deflate. */
const KERNEL_BYTES = 2 * MIB;
/** Compiled code, buffers that wait to be collected, two digests: measured at 20 to 30 on pairs of 2 to 116 MiB. */
const PROGRAM_BYTES = 32 * MIB;
/** base/byte-source.ts holds 4 MiB of source and of patch each. */
const FILE_PAGES_BYTES = 8 * MIB;
/** bzip2's blocks have 1 to 9 times 100,000 bytes, and undoing one takes 4 bytes for each, and tables. */
const BZIP2_LEVEL_BYTES = 400_000;
const BZIP2_TABLES_BYTES = 512 * 1024;
/** Pages of the segment that a window copies from. */
const SEGMENT_BYTES = 1 * MIB;

/** Seconds per MiB, measured on the nine corpora and rounded up; see the head of this file. */
const SECONDS: Readonly<Record<Algorithm, { readonly target: number; readonly patch: number }>> = {
  BSDIFF: { target: 0.005, patch: 0.15 },
  VCDIFF: { target: 0.003, patch: 0.05 },
  XDELTA3: { target: 0.008, patch: 0.28 },
  ZSTD_DICT: { target: 0.02, patch: 0.04 },
  THEMIS: { target: 0.015, patch: 1.5 },
};
/** Deflating again at level 9 is what costs. */
const ARCHIVE_SECONDS = { target: 0.45, patch: 0.15 };
const DIGEST_SECONDS = 0.002;
/** Until the decoders are compiled; most of what a small file costs. */
const START_SECONDS = 0.15;

/** @throws DeltaError when the patch's headers cannot be read */
export function applyCost(algorithm: Algorithm, patch: ByteSource, sizes: Sizes): ApplyCost {
  const { sourceBytes, targetBytes } = sizes;
  const isArchive = algorithm === "THEMIS" && isArchivePatch(startOf(patch));
  const { target, patch: packed } = isArchive ? ARCHIVE_SECONDS : SECONDS[algorithm];
  const milliseconds =
    1000 *
    (START_SECONDS +
      (DIGEST_SECONDS * sourceBytes + (DIGEST_SECONDS + target) * targetBytes + packed * patch.size) / MIB);
  return { memoryBytes: memoryOf(algorithm, patch, sizes), seconds: Math.ceil(milliseconds) / 1000 };
}

/** What no patch of this algorithm between such files comes below: known before one is made. */
export function leastApplyMemory(algorithm: Algorithm, sizes: Sizes): number {
  if (algorithm === "ZSTD_DICT") return zstdMemory(sizes, 0, 0);
  return PROGRAM_BYTES + FILE_PAGES_BYTES + (algorithm === "THEMIS" ? leastThemisMemory : 0);
}

function memoryOf(algorithm: Algorithm, patch: ByteSource, sizes: Sizes): number {
  switch (algorithm) {
    case "BSDIFF":
      return PROGRAM_BYTES + FILE_PAGES_BYTES + bsdiffStreams(patch, sizes.targetBytes);
    case "VCDIFF":
    case "XDELTA3":
      return PROGRAM_BYTES + FILE_PAGES_BYTES + vcdiffWindows(patch);
    case "THEMIS":
      if (isArchivePatch(startOf(patch))) return archiveMemory(patch);
      return PROGRAM_BYTES + FILE_PAGES_BYTES + themisMemory(readThemisHeader(patch));
    case "ZSTD_DICT": {
      const start = new Uint8Array(Math.min(patch.size, ZSTD_HEADER_BYTES));
      patch.read(0, start);
      return zstdMemory(sizes, readZstdFrame(start).windowBytes, patch.size);
    }
  }
}

function startOf(patch: ByteSource): Uint8Array {
  const start = new Uint8Array(Math.min(patch.size, ARCHIVE_MAGIC.length));
  patch.read(0, start);
  return start;
}

/** What the streams of the source hold, and one of them twice while it is unfolded. */
function archiveMemory(patch: ByteSource): number {
  const { recipe, algorithm, inner } = readArchivePatch(patch);
  const [sourceBytes, targetBytes] = [expandedBytes(recipe.source), expandedBytes(recipe.target)];
  const { parts } = recipe.source;
  const held = parts.reduce((sum, part) => sum + part.contentBytes, 0);
  const unfolding = parts.reduce((most, part) => Math.max(most, part.contentBytes + part.deflatedBytes), 0);
  return held + unfolding + KERNEL_BYTES + memoryOf(algorithm, inner, { sourceBytes, targetBytes });
}

function bsdiffStreams(patch: ByteSource, targetBytes: number): number {
  const { parts } = readBsdiffHeader(patch);
  // Two pieces of 256 KiB: what is made, and the source that is added to it.
  return MIB + Object.values(parts).reduce((sum, part) => sum + streamMemory(patch, part, targetBytes), 0);
}

function streamMemory(patch: ByteSource, { start, end, compressor }: Part, targetBytes: number): number {
  if (compressor === "none") return 0;
  if (compressor === "brotli") return Math.min(brotliWindow(patch, start, end), 24 * targetBytes) + MIB;
  // "BZh" and the digit of the block size; a stream too short for it is refused before it takes anything.
  const magic = new Uint8Array(4);
  if (end - start >= magic.length) patch.read(start, magic);
  const level = magic[3]! >= 0x31 && magic[3]! <= 0x39 ? magic[3]! - 0x30 : 9;
  return level * BZIP2_LEVEL_BYTES + BZIP2_TABLES_BYTES;
}

/** WBITS of RFC 7932, section 9.1, at the start of a stream; large-window streams are refused. */
function brotliWindow(patch: ByteSource, start: number, end: number): number {
  const first = new Uint8Array(1);
  if (end > start) patch.read(start, first);
  const bits = first[0]!;
  if ((bits & 1) === 0) return 2 ** 16;
  const high = (bits >>> 1) & 7;
  if (high !== 0) return 2 ** (17 + high);
  const low = (bits >>> 4) & 7;
  return 2 ** (low === 0 ? 17 : 8 + low);
}

/** Twice, because a buffer that grew is there beside the one it replaced until that is collected. */
function vcdiffWindows(patch: ByteSource): number {
  const { secondary, maxTargetWindow, sectionBytes, decompressedBytes } = describeVcdiff(patch);
  return (
    SEGMENT_BYTES +
    2 * (maxTargetWindow + sectionBytes) +
    (secondary === "lzma" ? lzma(decompressedBytes) : 0)
  );
}

/** One stream and one dictionary for each kind of section, never longer than all that ever comes out. */
function lzma(decompressed: readonly number[]): number {
  const buffers = decompressed.map((bytes) => Math.min(bytes, MAX_DICTIONARY_BYTES + SPARE_BYTES));
  // The longest is there twice while it grows.
  return buffers.reduce((sum, bytes) => sum + bytes, 0) + Math.max(...buffers);
}

function zstdMemory({ sourceBytes, targetBytes }: Sizes, windowBytes: number, patchBytes: number): number {
  return PROGRAM_BYTES + 2 * (sourceBytes + targetBytes) + windowBytes + patchBytes;
}
