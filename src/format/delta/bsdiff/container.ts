/**
 * The three containers that bsdiff's control, diff and extra bytes travel in.
 *
 *   BSDIFF40   magic 8 | control length | diff length | target size | three bzip2 streams
 *   BSDF2      the same, but magic "BSDF2" and a compressor for each stream: 0 none, 1 bzip2, 2 brotli
 *              (Android's bsdiff)
 *   ENDSLEY    "ENDSLEY/BSDIFF43" | target size | one bzip2 stream: triple, its diff, its extra, and so on
 */
import { type ByteSource, readAll } from "../../../base/byte-source.ts";
import { DeltaError } from "../error.ts";
import { readInteger } from "./integer.ts";

export type Container = "bsdiff40" | "bsdf2" | "endsley";
export type Compressor = "none" | "bzip2" | "brotli";

/** A compressed stream within the patch. */
export type Part = { readonly start: number; readonly end: number; readonly compressor: Compressor };

export type BsdiffHeader = {
  readonly container: Container;
  readonly targetSize: number;
  /** ENDSLEY has all three in one. */
  readonly parts:
    | { readonly control: Part; readonly diff: Part; readonly extra: Part }
    | { readonly all: Part };
};

export const BSDIFF40_MAGIC = Buffer.from("BSDIFF40");
export const BSDF2_MAGIC = Buffer.from("BSDF2");
export const ENDSLEY_MAGIC = Buffer.from("ENDSLEY/BSDIFF43");
export const HEADER_BYTES = 32;
export const ENDSLEY_HEADER_BYTES = 24;
export const COMPRESSORS: readonly Compressor[] = ["none", "bzip2", "brotli"];

export function isBsdiff(start: Uint8Array): boolean {
  return [BSDIFF40_MAGIC, BSDF2_MAGIC, ENDSLEY_MAGIC].some((magic) =>
    magic.equals(start.subarray(0, magic.length)),
  );
}

/** @throws DeltaError DELTA_MAGIC, DELTA_TRUNCATED, DELTA_SIZE, DELTA_CORRUPT */
export function readBsdiffHeader(patch: ByteSource): BsdiffHeader {
  const start = readAll({ size: Math.min(patch.size, HEADER_BYTES), read: patch.read });
  if (!isBsdiff(start)) {
    throw new DeltaError("DELTA_MAGIC", "the patch does not start with BSDIFF40, BSDF2 or ENDSLEY/BSDIFF43");
  }
  if (ENDSLEY_MAGIC.equals(start.subarray(0, ENDSLEY_MAGIC.length))) {
    if (start.length < ENDSLEY_HEADER_BYTES) throw inHeader();
    const targetSize = positive(readInteger(start, 16));
    const all: Part = { start: ENDSLEY_HEADER_BYTES, end: patch.size, compressor: "bzip2" };
    return { container: "endsley", targetSize, parts: { all } };
  }
  if (start.length < HEADER_BYTES) throw inHeader();
  const controlBytes = positive(readInteger(start, 8));
  const diffBytes = positive(readInteger(start, 16));
  const targetSize = positive(readInteger(start, 24));
  const diffStart = HEADER_BYTES + controlBytes;
  const extraStart = diffStart + diffBytes;
  if (extraStart > patch.size) {
    throw new DeltaError("DELTA_TRUNCATED", "the patch is shorter than its header says");
  }
  const container = BSDIFF40_MAGIC.equals(start.subarray(0, 8)) ? "bsdiff40" : "bsdf2";
  const compressors = container === "bsdf2" ? [5, 6, 7].map((at) => compressor(start[at]!)) : [];
  const part = (index: number, from: number, end: number): Part => ({
    start: from,
    end,
    compressor: compressors[index] ?? "bzip2",
  });
  return {
    container,
    targetSize,
    parts: {
      control: part(0, HEADER_BYTES, diffStart),
      diff: part(1, diffStart, extraStart),
      extra: part(2, extraStart, patch.size),
    },
  };
}

function compressor(id: number): Compressor {
  const name = COMPRESSORS[id];
  if (!name) throw new DeltaError("DELTA_CORRUPT", `the patch names an unknown compressor, ${id}`);
  return name;
}

function positive(value: number): number {
  if (value < 0) throw new DeltaError("DELTA_SIZE", "the patch has a negative length in its header");
  return value;
}

function inHeader(): DeltaError {
  return new DeltaError("DELTA_TRUNCATED", "the patch ends inside its header");
}
