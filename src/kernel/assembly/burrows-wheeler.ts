/**
 * The Burrows-Wheeler transform of bzip2: the last bytes of all rotations of a block, in order.
 *
 * A block turned to its least rotation is a Lyndon word or a power of one, and of those the suffixes are in
 * the same order as the rotations (Giancarlo, Restivo, Sciortino 2007). So one suffix array does.
 */
import { get } from "./cells";
import { suffixArray } from "./suffix-array";

/** Writes `length` bytes to `column`; the result is the place of the block itself among the rotations. */
export function transform(
  block: usize,
  length: u32,
  column: usize,
  turned: usize,
  suffixes: usize,
  work: usize,
): u32 {
  const start = leastRotation(block, length);
  memory.copy(turned, block + start, length - start);
  memory.copy(turned + (length - start), block, start);
  memory.fill(turned + length, 0, 16);
  suffixArray(turned, length, suffixes, work);
  const itself = start == 0 ? 0 : length - start;
  let origin: u32 = 0;
  for (let i: u32 = 0; i < length; i++) {
    const suffix = get(suffixes, i);
    if (suffix == itself) origin = i;
    store<u8>(column + i, load<u8>(turned + (suffix == 0 ? length : suffix) - 1));
  }
  return origin;
}

/** Where the smallest rotation begins; linear (Booth 1980, in its form with two fingers). */
function leastRotation(block: usize, length: u32): u32 {
  let a: u32 = 0;
  let b: u32 = 1;
  let common: u32 = 0;
  while (a < length && b < length && common < length) {
    let i = a + common;
    let j = b + common;
    if (i >= length) i -= length;
    if (j >= length) j -= length;
    const x = load<u8>(block + i);
    const y = load<u8>(block + j);
    if (x == y) {
      common++;
      continue;
    }
    if (x > y) a += common + 1;
    else b += common + 1;
    if (a == b) b++;
    common = 0;
  }
  return min(a, b);
}
