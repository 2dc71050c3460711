/**
 * VCDIFF (RFC 3284), the decoder: a source and a patch in, the target out, front to back.
 *
 *   d6 c3 c4 00 00 | window | window | …
 *
 * Reads what the RFC describes and what its two large writers add: xdelta3 (application header, Adler-32,
 * secondary compression) and open-vcdiff (version "S", interleaved sections). The target is never held as
 * a whole: one window at a time, at most 64 MiB, and nothing in the patch can make it more.
 */
import type { ByteSource } from "../../../base/byte-source.ts";
import { readFileHeader } from "./file-header.ts";
import { PatchReader } from "./patch-reader.ts";
import { decodeWindows } from "./windows.ts";

export type VcdiffRequest = {
  readonly source: ByteSource;
  readonly patch: ByteSource;
  /** Gives back the target as far as it was yielded; asked only by windows with VCD_TARGET. */
  readonly written: ByteSource;
  /** Exactly what the patch must make, in bytes. */
  readonly targetSize: number;
};

/**
 * Yields the target in pieces, each valid until the next is asked for.
 *
 * @throws DeltaError for a patch that is malformed, or that makes more or less than `targetSize`
 */
export function* decodeVcdiff({ source, patch, written, targetSize }: VcdiffRequest): Generator<Uint8Array> {
  const reader = new PatchReader(patch);
  const header = readFileHeader(reader);
  yield* decodeWindows(reader, header, { source, written, targetSize, end: patch.size });
}
