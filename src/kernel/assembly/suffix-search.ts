/**
 * The longest string of the source that begins at a place of the target, by its sparse index.
 *
 * Most searches find nothing, and a filter of one bit for each hash of the first bytes (Bloom, 1970, with
 * one hash) says so at the cost of one look. For the others a table of the first two bytes narrows the
 * search, the first eight bytes of every 8th suffix narrow it again, both without a look at the source: each
 * look there is a cache miss. What both ends have in common with the target is not compared again (Manber
 * and Myers, 1990).
 */
import { get } from "./cells";
import { minMatch } from "./costs";
import { matchForward } from "./match";
import { PORTION } from "./portion";
import { BLOCK_LOG, openSettled, settle, strideAt } from "./settled";
import { DEPTH, PAIRS_BYTES, sparseIndex } from "./sparse-index";

const SAMPLE_LOG: u32 = 3;
/** Bits of the filter for each suffix, as a power of two. */
const FILTER_LOG: u32 = 3;
const MIN_FILTER_LOG: u32 = 13;

export let foundAt: u32 = 0;

let source: usize = 0;
let sourceSize: u32 = 0;
let suffixes: usize = 0;
let pairs: usize = 0;
let samples: usize = 0;
let filter: usize = 0;
let filterShift: u64 = 0;
/** What a number of eight bytes is shifted by so that the `shortest` first ones stay. */
let keyShift: u64 = 0;
/** How far apart the indexed places of the source are. */
export let stride: u32 = 1;
/** A shorter match is none. */
export let shortest: u32 = 0;

function countOf(size: u32, stride: u32): u32 {
  return size / stride + (size % stride == 0 ? 0 : 1);
}

function samplesBytes(count: u32): usize {
  return ((<usize>(count >> SAMPLE_LOG)) + 1) << 3;
}

function filterLog(count: u32): u32 {
  return max(MIN_FILTER_LOG, 32 - clz(max(count, 2) - 1) + FILTER_LOG - 1);
}

/** In bytes, for a source of `size` bytes, besides the suffixes. */
export function searchBytes(size: u32, stride: u32): f64 {
  const count = countOf(size, stride);
  return <f64>(PAIRS_BYTES + 4) + <f64>samplesBytes(count) + <f64>(1 << (filterLog(count) - 3));
}

/** Before a source that stands at `sourceAt` is sorted. */
export function openSearch(
  sourceAt: usize,
  size: u32,
  indexStride: u32,
  suffixesAt: usize,
  searchAt: usize,
): void {
  source = sourceAt;
  sourceSize = size;
  stride = indexStride;
  suffixes = suffixesAt;
  pairs = searchAt;
  samples = pairs + PAIRS_BYTES + 4;
  filter = samples + samplesBytes(countOf(size, stride));
  // Room that is not in use before the source is sorted.
  openSettled(source, size, samples);
}

/** What part of the target stands at `place`: of what it has as it is, less is indexed. */
export function foresee(place: usize, length: u32): void {
  settle(place, length, suffixes);
}

/** Sorts the source; the result is how many places were indexed. A match that counts is found from the first one in it on. */
export function indexSource(work: usize): u32 {
  const count = sparseIndex(source, sourceSize, stride, suffixes, pairs, work);
  const bits = filterLog(countOf(sourceSize, stride));
  filterShift = 64 - <u64>bits;
  shortest = min(<u32>8, max(<u32>4, minMatch + 1 - stride));
  keyShift = 64 - 8 * <u64>shortest;
  memory.fill(filter, 0, <usize>1 << (bits - 3));
  for (let first: u32 = 0; first < sourceSize; first += PORTION) {
    note(first, first + min(PORTION, sourceSize - first));
  }
  for (let first: u32 = 0; first < count; first += PORTION) sample(first, min(first + PORTION, count));
  return count;
}

function sample(first: u32, end: u32): void {
  for (let i = first; i < end; i += 1 << SAMPLE_LOG) {
    store<u64>(samples + ((<usize>(i >> SAMPLE_LOG)) << 3), firstBytes(get(suffixes, i)));
  }
}

function note(first: u32, end: u32): void {
  for (let block = first; block < end; block += 1 << BLOCK_LOG) {
    const step = strideAt(block, stride);
    const blockEnd = min(block + (1 << BLOCK_LOG), end);
    for (let i = block; i < blockEnd; i += step) {
      const slot = slotOf(source + i);
      const cell = filter + (slot >> 3);
      store<u8>(cell, load<u8>(cell) | (<u8>1 << <u8>(slot & 7)));
    }
  }
}

// @ts-ignore: decorator
@inline
function slotOf(bytes: usize): u32 {
  return <u32>(((load<u64>(bytes) << keyShift) * 0x9e3779b97f4a7c15) >> filterShift);
}

/** Eight bytes as a number, the first one highest; zeros behind the end. */
// @ts-ignore: decorator
@inline
function firstBytes(start: u32): u64 {
  const value = bswap(load<u64>(source + start));
  const left = sourceSize - start;
  return left >= 8 ? value : value & ~((<u64>U64.MAX_VALUE) >> ((<u64>left) << 3));
}

/** Of the samples from `first` to `last`, the first that is not smaller than the key (or larger, if `beyond`). */
function sampleOf(key: u64, first: u32, last: u32, beyond: bool): u32 {
  while (first < last) {
    const middle = (first + last) >> 1;
    const value = load<u64>(samples + ((<usize>middle) << 3));
    if (value < key || (beyond && value == key)) first = middle + 1;
    else last = middle;
  }
  return first;
}

/** Its length, or 0 where the filter knows that it is less than `shortest`; `foundAt` is where in the source. */
export function longestMatch(target: usize, size: u32): u32 {
  if (size < 8) return 0;
  const slot = slotOf(target);
  if (((load<u8>(filter + (slot >> 3)) >> <u8>(slot & 7)) & 1) == 0) return 0;
  const pair = <u32>bswap<u16>(load<u16>(target));
  let low = get(pairs, pair);
  let high = get(pairs, pair + 1);
  if (high <= low) return 0;
  if (high - low > 1 << SAMPLE_LOG) {
    // Samples strictly inside of what the pair left.
    const first = (low >> SAMPLE_LOG) + 1;
    const last = ((high - 1) >> SAMPLE_LOG) + 1;
    const key = bswap(load<u64>(target));
    const notSmaller = sampleOf(key, first, last, false);
    const larger = sampleOf(key, notSmaller, last, true);
    if (notSmaller > first) low = (notSmaller - 1) << SAMPLE_LOG;
    if (larger < last) high = (larger << SAMPLE_LOG) + 1;
  }
  let best: u32 = 0;
  let lowCommon: u32 = 2;
  let highCommon: u32 = 2;
  while (low < high) {
    const middle = low + ((high - low) >> 1);
    const start = get(suffixes, middle);
    // Beyond what the index was sorted by, neighbours promise nothing.
    const known = min(min(lowCommon, highCommon), DEPTH);
    const limit = min(size, sourceSize - start);
    const common = known >= limit
      ? limit
      : known + matchForward(target + known, source + start + known, limit - known);
    if (common > best) {
      best = common;
      foundAt = start;
    }
    if (common == size) return best;
    if (common == sourceSize - start || load<u8>(source + start + common) < load<u8>(target + common)) {
      low = middle + 1;
      lowCommon = common;
    } else {
      high = middle;
      highCommon = common;
    }
  }
  return best;
}
