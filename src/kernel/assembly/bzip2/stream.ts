/**
 * One bzip2 stream on its way: what is read of it, the block that is being undone, and the piece it became.
 *
 * All of it lies in one stretch of memory, the parts one behind the other in the order they are named.
 */
import { MAX_CODE_BITS, TABLE_BYTES } from "./huffman";

export const MAX_TABLES: u32 = 6;
/** A block of 900,000 symbols in groups of 50, and two more that some writers add. */
export const MAX_SELECTORS: u32 = 18002;
export const GROUP_SYMBOLS: u32 = 50;
const MAX_BLOCK: u32 = 900_000;

/** More than a group of the longest codes takes, so that within a group nobody looks for the end. */
export const GROUP_BYTES: u32 = (GROUP_SYMBOLS * MAX_CODE_BITS) / 8 + 16;
export const INPUT_BYTES: u32 = 16 * 1024;
/** What is given away at once; a block of zeros alone may hold 46 MB. */
export const PIECE_BYTES: u32 = 32 * 1024;

// @ts-ignore: decorator
@unmanaged
export class Stream {
  /** Its number outside. */
  index: u32;
  /** Bits: the next ones right aligned in `buffer`, then words at `at`; real bytes end at `end`. */
  bits: u32;
  buffer: u64;
  at: usize;
  end: usize;
  ended: bool;
  opened: bool;
  finished: bool;
  maxBlock: u32;
  /** The block: its checksum as it stands in the stream, and of what was made so far. */
  blockCrc: u32;
  crc: u32;
  combined: u32;
  alphabetSize: u32;
  length: u32;
  run: u32;
  weight: u32;
  /** Undoing it: the row that is next, how many are left, and the run of equal bytes so far. */
  row: u32;
  left: u32;
  previous: i32;
  repeated: u32;
  /** The piece: where it may be taken from and where it ends. */
  pieceAt: usize;
  pieceEnd: usize;
  made: u64;
  maxBytes: u64;
}

const HEAD_BYTES: usize = 256;
const TABLES: usize = HEAD_BYTES;
const SELECTORS: usize = TABLES + <usize>(MAX_TABLES * TABLE_BYTES);
const FRONT: usize = (SELECTORS + <usize>MAX_SELECTORS + 31) & ~15;
const COUNTS: usize = FRONT + 256 + 16;
const INPUT: usize = COUNTS + 1024;
const PIECE: usize = INPUT + <usize>(INPUT_BYTES + GROUP_BYTES + 64);
const LINKS: usize = (PIECE + <usize>PIECE_BYTES + 512 + 15) & ~15;
export const STREAM_BYTES: u32 = <u32>((LINKS + 4 * <usize>MAX_BLOCK + 64 + 255) & ~255);

// @ts-ignore: decorator
@inline
export function tableOf(stream: Stream, index: u32): usize {
  return changetype<usize>(stream) + TABLES + <usize>(index * TABLE_BYTES);
}
// @ts-ignore: decorator
@inline
export function selectorsOf(stream: Stream): usize {
  return changetype<usize>(stream) + SELECTORS;
}
/** Bytes by how recently they were used; 16 bytes before it may be overwritten. */
// @ts-ignore: decorator
@inline
export function frontOf(stream: Stream): usize {
  return changetype<usize>(stream) + FRONT;
}
// @ts-ignore: decorator
@inline
export function countsOf(stream: Stream): usize {
  return changetype<usize>(stream) + COUNTS;
}
// @ts-ignore: decorator
@inline
export function inputOf(stream: Stream): usize {
  return changetype<usize>(stream) + INPUT;
}
// @ts-ignore: decorator
@inline
export function pieceOf(stream: Stream): usize {
  return changetype<usize>(stream) + PIECE;
}
/** The last column of the block in the low eight bits of its cells, then also the links of its rows. */
// @ts-ignore: decorator
@inline
export function linksOf(stream: Stream): usize {
  return changetype<usize>(stream) + LINKS;
}
