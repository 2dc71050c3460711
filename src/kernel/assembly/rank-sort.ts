/**
 * Sorts what is still equal by the ranks of what follows, one B* further, then two, four, eight …
 *
 * Larsson and Sadakane, "Faster suffix sorting" (1999): a group of equal suffixes shares the rank of its
 * last place; sorted runs are skipped by their length. At most log2(count) rounds, each over what is not
 * yet sorted.
 */
import { get, set } from "./cells";
import { CACHED, middle, sortNumbers } from "./sort";
import { EQUAL } from "./substring-sort";

/** A run of sorted suffixes: the mark and its length, in its first cell. */
const SORTED: u32 = 0x80000000;

let suffixes: usize = 0;
let ranks: usize = 0;
let count: u32 = 0;
let numbers: usize = 0;
let step: u32 = 1;

/** Leaves in `ranks` the place of each B* suffix, in text order; `suffixes` is used up. */
export function rankSort(suffixesAt: usize, ranksAt: usize, starCount: u32, work: usize): void {
  suffixes = suffixesAt;
  ranks = ranksAt;
  count = starCount;
  numbers = work;
  firstRanks();
  for (step = 1; get(suffixes, 0) != (SORTED | count); step *= 2) {
    let sorted: u32 = 0;
    let i: u32 = 0;
    while (i < count) {
      const value = get(suffixes, i);
      if (value & SORTED) {
        sorted += value ^ SORTED;
        i += value ^ SORTED;
        continue;
      }
      if (sorted > 0) set(suffixes, i - sorted, SORTED | sorted);
      sorted = 0;
      const end = get(ranks, value) + 1;
      sortGroup(i, end);
      i = end;
    }
    if (sorted > 0) set(suffixes, count - sorted, SORTED | sorted);
  }
}

/** From marks to ranks. */
function firstRanks(): void {
  let last = count - 1;
  for (let i = count; i > 0; ) {
    i--;
    const value = get(suffixes, i);
    const index = value & ~EQUAL;
    set(ranks, index, last);
    if (value & EQUAL) {
      set(suffixes, i, index);
    } else {
      set(suffixes, i, last == i ? SORTED | 1 : index);
      last = i - 1;
    }
  }
}

/** What a suffix is sorted by: the rank of what follows; the end of the text is smaller than anything. */
// @ts-ignore: decorator
@inline
function key(index: u32): u32 {
  const next = index + step;
  return next < count ? get(ranks, next) + 1 : 0;
}

function sortGroup(first: u32, last: u32): void {
  while (last - first > CACHED) {
    const pivot = pivotOf(first, last);
    let low = first;
    let high = last;
    for (let i = first; i < high; ) {
      const index = get(suffixes, i);
      const value = key(index);
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
    // Ranks tell the three parts apart before any of them is cut further; the last keeps what it has.
    for (let i = first; i < low; i++) set(ranks, get(suffixes, i), low - 1);
    setGroup(low, high);
    if (low - first > last - high) {
      sortGroup(high, last);
      last = low;
    } else {
      sortGroup(first, low);
      first = high;
    }
  }
  if (last > first) sortCached(first, last);
}

function sortCached(first: u32, last: u32): void {
  const size = last - first;
  for (let i: u32 = 0; i < size; i++) {
    const index = get(suffixes, first + i);
    store<u64>(numbers + ((<usize>i) << 3), ((<u64>key(index)) << 32) | index);
  }
  sortNumbers(numbers, size);
  for (let i: u32 = 0; i < size; i++) {
    set(suffixes, first + i, <u32>load<u64>(numbers + ((<usize>i) << 3)));
  }
  let start: u32 = 0;
  while (start < size) {
    const value = load<u64>(numbers + ((<usize>start) << 3)) >> 32;
    let end = start + 1;
    while (end < size && load<u64>(numbers + ((<usize>end) << 3)) >> 32 == value) end++;
    setGroup(first + start, first + end);
    start = end;
  }
}

// @ts-ignore: decorator
@inline
function setGroup(first: u32, last: u32): void {
  if (last == first) return;
  for (let i = first; i < last; i++) set(ranks, get(suffixes, i), last - 1);
  if (last - first == 1) set(suffixes, first, SORTED | 1);
}

function pivotOf(first: u32, last: u32): u32 {
  const half = first + ((last - first) >> 1);
  return <u32>middle(key(get(suffixes, first)), key(get(suffixes, half)), key(get(suffixes, last - 1)));
}
