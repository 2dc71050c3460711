/**
 * Suffix array of up to 2^31 - 64 bytes: where each suffix of the text starts, in the suffixes' order.
 *
 *   banana  ->  5 3 1 0 4 2        a, ana, anana, banana, na, nana
 *
 * Two stages (Itoh and Tanaka 1999; Mori's divsufsort showed how far it carries). A suffix is of type B
 * when it is smaller than the next one, else of type A; B* is a B right before an A. At most every second
 * suffix is B*, and once those are sorted two sweeps over the array put all others in place.
 *
 * B* suffixes are sorted as strings up to where the next B* begins (substring-sort.ts), and what is still
 * equal then by the ranks of what follows, in doubling steps (rank-sort.ts). Nothing is quadratic: equal
 * strings are never compared byte by byte more than once, and ranks double.
 *
 * Memory: the text, 4 bytes for each of its bytes, and WORK_BYTES.
 */
import { get, set } from "./cells";
import { rankSort } from "./rank-sort";
import { SORT_BYTES, substringSort } from "./substring-sort";

/** In the first sweep: the suffix before this one is of type A. In the second: it is not. */
export const MARK: u32 = 0x80000000;

const B_COUNTS: usize = 65536 * 4;
const B_STAR_COUNTS: usize = 65536 * 4;
/** By first byte: where its A suffixes go, and behind it where its B suffixes begin. */
const HEADS: usize = 256 * 4;
export const SUFFIX_WORK_BYTES: usize = B_COUNTS + B_STAR_COUNTS + 2 * HEADS + SORT_BYTES;

// @ts-ignore: decorator
@inline
function byte(text: usize, position: u32): u32 {
  return load<u8>(text + position);
}

// @ts-ignore: decorator
@inline
function increment(array: usize, index: u32): void {
  set(array, index, get(array, index) + 1);
}

/** `suffixes` has room for `length` cells, `work` for SUFFIX_WORK_BYTES, 8-byte aligned. */
export function suffixArray(text: usize, length: u32, suffixes: usize, work: usize): void {
  if (length == 0) return;
  if (length == 1) {
    set(suffixes, 0, 0);
    return;
  }
  const ends = work;
  const stars = ends + B_COUNTS;
  const heads = stars + B_STAR_COUNTS;
  memory.fill(work, 0, B_COUNTS + B_STAR_COUNTS + 2 * HEADS);

  const count = collect(text, length, suffixes, ends, stars, heads);
  if (count > 0) sortStars(text, length, suffixes, count, stars, work + (SUFFIX_WORK_BYTES - SORT_BYTES));
  place(suffixes, length, count, ends, stars, heads);
  sweepDown(text, suffixes, ends, heads);
  sweepUp(text, length, suffixes, heads);
}

/** Counts every type by its first bytes, and lists the B* suffixes in text order at the array's end. */
function collect(
  text: usize,
  length: u32,
  suffixes: usize,
  ends: usize,
  stars: usize,
  heads: usize,
): u32 {
  let listed = length;
  let i: i32 = <i32>length - 1;
  let next = byte(text, i);
  increment(heads, next);
  i--;
  while (i >= 0) {
    let here: u32 = 0;
    while (i >= 0) {
      here = byte(text, i);
      if (here < next) break;
      increment(heads, here);
      next = here;
      i--;
    }
    if (i < 0) break;
    increment(stars, (here << 8) | next);
    listed--;
    set(suffixes, listed, i);
    next = here;
    i--;
    while (i >= 0) {
      here = byte(text, i);
      if (here > next) break;
      increment(ends, (here << 8) | next);
      next = here;
      i--;
    }
    if (i < 0) break;
    increment(heads, here);
    next = here;
    i--;
  }
  return length - listed;
}

function sortStars(
  text: usize,
  length: u32,
  suffixes: usize,
  count: u32,
  stars: usize,
  work: usize,
): void {
  const starts = suffixes + ((<usize>(length - count)) << 2);
  // Bucket sort by the first two bytes; the end of each bucket travels down to its start.
  let sum: u32 = 0;
  for (let pair: u32 = 0; pair < 65536; pair++) {
    sum += get(stars, pair);
    set(stars, pair, sum);
  }
  for (let i = count; i > 0; i--) {
    const start = get(starts, i - 1);
    const pair = (byte(text, start) << 8) | byte(text, start + 1);
    const slot = get(stars, pair) - 1;
    set(stars, pair, slot);
    set(suffixes, slot, i - 1);
  }
  let equal: u32 = 0;
  for (let pair: u32 = 0; pair < 65536; pair++) {
    const first = get(stars, pair);
    const last = pair == 65535 ? count : get(stars, pair + 1);
    if (last - first > 1) equal += substringSort(text, length, suffixes, starts, count, first, last, work);
  }
  if (equal == 0) {
    for (let i: u32 = 0; i < count; i++) {
      set(suffixes, i, marked(text, get(starts, get(suffixes, i))));
    }
  } else {
    const ranks = suffixes + ((<usize>count) << 2);
    rankSort(suffixes, ranks, count, work);
    listInOrder(text, length, suffixes, ranks, count);
  }
  // Back to counts.
  for (let pair: u32 = 0; pair < 65536; pair++) {
    const last = pair == 65535 ? count : get(stars, pair + 1);
    set(stars, pair, last - get(stars, pair));
  }
}

// @ts-ignore: decorator
@inline
function marked(text: usize, start: u32): u32 {
  return start > 0 && byte(text, start - 1) > byte(text, start) ? start | MARK : start;
}

/** Ranks stand in text order, and their starts were overwritten: the text is walked once more. */
function listInOrder(text: usize, length: u32, suffixes: usize, ranks: usize, count: u32): void {
  let left = count;
  let i: i32 = <i32>length - 1;
  let next = byte(text, i);
  let ascending = false;
  i--;
  while (i >= 0) {
    const here = byte(text, i);
    if (here < next && !ascending) {
      left--;
      set(suffixes, get(ranks, left), marked(text, i));
    }
    if (here != next) ascending = here < next;
    next = here;
    i--;
  }
}

/** Moves the sorted B* to where they belong, and turns counts into the places where the sweeps write. */
function place(suffixes: usize, length: u32, count: u32, ends: usize, stars: usize, heads: usize): void {
  const middles = heads + HEADS;
  let end = length;
  let left = count;
  for (let first: i32 = 255; first >= 0; first--) {
    for (let second: i32 = 255; second >= first; second--) {
      const pair: u32 = (first << 8) | second;
      const here = get(stars, pair);
      const others = get(ends, pair);
      set(ends, pair, end);
      end -= here + others;
      left -= here;
      if (here > 0) {
        memory.copy(suffixes + ((<usize>end) << 2), suffixes + ((<usize>left) << 2), (<usize>here) << 2);
      }
    }
    set(middles, first, end);
    end -= get(heads, first);
    set(heads, first, end);
  }
}

/** Each B puts the B before it in place, from the largest to the smallest. */
function sweepDown(text: usize, suffixes: usize, ends: usize, heads: usize): void {
  const middles = heads + HEADS;
  for (let first: i32 = 254; first >= 0; first--) {
    const middle = get(middles, first);
    let i = get(heads, first + 1);
    while (i > middle) {
      i--;
      const value = get(suffixes, i);
      if (value & MARK) {
        set(suffixes, i, value ^ MARK);
        continue;
      }
      set(suffixes, i, value | MARK);
      if (value == 0) continue;
      const start = value - 1;
      const here = byte(text, start);
      const pair = (here << 8) | <u32>first;
      const slot = get(ends, pair) - 1;
      set(ends, pair, slot);
      set(suffixes, slot, start > 0 && byte(text, start - 1) > here ? start | MARK : start);
    }
  }
}

/** Each suffix puts the A before it in place, from the smallest to the largest. */
function sweepUp(text: usize, length: u32, suffixes: usize, heads: usize): void {
  const last = length - 1;
  putA(text, last, suffixes, heads);
  for (let i: u32 = 0; i < length; i++) {
    const value = get(suffixes, i);
    if (value & MARK) set(suffixes, i, value ^ MARK);
    else putA(text, value - 1, suffixes, heads);
  }
}

// @ts-ignore: decorator
@inline
function putA(text: usize, start: u32, suffixes: usize, heads: usize): void {
  const here = byte(text, start);
  const slot = get(heads, here);
  set(heads, here, slot + 1);
  set(suffixes, slot, start == 0 || byte(text, start - 1) < here ? start | MARK : start);
}
