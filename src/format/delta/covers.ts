/**
 * Which part of the source stands behind each byte of the target, in the memory that is allowed.
 *
 *   the whole source, every 2nd byte indexed    about 4 bytes of memory for each of its bytes
 *   every 4th, 8th, 16th                        2.5, 1.7, 1.4
 *   windows of the source                       as much as there is, where even that is too much
 *
 * A window of the target is compared with the part of the source that stands where it stands in
 * proportion, and as much before and behind as fits: a file that large is a disk image or an archive, whose
 * parts keep their order.
 */
import { type ByteSource, partOf } from "../../base/byte-source.ts";
import {
  CoverKernel,
  type CoverPurpose,
  coverMemory,
  MAX_KERNEL_BYTES,
  windowBytes,
} from "../../kernel/kernel.ts";
import { mebibytes, overLimit } from "./memory-limit.ts";
import { NO_SOURCE } from "./segments.ts";

const STRIDES = [2, 4, 8, 16] as const;
/** In windows: what a smaller stride would find more costs more than a larger window finds. */
const WINDOW_STRIDE = 4;
/** Less of the source at once is not worth a try. */
const LEAST_SOURCE_WINDOW = 8 * 2 ** 20;
/** What the kernel says of a place without a source. */
const NOWHERE = 0xffffffff;
/** Places in the kernel are 32-bit numbers, of both together; memory ends before the source has 3 GiB. */
const MAX_TARGET_WINDOW = 2 ** 30;

export type CoverPlan = {
  readonly stride: number;
  /** How much of each is compared at once, in bytes. */
  readonly sourceWindow: number;
  readonly targetWindow: number;
  readonly memoryBytes: number;
};

export type CoverSizes = {
  /** In bytes. */
  readonly sourceSize: number;
  readonly targetSize: number;
  readonly purpose: CoverPurpose;
  /** What the writer of the patch takes besides. */
  readonly writerBytes: number;
};

/** Whether the best way fits, writing included. */
export function fitsBestWay(sizes: CoverSizes, memoryLimit: number): boolean {
  const { sourceSize, targetSize, purpose, writerBytes } = sizes;
  const wholeTarget = Math.min(targetSize, MAX_TARGET_WINDOW);
  const kernelBytes = coverMemory({ sourceSize, targetSize: wholeTarget, stride: STRIDES[0], purpose });
  return kernelBytes <= MAX_KERNEL_BYTES && writerBytes + kernelBytes <= memoryLimit;
}

/** The best way that fits. @throws ThemisError DIFF_TOO_LARGE when none does */
export function planCovers(sizes: CoverSizes, memoryLimit: number): CoverPlan {
  const { sourceSize, targetSize, purpose, writerBytes } = sizes;
  const limit = Math.min(memoryLimit, MAX_KERNEL_BYTES + writerBytes);
  const plan = (stride: number, sourceWindow: number, targetWindow: number): CoverPlan => ({
    stride,
    sourceWindow,
    targetWindow,
    memoryBytes:
      writerBytes + coverMemory({ sourceSize: sourceWindow, targetSize: targetWindow, stride, purpose }),
  });
  const wholeTarget = Math.min(targetSize, MAX_TARGET_WINDOW);
  for (const stride of STRIDES) {
    const whole = plan(stride, sourceSize, wholeTarget);
    if (whole.memoryBytes <= limit) return whole;
  }
  const least = Math.max(1, Math.min(sourceSize, LEAST_SOURCE_WINDOW));
  let last = Number.POSITIVE_INFINITY;
  for (let window = MAX_KERNEL_BYTES; last > least; window = Math.max(least, Math.floor(window / 1.25))) {
    last = window;
    const sourceWindow = Math.min(sourceSize, window);
    // Half of a source window is common to neighbours.
    const targetWindow = Math.max(1, Math.floor(sourceWindow / 2 / windowBytes())) * windowBytes();
    const windowed = plan(WINDOW_STRIDE, sourceWindow, Math.min(wholeTarget, targetWindow));
    if (windowed.memoryBytes <= limit) return windowed;
  }
  const needed = plan(WINDOW_STRIDE, least, Math.min(wholeTarget, windowBytes())).memoryBytes;
  throw overLimit(`it takes ${mebibytes(needed)} of memory at the least`, limit);
}

/** @throws ThemisError DIFF_TOO_LARGE */
export function* findCovers(
  source: ByteSource,
  target: ByteSource,
  purpose: CoverPurpose,
  plan: CoverPlan,
): Generator<Float64Array> {
  const { stride, sourceWindow, targetWindow } = plan;
  const kernel = new CoverKernel({
    sourceSize: sourceWindow,
    targetSize: Math.min(targetWindow, target.size),
    stride,
    purpose,
  });
  // An index of a window serves the parts of the target that stand there, whichever they are.
  const isWhole = sourceWindow >= source.size;
  let loaded = -1;
  for (let targetStart = 0; targetStart < target.size; targetStart += targetWindow) {
    const targetPart = partOf(target, targetStart, Math.min(targetWindow, target.size - targetStart));
    const sourceStart = placeOf(targetStart + targetPart.size / 2, source.size, target.size, sourceWindow);
    if (sourceStart !== loaded) {
      source.read(sourceStart, kernel.source);
      kernel.index(isWhole ? target : undefined);
      loaded = sourceStart;
    }
    for (const batch of kernel.covers(targetPart)) {
      yield inWhole(batch, { sourceStart, sourceWindow, targetStart, sourceSize: source.size });
    }
  }
}

/** From places in windows to places in the whole files. */
function inWhole(
  batch: Uint32Array,
  at: {
    readonly sourceStart: number;
    readonly sourceWindow: number;
    readonly targetStart: number;
    readonly sourceSize: number;
  },
): Float64Array {
  // A segment that has to be cut in two is rare: there is one for each end of a source's window.
  const found = new Float64Array(2 * batch.length);
  let end = 0;
  const tell = (begin: number, there: number, length: number): void => {
    found[end] = begin;
    found[end + 1] = there;
    found[end + 2] = length;
    end += 3;
  };
  for (let i = 0; i < batch.length; i += 3) {
    const begin = batch[i]! + at.targetStart;
    const [there, length] = [batch[i + 1]!, batch[i + 2]!];
    if (there === NOWHERE) {
      tell(begin, NO_SOURCE, length);
      continue;
    }
    // Behind the end of the source's window stands the target's own, and a copy may run from one into the other.
    const inSource = Math.max(0, Math.min(length, at.sourceWindow - there));
    if (inSource > 0) tell(begin, there + at.sourceStart, inSource);
    if (inSource === length) continue;
    const itself = there + inSource - at.sourceWindow + at.targetStart;
    tell(begin + inSource, at.sourceSize + itself, length - inSource);
  }
  return found.subarray(0, end);
}

/** Where a window of the source begins that has the middle of a target's window in its own middle. */
function placeOf(middle: number, sourceSize: number, targetSize: number, window: number): number {
  const wanted = Math.round((middle / targetSize) * sourceSize - window / 2);
  return Math.max(0, Math.min(sourceSize - window, wanted));
}
