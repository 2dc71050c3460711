/**
 * The longest string of the source that begins at a place of the target, by its suffix array.
 *
 * A table of the first two bytes narrows the search, the first eight bytes of every 16th suffix narrow it
 * again, both without a look at the source: each look there is a cache miss. What both ends have in common
 * with the target is not compared again (Manber and Myers, 1990).
 */
import { get, set } from "./cells";
import { matchForward } from "./match";

/** For each pair of first bytes, where its suffixes begin, and the end. */
const PAIRS_BYTES: usize = 65537 * 4;

export let foundAt: u32 = 0;

let source: usize = 0;
let sourceSize: u32 = 0;
let suffixes: usize = 0;
let pairs: usize = 0;
let samples: usize = 0;
const SAMPLE_LOG: u32 = 4;

/** In bytes, for a source of `size` bytes. */
export function searchBytes(size: u32): usize {
  return PAIRS_BYTES + 8 + (<usize>((size >> SAMPLE_LOG) + 1) << 3);
}

export function openSearch(sourceAt: usize, size: u32, suffixesAt: usize, work: usize): void {
  source = sourceAt;
  sourceSize = size;
  suffixes = suffixesAt;
  pairs = work;
  samples = work + PAIRS_BYTES + 4;
  memory.fill(pairs, 0, PAIRS_BYTES);
  if (size == 0) return;
  for (let i: u32 = 0; i + 1 < size; i++) {
    const pair = (<u32>load<u8>(source + i) << 8) | load<u8>(source + i + 1);
    set(pairs, pair, get(pairs, pair) + 1);
  }
  // The last byte alone is smaller than any pair that begins with it.
  const alone = <u32>load<u8>(source + size - 1) << 8;
  let sum: u32 = 0;
  for (let pair: u32 = 0; pair < 65536; pair++) {
    if (pair == alone) sum++;
    const here = get(pairs, pair);
    set(pairs, pair, sum);
    sum += here;
  }
  set(pairs, 65536, sum);
  for (let i: u32 = 0; i < size; i += 1 << SAMPLE_LOG) {
    store<u64>(samples + (<usize>(i >> SAMPLE_LOG) << 3), firstBytes(source, get(suffixes, i), size));
  }
}

/** Eight bytes as a number, the first one highest; zeros behind the end. */
// @ts-ignore: decorator
@inline
function firstBytes(text: usize, start: u32, size: u32): u64 {
  const value = bswap(load<u64>(text + start));
  const left = size - start;
  return left >= 8 ? value : value & ~((<u64>U64.MAX_VALUE) >> (<u64>left << 3));
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

/** Its length; `foundAt` is where in the source. */
export function longestMatch(target: usize, size: u32): u32 {
  if (size < 2 || sourceSize == 0) return 0;
  const pair = (<u32>load<u8>(target) << 8) | load<u8>(target + 1);
  const alone = <u32>load<u8>(source + sourceSize - 1) << 8;
  let low = get(pairs, pair);
  let high = get(pairs, pair + 1);
  if (pair + 1 == alone && high > low) high--;
  if (high <= low) return 0;
  if (size >= 8 && high - low > 1 << SAMPLE_LOG) {
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
    const known = min(lowCommon, highCommon);
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
