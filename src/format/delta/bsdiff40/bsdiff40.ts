/**
 * BSDIFF40, the patch format of Colin Percival's bsdiff 4.
 *
 *   "BSDIFF40" | control length | diff length | target size | control bz2 | diff bz2 | extra bz2
 *
 *   control is triples (add, copy, seek): add `add` bytes of diff to the source, copy `copy` bytes of
 *   extra, then move the source position by `seek`, which may be negative.
 *
 * Integers are 8 bytes, little endian, magnitude and sign bit. bspatch itself trusts them (CVE-2014-9862,
 * CVE-2020-14315): here every one is bounded before it is used. As in bspatch, source bytes outside of
 * the source count as zero.
 */
import { decodeBzip2 } from "../bzip2/decode.ts";
import { DeltaError } from "../error.ts";

const MAGIC = Buffer.from("BSDIFF40");
const HEADER_BYTES = 32;
const TRIPLE_BYTES = 24;
/** A position may leave the source on its way, but no farther than any file is long. */
const MAX_POSITION = 2 ** 47;

export type Bsdiff40Header = {
  readonly controlBytes: number;
  readonly diffBytes: number;
  readonly extraBytes: number;
  readonly targetSize: number;
};

export function isBsdiff40(patch: Uint8Array): boolean {
  return MAGIC.equals(patch.subarray(0, MAGIC.length));
}

/** @throws DeltaError DELTA_MAGIC, DELTA_TRUNCATED, DELTA_SIZE */
export function readBsdiff40Header(patch: Uint8Array): Bsdiff40Header {
  if (!isBsdiff40(patch)) throw new DeltaError("DELTA_MAGIC", "the patch does not start with BSDIFF40");
  if (patch.length < HEADER_BYTES)
    throw new DeltaError("DELTA_TRUNCATED", "the patch ends inside its header");
  const [controlBytes, diffBytes, targetSize] = [8, 16, 24].map((at) => readInteger(patch, at)) as [
    number,
    number,
    number,
  ];
  if (controlBytes < 0 || diffBytes < 0 || targetSize < 0) {
    throw new DeltaError("DELTA_SIZE", "the patch has a negative length in its header");
  }
  const extraBytes = patch.length - HEADER_BYTES - controlBytes - diffBytes;
  if (extraBytes < 0) throw new DeltaError("DELTA_TRUNCATED", "the patch is shorter than its header says");
  return { controlBytes, diffBytes, extraBytes, targetSize };
}

/** @throws DeltaError */
export function applyBsdiff40({
  source,
  patch,
  targetSize,
}: {
  readonly source: Uint8Array;
  readonly patch: Uint8Array;
  readonly targetSize: number;
}): Uint8Array {
  const header = readBsdiff40Header(patch);
  if (header.targetSize !== targetSize) {
    throw new DeltaError(
      "DELTA_TARGET_SIZE",
      `the patch makes ${header.targetSize} bytes, expected ${targetSize}`,
    );
  }
  const control = decodeBzip2(
    patch.subarray(HEADER_BYTES, HEADER_BYTES + header.controlBytes),
    maxControlBytes(patch, targetSize),
  );
  const diffStart = HEADER_BYTES + header.controlBytes;
  const diff = decodeBzip2(patch.subarray(diffStart, diffStart + header.diffBytes), targetSize);
  const extra = decodeBzip2(patch.subarray(diffStart + header.diffBytes), targetSize);
  return followControl(control, diff, extra, source, targetSize);
}

function followControl(
  control: Uint8Array,
  diff: Uint8Array,
  extra: Uint8Array,
  source: Uint8Array,
  targetSize: number,
): Uint8Array {
  const target = new Uint8Array(targetSize);
  let at = 0;
  let controlAt = 0;
  let diffAt = 0;
  let extraAt = 0;
  let position = 0;
  while (at < targetSize) {
    if (controlAt + TRIPLE_BYTES > control.length)
      throw new DeltaError("DELTA_TRUNCATED", "the patch ends before its target does");
    const add = readInteger(control, controlAt);
    const copy = readInteger(control, controlAt + 8);
    const seek = readInteger(control, controlAt + 16);
    controlAt += TRIPLE_BYTES;
    if (add < 0 || copy < 0) throw new DeltaError("DELTA_SIZE", "the patch has a negative length");
    if (add > targetSize - at || copy > targetSize - at - add)
      throw new DeltaError("DELTA_SIZE", "the patch writes beyond the end of its target");
    if (add > diff.length - diffAt || copy > extra.length - extraAt)
      throw new DeltaError("DELTA_TRUNCATED", "the patch reads beyond the end of its data");
    addSource(target, at, diff, diffAt, add, source, position);
    at += add;
    diffAt += add;
    position += add;
    target.set(extra.subarray(extraAt, extraAt + copy), at);
    at += copy;
    extraAt += copy;
    position += seek;
    if (Math.abs(position) > MAX_POSITION)
      throw new DeltaError("DELTA_OFFSET", "the patch reads far outside of its source");
  }
  if (controlAt !== control.length || diffAt !== diff.length || extraAt !== extra.length) {
    throw new DeltaError("DELTA_TRAILING", "the patch holds data that nothing uses");
  }
  return target;
}

function addSource(
  target: Uint8Array,
  at: number,
  diff: Uint8Array,
  diffAt: number,
  length: number,
  source: Uint8Array,
  position: number,
): void {
  target.set(diff.subarray(diffAt, diffAt + length), at);
  const first = Math.max(0, -position);
  const last = Math.min(length, source.length - position);
  for (let i = first; i < last; i++) target[at + i] = target[at + i]! + source[position + i]!;
}

/** Every triple but one moves the target forward, or it would be waste: twice that is more than anyone writes. */
function maxControlBytes(patch: Uint8Array, targetSize: number): number {
  return Math.min(TRIPLE_BYTES * (2 * targetSize + 2), Math.max(1 << 20, patch.length * 4096));
}

/** 8 bytes, little endian, sign and magnitude. @throws DeltaError DELTA_SIZE beyond 2^53 - 1 */
function readInteger(bytes: Uint8Array, at: number): number {
  let value = bytes[at + 7]! & 0x7f;
  for (let i = 6; i >= 0; i--) value = value * 256 + bytes[at + i]!;
  if (!Number.isSafeInteger(value))
    throw new DeltaError("DELTA_SIZE", "an integer in the patch exceeds 2^53 - 1");
  return bytes[at + 7]! & 0x80 ? -value : value;
}
