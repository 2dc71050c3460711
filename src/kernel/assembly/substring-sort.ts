/**
 * Sorts B* suffixes of one bucket by their text up to the next B*, and a little beyond.
 *
 * Six bytes of text and the place within the group make one 64-bit number, so that a group is read from
 * the text once a level and then sorted in the cache. Groups too large for that are first cut in three.
 * What stays equal is marked as equal to its predecessor; the number of such marks is the result.
 *
 * A substring ends with the two bytes of the next B*. Of two suffixes that are equal up to the end of one's
 * substring, the one whose substring ends there is smaller: its last byte begins an A, the other's a B.
 */
import { get, set } from "./cells";
import { CACHED, middle, sortNumbers } from "./sort";

/** Equal to the suffix before it, as far as it was compared. */
export const EQUAL: u32 = 0x80000000;

const KEY_BYTES: u32 = 6;
/** Looking a little further than the substring settles most ties at once. */
const MIN_DEPTH: u32 = 26;

/** Work memory: the numbers, and a copy of the group. */
export const SORT_BYTES: usize = <usize>CACHED * 8 + <usize>CACHED * 4;

let text: usize = 0;
let length: u32 = 0;
let suffixes: usize = 0;
let starts: usize = 0;
let count: u32 = 0;
let numbers: usize = 0;
let copies: usize = 0;
/** Where the group that is in the cache begins. */
let base: u32 = 0;
let equals: u32 = 0;

export function substringSort(
  textAt: usize,
  textLength: u32,
  suffixesAt: usize,
  startsAt: usize,
  starCount: u32,
  first: u32,
  last: u32,
  work: usize,
): u32 {
  text = textAt;
  length = textLength;
  suffixes = suffixesAt;
  starts = startsAt;
  count = starCount;
  numbers = work;
  copies = work + <usize>CACHED * 8;
  equals = 0;
  // The first two bytes are the bucket's.
  sortGroup(first, last, 2);
  return equals;
}

/** The next bytes of a suffix as one number, the first byte highest; zeros behind the text. */
// @ts-ignore: decorator
@inline
function key(index: u32, depth: u32): u64 {
  const position = get(starts, index) + depth;
  return position < length ? bswap(load<u64>(text + position)) >> 16 : 0;
}

function sortGroup(first: u32, last: u32, depth: u32): void {
  while (last - first > CACHED) {
    const pivot = pivotOf(first, last, depth);
    let low = first;
    let high = last;
    for (let i = first; i < high; ) {
      const index = get(suffixes, i);
      const value = key(index, depth);
      if (value < pivot) {
        set(suffixes, i, get(suffixes, low));
        set(suffixes, low, index);
        low++;
        i++;
      } else if (value > pivot) {
        high--;
        set(suffixes, i, get(suffixes, high));
        set(suffixes, high, index);
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
      if (depth >= MIN_DEPTH) first = settle(first, last, depth);
    } else {
      sortEquals(low, high, depth + KEY_BYTES);
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

function sortEquals(first: u32, last: u32, depth: u32): void {
  if (last - first < 2) return;
  sortGroup(depth >= MIN_DEPTH ? settle(first, last, depth) : first, last, depth);
}

function sortCached(first: u32, last: u32, depth: u32): void {
  const size = last - first;
  const keys = numbers + ((<usize>(first - base)) << 3);
  const copy = copies + ((<usize>(first - base)) << 2);
  for (let i: u32 = 0; i < size; i++) {
    const index = get(suffixes, first + i);
    set(copy, i, index);
    store<u64>(keys + ((<usize>i) << 3), (key(index, depth) << 16) | i);
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
    if (end - start > 1) {
      let from = first + start;
      if (depth + KEY_BYTES >= MIN_DEPTH) from = settle(from, first + end, depth + KEY_BYTES);
      if (first + end - from > 1) sortCached(from, first + end, depth + KEY_BYTES);
    }
    start = end;
  }
}

/**
 * Of suffixes that are equal so far, those whose substring has ended come first, the shortest first, and
 * are marked. The result is where those begin that must be compared further.
 */
function settle(first: u32, last: u32, depth: u32): u32 {
  while (first < last) {
    let shortest: u32 = U32.MAX_VALUE;
    let end = first;
    for (let i = first; i < last; i++) {
      const index = get(suffixes, i);
      const reach = substring(index, depth);
      if (reach > shortest) continue;
      if (reach < shortest) {
        shortest = reach;
        end = first;
      }
      set(suffixes, i, get(suffixes, end));
      set(suffixes, end, index);
      end++;
    }
    if (shortest > depth) return first;
    for (let i = first + 1; i < end; i++) set(suffixes, i, get(suffixes, i) | EQUAL);
    equals += end - first - 1;
    first = end;
  }
  return last;
}

/** How long the substring is, its last two bytes included; the text's last one has no end but the text's. */
// @ts-ignore: decorator
@inline
function substring(index: u32, depth: u32): u32 {
  const start = get(starts, index);
  if (index + 1 < count) return get(starts, index + 1) + 2 - start;
  return depth >= length - start ? 0 : depth + 1;
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
