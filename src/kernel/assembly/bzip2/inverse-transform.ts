/**
 * The inverse of the Burrows-Wheeler transform, as links.
 *
 * Rows are the sorted rotations. The n-th row that begins with a byte is followed by the row that has the
 * n-th such byte in its last column; so one pass over the column links every row to the next. A cell keeps
 * its row's last byte in its low eight bits and the link above them: a step costs one read of memory.
 */
import { get, set } from "../cells";

/** @param counts how often each byte occurs in the column; becomes where the rows of each byte end */
export function linkRows(cells: usize, length: u32, counts: usize): void {
  let sum: u32 = 0;
  for (let byte: u32 = 0; byte < 256; byte++) {
    const count = get(counts, byte);
    set(counts, byte, sum);
    sum += count;
  }
  for (let i: u32 = 0; i < length; i++) {
    const byte = get(cells, i) & 0xff;
    const row = get(counts, byte);
    set(counts, byte, row + 1);
    set(cells, row, get(cells, row) | (i << 8));
  }
}
