/**
 * Ascending order of distinct 64-bit numbers, in place.
 *
 * The suffix sorter packs what it compares into the high bits and whose it is into the low ones, so that
 * one cache-friendly sort serves all of its stages. Introsort (Musser, 1997): quicksort, a heap when it
 * goes wrong, insertion for the small ends.
 */
const SMALL: u32 = 16;

/** Of a group no larger than this the suffix sorters keep all numbers in the cache. */
export const CACHED: u32 = 65536;

// @ts-ignore: decorator
@inline
function at(keys: usize, index: u32): u64 {
  return load<u64>(keys + ((<usize>index) << 3));
}

// @ts-ignore: decorator
@inline
function put(keys: usize, index: u32, value: u64): void {
  store<u64>(keys + ((<usize>index) << 3), value);
}

export function sortNumbers(keys: usize, count: u32): void {
  if (count > 1) quick(keys, 0, count, 2 * (32 - clz(count)));
}

function quick(keys: usize, start: u32, end: u32, depth: u32): void {
  while (end - start > SMALL) {
    if (depth == 0) {
      heap(keys + ((<usize>start) << 3), end - start);
      return;
    }
    depth--;
    const pivot = middle(at(keys, start), at(keys, start + ((end - start) >> 1)), at(keys, end - 1));
    let low = start;
    let high = end - 1;
    while (true) {
      while (at(keys, low) < pivot) low++;
      while (at(keys, high) > pivot) high--;
      if (low >= high) break;
      const swapped = at(keys, low);
      put(keys, low, at(keys, high));
      put(keys, high, swapped);
      low++;
      high--;
    }
    const cut = low;
    if (cut - start < end - cut) {
      quick(keys, start, cut, depth);
      start = cut;
    } else {
      quick(keys, cut, end, depth);
      end = cut;
    }
  }
  insertion(keys, start, end);
}

/** The middle one of three. */
// @ts-ignore: decorator
@inline
export function middle(a: u64, b: u64, c: u64): u64 {
  return a < b ? (b < c ? b : a < c ? c : a) : a < c ? a : b < c ? c : b;
}

// @ts-ignore: decorator
@inline
function insertion(keys: usize, start: u32, end: u32): void {
  for (let i = start + 1; i < end; i++) {
    const value = at(keys, i);
    let j = i;
    while (j > start && at(keys, j - 1) > value) {
      put(keys, j, at(keys, j - 1));
      j--;
    }
    put(keys, j, value);
  }
}

function heap(keys: usize, count: u32): void {
  for (let i = count >> 1; i > 0; i--) sift(keys, i - 1, count);
  for (let end = count - 1; end > 0; end--) {
    const largest = at(keys, 0);
    put(keys, 0, at(keys, end));
    put(keys, end, largest);
    sift(keys, 0, end);
  }
}

function sift(keys: usize, root: u32, count: u32): void {
  const value = at(keys, root);
  while (true) {
    let child: u32 = 2 * root + 1;
    if (child >= count) break;
    if (child + 1 < count && at(keys, child + 1) > at(keys, child)) child++;
    if (at(keys, child) <= value) break;
    put(keys, root, at(keys, child));
    root = child;
  }
  put(keys, root, value);
}
