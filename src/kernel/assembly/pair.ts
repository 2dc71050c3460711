/**
 * The two files that are compared, and how far a diagonal can be followed in them.
 *
 * The source is here whole, of the target a part that moves on, from `oldest` to `known`. For VCDIFF
 * the target is a source too: a copy may read what its own window has made by then, and places behind the
 * source's end mean that.
 */
import { exact } from "./costs";

/** A copy from the target reads the same window. xdelta3 reads windows of up to 16 MiB. */
export const WINDOW: u32 = 1 << 23;

export let source: usize = 0;
export let sourceSize: u32 = 0;
/** Where the target's first byte would be, if it were still here. */
export let target: usize = 0;
export let targetSize: u32 = 0;
export let oldest: u32 = 0;
export let known: u32 = 0;

export function openPair(sourceAt: usize, size: u32, length: u32): void {
  source = sourceAt;
  sourceSize = size;
  targetSize = length;
  known = 0;
}

/** From `first` to `end` the target stands at `at`. */
export function provideTarget(at: usize, first: u32, end: u32): void {
  target = at - first;
  oldest = first;
  known = end;
}

/** How far a diagonal can be followed from `there`, at most `wanted`: not over the end of what it is in. */
// @ts-ignore: decorator
@inline
export function reachOf(there: u32, position: u32, wanted: u32): u32 {
  if (there < sourceSize) return min(wanted, sourceSize - there);
  // Behind the source lies the target, of which a copy may read what is there by then.
  return exact && there < sourceSize + position && there >= sourceSize + windowStart(position)
    ? min(wanted, windowStart(position) + WINDOW - position)
    : 0;
}

/** Where a place that reachOf allows stands in memory. */
// @ts-ignore: decorator
@inline
export function placeOf(there: u32): usize {
  return exact && there >= sourceSize ? target + (there - sourceSize) : source + there;
}

// @ts-ignore: decorator
@inline
export function windowStart(position: u32): u32 {
  return position & ~(WINDOW - 1);
}

// @ts-ignore: decorator
@inline
export function sourceOf(position: u32, diagonal: u32): u32 {
  return position + diagonal;
}
