/**
 * Canonical Huffman codes of up to 20 bits, decoded by a table of the first 10 and by length beyond.
 *
 *   fast     for each 10 bits: symbol * 32 + length, or 0 when the code is longer
 *   limits   for each length: the first code that is too large for it, left aligned to 20 bits
 *   firsts   for each length: what to add to a code to find its place among the symbols
 */
import { refuse } from "../device/calls";
import { BZIP2_CODE } from "../device/refusals";
import { get, set } from "../cells";

export const MAX_CODE_BITS: u32 = 20;
export const FAST_BITS: u32 = 10;
export const MAX_SYMBOLS: u32 = 258;

export const LIMITS: usize = 2 << <usize>FAST_BITS;
export const FIRSTS: usize = LIMITS + 4 * 24;
export const SYMBOLS: usize = FIRSTS + 4 * 24;
const LENGTHS: usize = SYMBOLS + 2 * 264;
export const TABLE_BYTES: u32 = <u32>(LENGTHS + 264);

// @ts-ignore: decorator
@inline
export function lengthsOf(table: usize): usize {
  return table + LENGTHS;
}

/** From `lengthsOf(table)`, each of them 1 to 20; refuses more codes of a length than there can be. */
export function buildTable(table: usize, symbols: u32): void {
  memory.fill(table, 0, LIMITS);
  let code: u32 = 0;
  let index: u32 = 0;
  for (let length: u32 = 1; length <= MAX_CODE_BITS; length++) {
    set(table + FIRSTS, length, index - code);
    for (let symbol: u32 = 0; symbol < symbols; symbol++) {
      if (load<u8>(table + LENGTHS + symbol) != length) continue;
      if (code >= <u32>1 << length) {
        refuse(BZIP2_CODE);
        return;
      }
      if (length <= FAST_BITS) {
        const shift = FAST_BITS - length;
        const entry = <u16>(symbol * 32 + length);
        for (let i = code << shift; i < (code + 1) << shift; i++) store<u16>(table + (<usize>i << 1), entry);
      }
      store<u16>(table + SYMBOLS + (<usize>index << 1), <u16>symbol);
      index++;
      code++;
    }
    set(table + LIMITS, length, code << (MAX_CODE_BITS - length));
    code *= 2;
  }
}

/** For codes longer than the fast table's: symbol * 32 + length, or 0 when there is no such code. */
export function slowCode(table: usize, window: u32): u32 {
  for (let length = FAST_BITS + 1; length <= MAX_CODE_BITS; length++) {
    if (window >= get(table + LIMITS, length)) continue;
    const index = (window >> (MAX_CODE_BITS - length)) + get(table + FIRSTS, length);
    return <u32>load<u16>(table + SYMBOLS + (<usize>index << 1)) * 32 + length;
  }
  return 0;
}
