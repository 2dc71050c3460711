/**
 * bzip2, the encoder: what decode.ts undoes, block by block.
 *
 * Runs of four and more -> Burrows-Wheeler transform -> move-to-front and run lengths of zeros -> Huffman.
 * Better than the reference encoder only in that Huffman tables are refined a few times more.
 */
import { transform } from "../burrows-wheeler";
import { get } from "../cells";
import { putBits, putWholeBytes } from "./bit-output";
import { canonicalCodes } from "./code-lengths";
import { addCrc, buildCrcTables, combineCrc, CRC_START } from "./crc";
import {
  BLOCK_RESERVE,
  BLOCK_UNIT,
  blockOf,
  CODES_AT,
  COLUMN_AT,
  CRC_AT,
  Encoder,
  FRONT_AT,
  GROUP_SYMBOLS,
  INPUT_AT,
  OUTPUT_AT,
  SELECTORS_AT,
  SUFFIXES_AT,
  SYMBOLS_AT,
  TURNED_AT,
} from "./encoder";
import { chooseTables, lengthsOf, MAX_CODE_BITS } from "./tables";

const MAX_RUN: u32 = 255;
/** What a run adds to a block at most, and one byte more. */
const RUN_ROOM: u32 = 6;

let shared: usize = 0;
let sortWork: usize = 0;

export function openBzip2Work(space: usize, work: usize): void {
  shared = space;
  sortWork = work;
  buildCrcTables(space + CRC_AT);
}

/** Where up to INPUT_BYTES are put before encode() is called. */
export function bzip2Input(): usize {
  return shared + INPUT_AT;
}

/** Where encode() and finishEncoder() leave what they say that they wrote. */
export function bzip2Output(): usize {
  return shared + OUTPUT_AT;
}

/** @param level 1 to 9: how many times 100,000 bytes a block has at most */
export function openEncoder(encoder: Encoder, level: u32): void {
  encoder.buffer = 0;
  encoder.bits = 0;
  encoder.length = 0;
  encoder.runByte = -1;
  encoder.runLength = 0;
  encoder.crc = CRC_START;
  encoder.combined = 0;
  encoder.maxBlock = level * BLOCK_UNIT - BLOCK_RESERVE;
  // "BZh" and the level wait until the first block is written.
  encoder.out = 0;
  encoder.buffer = 0x425a6830 + level;
  encoder.bits = 32;
}

export function encode(encoder: Encoder, length: u32): u32 {
  encoder.out = shared + OUTPUT_AT;
  let at = shared + INPUT_AT;
  const end = at + length;
  let summed = at;
  while (at < end) {
    const byte = <i32>load<u8>(at);
    const stop = endOfRun(at, end);
    if (byte != encoder.runByte) {
      endRun(encoder);
      encoder.runByte = byte;
    }
    while (at < stop) {
      if (encoder.runLength == 0 && encoder.length + RUN_ROOM > encoder.maxBlock) {
        encoder.crc = addCrc(shared + CRC_AT, encoder.crc, summed, <u32>(at - summed));
        summed = at;
        endBlock(encoder);
      }
      const taken = min(<u32>(stop - at), MAX_RUN - encoder.runLength);
      encoder.runLength += taken;
      at += taken;
      if (encoder.runLength == MAX_RUN) endRun(encoder);
    }
  }
  encoder.crc = addCrc(shared + CRC_AT, encoder.crc, summed, <u32>(end - summed));
  return <u32>(encoder.out - (shared + OUTPUT_AT));
}

/** The rest of the stream. */
export function finishEncoder(encoder: Encoder): u32 {
  encoder.out = shared + OUTPUT_AT;
  endRun(encoder);
  putWholeBytes(encoder);
  if (encoder.length > 0) endBlock(encoder);
  putBits(encoder, 0x177245, 24);
  putBits(encoder, 0x385090, 24);
  putBits(encoder, encoder.combined >> 16, 16);
  putBits(encoder, encoder.combined & 0xffff, 16);
  putWholeBytes(encoder);
  if (encoder.bits > 0) {
    putBits(encoder, 0, 8 - encoder.bits);
    putWholeBytes(encoder);
  }
  return <u32>(encoder.out - (shared + OUTPUT_AT));
}

/** Sixteen at a time; at most as far as a run of the format goes. */
function endOfRun(start: usize, end: usize): usize {
  const byte = load<u8>(start);
  const bytes = v128.splat<u8>(byte);
  let at = start + 1;
  for (; at + 16 <= end; at += 16) {
    const differ = ~i8x16.bitmask(i8x16.eq(v128.load(at), bytes)) & 0xffff;
    if (differ != 0) return at + ctz(differ);
  }
  while (at < end && load<u8>(at) == byte) at++;
  return at;
}

/** Four equal bytes are followed by how many more there are. */
function endRun(encoder: Encoder): void {
  const length = encoder.runLength;
  const block = blockOf(encoder) + encoder.length;
  const written = min(4, length);
  for (let i: u32 = 0; i < written; i++) store<u8>(block + i, <u8>encoder.runByte);
  encoder.length += written;
  if (length >= 4) {
    store<u8>(block + 4, <u8>(length - 4));
    encoder.length++;
  }
  encoder.runLength = 0;
}

function endBlock(encoder: Encoder): void {
  const crc = ~encoder.crc;
  const length = encoder.length;
  const column = shared + COLUMN_AT;
  const origin = transform(blockOf(encoder), length, column, shared + TURNED_AT, shared + SUFFIXES_AT, sortWork);
  putWholeBytes(encoder);
  putBits(encoder, 0x314159, 24);
  putBits(encoder, 0x265359, 24);
  putBits(encoder, crc >> 16, 16);
  putBits(encoder, crc & 0xffff, 16);
  putBits(encoder, 0, 1);
  putBits(encoder, origin, 24);
  const alphabet = putAlphabet(encoder, column, length);
  const count = moveToFront(column, length, alphabet);
  const tables = chooseTables(shared, count, alphabet + 2);
  putBits(encoder, tables, 3);
  putSelectors(encoder, (count + GROUP_SYMBOLS - 1) / GROUP_SYMBOLS);
  for (let table: u32 = 0; table < tables; table++) {
    putLengths(encoder, lengthsOf(shared, table), alphabet + 2);
    canonicalCodes(lengthsOf(shared, table), alphabet + 2, MAX_CODE_BITS, codesOf(table));
  }
  for (let start: u32 = 0; start < count; start += GROUP_SYMBOLS) {
    const table = load<u8>(shared + SELECTORS_AT + start / GROUP_SYMBOLS);
    putGroup(encoder, start, min(count, start + GROUP_SYMBOLS), codesOf(table));
  }
  putWholeBytes(encoder);
  encoder.combined = combineCrc(encoder.combined, crc);
  encoder.crc = CRC_START;
  encoder.length = 0;
}

// @ts-ignore: decorator
@inline
function codesOf(table: u32): usize {
  return shared + CODES_AT + <usize>table * 1056;
}

/** Which bytes occur, as two levels of bit maps; they become the front, and how many there are. */
function putAlphabet(encoder: Encoder, column: usize, length: u32): u32 {
  const front = shared + FRONT_AT;
  memory.fill(front, 0, 256);
  for (let i: u32 = 0; i < length; i++) store<u8>(front + load<u8>(column + i), 1);
  let rows: u32 = 0;
  for (let row: u32 = 0; row < 16; row++) rows = rows * 2 + (v128.any_true(v128.load(front + row * 16)) ? 1 : 0);
  putBits(encoder, rows, 16);
  let size: u32 = 0;
  for (let row: u32 = 0; row < 16; row++) {
    if ((rows & (0x8000 >> row)) == 0) continue;
    let bits: u32 = 0;
    for (let i: u32 = 0; i < 16; i++) {
      const used = <u32>load<u8>(front + row * 16 + i);
      bits = bits * 2 + used;
      // Never behind the place that is being read.
      if (used != 0) store<u8>(front + size++, <u8>(row * 16 + i));
    }
    putBits(encoder, bits, 16);
  }
  return size;
}

/** Move-to-front; runs of zeros in bijective base 2 (symbols 0 and 1); an end symbol. */
export function moveToFront(column: usize, length: u32, alphabet: u32): u32 {
  const front = shared + FRONT_AT;
  const end = column + length;
  let symbol = shared + SYMBOLS_AT;
  let first = <u32>load<u8>(front);
  for (let at = column; at < end; ) {
    if (load<u8>(at) == first) {
      const stop = endOfRun(at, end);
      for (let run = <u32>(stop - at); run > 0; run = (run - 1) >> 1) {
        store<u16>(symbol, <u16>((run & 1) ^ 1));
        symbol += 2;
      }
      at = stop;
      continue;
    }
    first = load<u8>(at++);
    const place = placeOf(front, first);
    for (let i = <i32>place; i > 0; i -= 16) v128.store(front + i - 15, v128.load(front + i - 16));
    store<u8>(front, <u8>first);
    store<u16>(symbol, <u16>(place + 1));
    symbol += 2;
  }
  store<u16>(symbol, <u16>(alphabet + 1));
  return <u32>(symbol - (shared + SYMBOLS_AT)) / 2 + 1;
}

/** It is there: every byte of the column is in the alphabet. */
// @ts-ignore: decorator
@inline
function placeOf(front: usize, byte: u32): u32 {
  const bytes = v128.splat<u8>(<u8>byte);
  for (let place: u32 = 0; place < 256; place += 16) {
    const equal = i8x16.bitmask(i8x16.eq(v128.load(front + place), bytes));
    if (equal != 0) return place + ctz(equal);
  }
  return 0;
}

function putSelectors(encoder: Encoder, count: u32): void {
  putBits(encoder, count, 15);
  let front: u32 = 0x543210;
  for (let i: u32 = 0; i < count; i++) {
    const table = <u32>load<u8>(shared + SELECTORS_AT + i);
    let shift: u32 = 0;
    while (((front >> shift) & 15) != table) {
      putBits(encoder, 1, 1);
      shift += 4;
    }
    putBits(encoder, 0, 1);
    front = (front & ~((16 << shift) - 1)) | ((front & ((1 << shift) - 1)) << 4) | table;
  }
}

function putLengths(encoder: Encoder, lengths: usize, symbols: u32): void {
  let length = <u32>load<u8>(lengths);
  putBits(encoder, length, 5);
  for (let symbol: u32 = 0; symbol < symbols; symbol++) {
    const wanted = <u32>load<u8>(lengths + symbol);
    for (; length < wanted; length++) putBits(encoder, 0b10, 2);
    for (; length > wanted; length--) putBits(encoder, 0b11, 2);
    putBits(encoder, 0, 1);
  }
}

export function putGroup(encoder: Encoder, start: u32, end: u32, codes: usize): void {
  for (let i = start; i < end; i++) {
    const code = get(codes, load<u16>(shared + SYMBOLS_AT + (<usize>i << 1)));
    putBits(encoder, code >> 5, code & 31);
  }
}
