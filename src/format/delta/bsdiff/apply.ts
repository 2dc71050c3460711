/**
 * Applies a patch of the bsdiff family: the target comes forward in pieces, memory stays flat.
 *
 *   control is triples (add, copy, seek): add `add` bytes of diff to the source, copy `copy` bytes of
 *   extra, then move the source position by `seek`, which may be negative.
 *
 * bspatch itself trusts these numbers (CVE-2014-9862, CVE-2020-14315): here every one is bounded before
 * it is used. As in bspatch, source bytes outside of the source count as zero.
 */
import type { ByteSource } from "../../../base/byte-source.ts";
import { DeltaError } from "../error.ts";
import { ByteStream } from "./byte-stream.ts";
import { type BsdiffHeader, readBsdiffHeader } from "./container.ts";
import { readInteger } from "./integer.ts";

const TRIPLE_BYTES = 24;
const PIECE_BYTES = 256 * 1024;
/** A position may leave the source on its way, but no farther than any file is long. */
const MAX_POSITION = 2 ** 47;
const SHORT_BYTES = 64;
/** Of triples that make nothing, beyond one for each byte that was made: nobody writes two in a row. */
const MAX_IDLE = 1024;

export type BsdiffRequest = {
  readonly source: ByteSource;
  readonly patch: ByteSource;
  /** Exactly what the patch must make, in bytes. */
  readonly targetSize: number;
};

type Streams = { readonly control: ByteStream; readonly diff: ByteStream; readonly extra: ByteStream };

/** A piece is valid until the next one is asked for. @throws DeltaError */
export async function* applyBsdiff({ source, patch, targetSize }: BsdiffRequest): AsyncGenerator<Uint8Array> {
  const header = readBsdiffHeader(patch);
  if (header.targetSize !== targetSize) {
    throw new DeltaError(
      "DELTA_TARGET_SIZE",
      `the patch makes ${header.targetSize} bytes, expected ${targetSize}`,
    );
  }
  const streams = openStreams(patch, header, targetSize);
  const all = new Set([streams.control, streams.diff, streams.extra]);
  try {
    yield* followControl(streams, source, targetSize);
    for (const stream of all) await stream.finish();
  } finally {
    for (const stream of all) await stream.close();
  }
}

function openStreams(patch: ByteSource, { parts }: BsdiffHeader, targetSize: number): Streams {
  // Every second triple but a few moves the target forward by at least a byte.
  const controlBytes = TRIPLE_BYTES * (2 * targetSize + MAX_IDLE + 1);
  if ("all" in parts) {
    const stream = new ByteStream(patch, parts.all, controlBytes + targetSize);
    return { control: stream, diff: stream, extra: stream };
  }
  return {
    control: new ByteStream(patch, parts.control, controlBytes),
    diff: new ByteStream(patch, parts.diff, targetSize),
    extra: new ByteStream(patch, parts.extra, targetSize),
  };
}

async function* followControl(
  { control, diff, extra }: Streams,
  source: ByteSource,
  targetSize: number,
): AsyncGenerator<Uint8Array> {
  const pieceBytes = Math.min(PIECE_BYTES, targetSize);
  const piece = new Uint8Array(pieceBytes);
  const added = new Uint8Array(pieceBytes);
  const triple = new Uint8Array(TRIPLE_BYTES);
  let filled = 0;
  let made = 0;
  let position = 0;
  let idle = 0;
  while (made < targetSize) {
    if (!control.takeNow(triple, 0, TRIPLE_BYTES)) await control.take(triple, 0, TRIPLE_BYTES);
    const add = readInteger(triple, 0);
    const copy = readInteger(triple, 8);
    const seek = readInteger(triple, 16);
    if (add < 0 || copy < 0) throw new DeltaError("DELTA_SIZE", "the patch has a negative length");
    if (add > targetSize - made || copy > targetSize - made - add)
      throw new DeltaError("DELTA_SIZE", "the patch writes beyond the end of its target");
    if (add + copy === 0) idle++;
    if (idle > MAX_IDLE + made)
      throw new DeltaError("DELTA_CORRUPT", "the patch goes on without making anything");
    for (let left = add; left > 0; ) {
      const length = Math.min(left, pieceBytes - filled);
      if (!diff.takeNow(piece, filled, length)) await diff.take(piece, filled, length);
      addSource(piece, filled, length, source, position, added);
      position += length;
      filled += length;
      left -= length;
      if (filled === pieceBytes) {
        yield piece;
        filled = 0;
      }
    }
    for (let left = copy; left > 0; ) {
      const length = Math.min(left, pieceBytes - filled);
      if (!extra.takeNow(piece, filled, length)) await extra.take(piece, filled, length);
      filled += length;
      left -= length;
      if (filled === pieceBytes) {
        yield piece;
        filled = 0;
      }
    }
    made += add + copy;
    position += seek;
    if (Math.abs(position) > MAX_POSITION)
      throw new DeltaError("DELTA_OFFSET", "the patch reads far outside of its source");
  }
  if (filled > 0) yield piece.subarray(0, filled);
}

/** Adds the source's bytes from `position` on, where it has any. */
function addSource(
  into: Uint8Array,
  start: number,
  length: number,
  source: ByteSource,
  position: number,
  work: Uint8Array,
): void {
  const first = Math.max(0, -position);
  const last = Math.min(length, source.size - position);
  if (first >= last) return;
  source.read(position + first, work.subarray(0, last - first));
  addBytes(into, start + first, work, last - first);
}

/** Byte by byte modulo 256; four at once from the first boundary of four on. */
function addBytes(into: Uint8Array, start: number, bytes: Uint8Array, length: number): void {
  let i = 0;
  if (length > SHORT_BYTES && start % 4 === 0) {
    const words = length >>> 2;
    const a = new Uint32Array(into.buffer, into.byteOffset + start, words);
    const b = new Uint32Array(bytes.buffer, bytes.byteOffset, words);
    for (let word = 0; word < words; word++) {
      const x = a[word]!;
      const y = b[word]!;
      a[word] = x === 0 ? y : ((x & 0x7f7f7f7f) + (y & 0x7f7f7f7f)) ^ ((x ^ y) & 0x80808080);
    }
    i = words * 4;
  }
  for (; i < length; i++) into[start + i] = into[start + i]! + bytes[i]!;
}
