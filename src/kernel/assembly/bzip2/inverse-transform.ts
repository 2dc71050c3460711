/**
 * The inverse of the Burrows-Wheeler transform, as links.
 *
 * Rows are the sorted rotations. The n-th row that begins with a byte is followed by the row that has the
 * n-th such byte in its last column; so one pass over the column links every row to the next. A link keeps
 * its row's first byte in its low eight bits, and to follow it costs one read of memory.
 */
import { get, set } from "../cells";

/** @param counts how often each byte occurs in the column; becomes where the rows of each byte end */
export function invertColumn(column: usize, length: u32, counts: usize, links: usize): void {
  let sum: u32 = 0;
  for (let byte: u32 = 0; byte < 256; byte++) {
    const count = get(counts, byte);
    set(counts, byte, sum);
    sum += count;
  }
  linkRows(column, length, counts, links);
}

export function linkRows(column: usize, length: u32, counts: usize, links: usize): void {
  for (let i: u32 = 0; i < length; i++) {
    const byte = <u32>load<u8>(column + i);
    const row = get(counts, byte);
    set(counts, byte, row + 1);
    set(links, row, (i << 8) | byte);
  }
}
