/** One bzip2 stream that is being written, and the work space that all of them share. */

export const BLOCK_UNIT: u32 = 100_000;
/** The reference encoder leaves these bytes of a block free. */
export const BLOCK_RESERVE: u32 = 19;
/** At level 9. */
export const MAX_BLOCK: u32 = 9 * BLOCK_UNIT - BLOCK_RESERVE;
export const MAX_TABLES: u32 = 6;
export const GROUP_SYMBOLS: u32 = 50;
export const MAX_SYMBOLS: u32 = 258;
/** What is taken at once; it ends at most one block of level 9, three of level 1. */
export const INPUT_BYTES: u32 = 256 * 1024;

// @ts-ignore: decorator
@unmanaged
export class Encoder {
  /** Bits that are no whole byte yet, right aligned, and where the next ones go. */
  buffer: u64;
  bits: u32;
  out: usize;
  /** The block so far, and the run of equal bytes that is not yet in it. */
  length: u32;
  maxBlock: u32;
  runByte: i32;
  runLength: u32;
  crc: u32;
  combined: u32;
}

const HEAD_BYTES: usize = 64;
export const ENCODER_BYTES: u32 = <u32>HEAD_BYTES + MAX_BLOCK + 64;

// @ts-ignore: decorator
@inline
export function blockOf(encoder: Encoder): usize {
  return changetype<usize>(encoder) + HEAD_BYTES;
}

/** From the start of the shared work space. */
export const CRC_AT: usize = 0;
export const INPUT_AT: usize = 8192;
export const TURNED_AT: usize = INPUT_AT + <usize>INPUT_BYTES + 64;
export const COLUMN_AT: usize = TURNED_AT + <usize>MAX_BLOCK + 83;
export const SUFFIXES_AT: usize = COLUMN_AT + <usize>MAX_BLOCK + 83;
/** Two bytes each; the suffixes are no longer needed when the symbols are made. */
export const SYMBOLS_AT: usize = SUFFIXES_AT;
export const FRONT_AT: usize = SUFFIXES_AT + 4 * <usize>MAX_BLOCK + 128;
export const SELECTORS_AT: usize = FRONT_AT + 256 + 64;
export const COSTS_AT: usize = SELECTORS_AT + 18_048;
export const WEIGHTS_AT: usize = COSTS_AT + 16 * <usize>MAX_SYMBOLS + 32;
export const LENGTHS_AT: usize = WEIGHTS_AT + <usize>MAX_TABLES * 1056;
export const ORDERS_AT: usize = LENGTHS_AT + <usize>MAX_TABLES * 272;
export const CODES_AT: usize = ORDERS_AT + <usize>MAX_TABLES * 528;
export const CODE_WORK_AT: usize = CODES_AT + <usize>MAX_TABLES * 1056;
/** Two blocks of level 9 at the very most, the one that a portion filled and the last one; of level 1 there are four. */
export const OUTPUT_AT: usize = CODE_WORK_AT + 8192;
export const SHARED_BYTES: u32 = <u32>OUTPUT_AT + 4 * MAX_BLOCK + 128 * 1024;
