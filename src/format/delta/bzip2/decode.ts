/**
 * bzip2, the decoder (Julian Seward's format 1.0; neither Node nor its zlib has it).
 *
 *   "BZh9" | block* | end mark + combined CRC
 *   block:  CRC, origPtr, symbols in use, Huffman tables, selectors, Huffman coded MTF and run lengths
 *
 * The work is done in the kernel. Output comes in pieces and is bounded; both CRCs are checked. Randomised
 * blocks (unused since 0.9.5) are refused.
 */
import type { ByteSource } from "../../../base/byte-source.ts";
import { DeviceKernel } from "../../../kernel/device-kernel.ts";
import { refuse } from "../refusal.ts";

/**
 * Decodes exactly one stream, which fills the patch from `start` to `end`; flat in memory (about 5 MB).
 *
 * A piece is valid until the next one is asked for.
 *
 * @param maxBytes refuse to make more than this
 * @throws DeltaError DELTA_MAGIC, DELTA_TRUNCATED, DELTA_CORRUPT, DELTA_SIZE, DELTA_TRAILING
 */
export function* decodeBzip2(
  patch: ByteSource,
  { start, end, maxBytes }: { readonly start: number; readonly end: number; readonly maxBytes: number },
): Generator<Uint8Array> {
  const read = streamReader(patch, start, end);
  const kernel = DeviceKernel.take({ readStream: (_, into) => read(into), refuse });
  try {
    kernel.openBzip2(maxBytes);
    for (let piece = kernel.nextPiece(); piece !== undefined; piece = kernel.nextPiece()) yield piece;
  } finally {
    kernel.giveBack();
  }
}

/** Gives out what lies between, each byte once. */
export function streamReader(patch: ByteSource, start: number, end: number): (into: Uint8Array) => number {
  let at = start;
  return (into) => {
    const length = Math.min(into.length, end - at);
    patch.read(at, into.subarray(0, length));
    at += length;
    return length;
  };
}
