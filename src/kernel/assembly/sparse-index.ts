/**
 * The suffixes that begin at every `stride`-th byte of a text, in the order of their first 128 bytes; of
 * settled blocks (settled.ts) far fewer.
 *
 *   stride 2, banana  ->  0 4 2        ba…, na, nana
 *
 * A match of some length begins at most `stride - 1` bytes before one of these places, so that a search at
 * each byte of the target still finds it; the index takes 4 / stride bytes for each byte of the text.
 *
 * Multikey quicksort (Bentley and Sedgewick, 1997) in steps of six bytes: six bytes of text and the place
 * within the group make one 64-bit number, so that a group is read from the text once a step and sorted in
 * the cache. Groups too large for that are first cut in three. What is equal for 128 bytes stays as it
 * stands: a search among those still finds a match of 128 bytes, and no text, however it repeats, costs
 * more than the 21 steps. Time is linear in the text but for the logarithm of a group's size.
 */
import { get, set } from "./cells";
import { PORTION } from "./portion";
import { BLOCK_LOG, strideAt } from "./settled";
import { CACHED, middle, sortNumbers } from "./sort";

const KEY_BYTES: u32 = 6;
const BLOCK: u32 = 1 << BLOCK_LOG;
export const DEPTH: u32 = 128;
/** The first two bytes choose the bucket. */
const BUCKETS: u32 = 65536;

/** For each pair of first bytes, where its suffixes begin, and the end. */
export const PAIRS_BYTES: usize = (<usize>BUCKETS + 1) * 4;
/** Work memory: the numbers, and a copy of the group. */
export const INDEX_WORK_BYTES: usize = <usize>CACHED * 12;

let text: usize = 0;
let length: u32 = 0;
let suffixes: usize = 0;
let numbers: usize = 0;
let copies: usize = 0;
/** Where the group that is in the cache begins. */
let base: u32 = 0;

/**
 * Fills `suffixesAt` with at most ceil(size / stride) places, and `pairs`; the result is how many.
 * Zeros stand behind the text, and its settled blocks are known.
 */
export function sparseIndex(
  textAt: usize,
  size: u32,
  stride: u32,
  suffixesAt: usize,
  pairs: usize,
  work: usize,
): u32 {
  text = textAt;
  length = size;
  suffixes = suffixesAt;
  numbers = work;
  copies = work + <usize>CACHED * 8;
  distribute(stride, pairs);
  for (let pair: u32 = 0; pair < BUCKETS; pair++) {
    const first = get(pairs, pair);
    const last = get(pairs, pair + 1);
    if (last - first > 1) sortGroup(first, last, 2);
  }
  return get(pairs, BUCKETS);
}

/** Counting sort by the first two bytes; the end of each bucket travels down to its start. */
function distribute(stride: u32, pairs: usize): void {
  memory.fill(pairs, 0, PAIRS_BYTES);
  if (length == 0) return;
  for (let first: u32 = 0; first < length; first += PORTION) {
    countPairs(first, first + min(PORTION, length - first), stride, pairs);
  }
  let sum: u32 = 0;
  for (let pair: u32 = 0; pair <= BUCKETS; pair++) {
    sum += get(pairs, pair);
    set(pairs, pair, sum);
  }
  // From the last portion to the first, so that a bucket is in the order of the text.
  for (let portion = (length - 1) / PORTION + 1; portion > 0; portion--) {
    const first = (portion - 1) * PORTION;
    placeSuffixes(first, first + min(PORTION, length - first), stride, pairs);
  }
}

function countPairs(first: u32, end: u32, stride: u32, pairs: usize): void {
  for (let block = first; block < end; block += BLOCK) {
    const step = strideAt(block, stride);
    const blockEnd = min(block + BLOCK, end);
    for (let i = block; i < blockEnd; i += step) {
      const pair = pairAt(i);
      set(pairs, pair, get(pairs, pair) + 1);
    }
  }
}

function placeSuffixes(first: u32, end: u32, stride: u32, pairs: usize): void {
  for (let block = (end - 1) & ~(BLOCK - 1); ; block -= BLOCK) {
    const step = strideAt(block, stride);
    for (let i = <i32>((min(BLOCK, end - block) - 1) / step * step); i >= 0; i -= <i32>step) {
      const pair = pairAt(block + i);
      const slot = get(pairs, pair) - 1;
      set(pairs, pair, slot);
      set(suffixes, slot, block + i);
    }
    if (block == first) return;
  }
}

// @ts-ignore: decorator
@inline
function pairAt(position: u32): u32 {
  return bswap<u16>(load<u16>(text + position));
}

/** The next bytes of a suffix as one number, the first byte highest; zeros behind the text. */
// @ts-ignore: decorator
@inline
function key(position: u32, depth: u32): u64 {
  const at = position + depth;
  return at < length ? bswap(load<u64>(text + at)) >> 16 : 0;
}

function sortGroup(first: u32, last: u32, depth: u32): void {
  while (last - first > CACHED) {
    if (depth >= DEPTH) return;
    const pivot = pivotOf(first, last, depth);
    let low = first;
    let high = last;
    for (let i = first; i < high; ) {
      const position = get(suffixes, i);
      const value = key(position, depth);
      if (value < pivot) {
        set(suffixes, i, get(suffixes, low));
        set(suffixes, low, position);
        low++;
        i++;
      } else if (value > pivot) {
        high--;
        set(suffixes, i, get(suffixes, high));
        set(suffixes, high, position);
      } else i++;
    }
    const below = low - first;
    const same = high - low;
    const above = last - high;
    // The largest part goes on in this loop: recursion is as deep as the logarithm of the size.
    if (same >= below && same >= above) {
      sortGroup(first, low, depth);
      sortGroup(high, last, depth);
      depth += KEY_BYTES;
      first = low;
      last = high;
    } else {
      sortGroup(low, high, depth + KEY_BYTES);
      if (below > above) {
        sortGroup(high, last, depth);
        last = low;
      } else {
        sortGroup(first, low, depth);
        first = high;
      }
    }
  }
  if (last - first > 1) {
    base = first;
    sortCached(first, last, depth);
  }
}

function sortCached(first: u32, last: u32, depth: u32): void {
  if (depth >= DEPTH) return;
  const size = last - first;
  if (size == 2) {
    sortTwo(first, depth);
    return;
  }
  const keys = numbers + ((<usize>(first - base)) << 3);
  const copy = copies + ((<usize>(first - base)) << 2);
  for (let i: u32 = 0; i < size; i++) {
    const position = get(suffixes, first + i);
    set(copy, i, position);
    store<u64>(keys + ((<usize>i) << 3), (key(position, depth) << 16) | i);
  }
  sortNumbers(keys, size);
  for (let i: u32 = 0; i < size; i++) {
    set(suffixes, first + i, get(copy, <u32>(load<u64>(keys + ((<usize>i) << 3)) & 0xffff)));
  }
  let start: u32 = 0;
  while (start < size) {
    const value = load<u64>(keys + ((<usize>start) << 3)) >> 16;
    let end = start + 1;
    while (end < size && load<u64>(keys + ((<usize>end) << 3)) >> 16 == value) end++;
    if (end - start > 1) sortCached(first + start, first + end, depth + KEY_BYTES);
    start = end;
  }
}

/** Most groups are of two: no number is made for them. */
// @ts-ignore: decorator
@inline
function sortTwo(first: u32, depth: u32): void {
  const a = get(suffixes, first);
  const b = get(suffixes, first + 1);
  for (; depth < DEPTH; depth += KEY_BYTES) {
    const x = key(a, depth);
    const y = key(b, depth);
    if (x == y) continue;
    if (x > y) {
      set(suffixes, first, b);
      set(suffixes, first + 1, a);
    }
    return;
  }
}

function pivotOf(first: u32, last: u32, depth: u32): u64 {
  const step = (last - first) / 9;
  const a = middle(at(first, 0, step, depth), at(first, 1, step, depth), at(first, 2, step, depth));
  const b = middle(at(first, 3, step, depth), at(first, 4, step, depth), at(first, 5, step, depth));
  const c = middle(at(first, 6, step, depth), at(first, 7, step, depth), at(first, 8, step, depth));
  return middle(a, b, c);
}

// @ts-ignore: decorator
@inline
function at(first: u32, nth: u32, step: u32, depth: u32): u64 {
  return key(get(suffixes, first + nth * step), depth);
}
