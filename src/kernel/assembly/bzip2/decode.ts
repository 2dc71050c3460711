/**
 * bzip2, the decoder: a piece of about 32 KiB for each call, in constant memory.
 *
 * A block is undone from the outside in: Huffman -> run lengths of zeros and move-to-front -> inverse
 * Burrows-Wheeler transform -> run lengths of four. Nothing here is longer than its block may be, and a
 * stream ends no later than its input does.
 */
import { refuse } from "../device/calls";
import { CRC_TABLES } from "../device/places";
import {
  BZIP2_ALPHABET,
  BZIP2_BLOCK_CRC,
  BZIP2_BLOCK_MARK,
  BZIP2_CODE,
  BZIP2_FEW_SELECTORS,
  BZIP2_LEVEL,
  BZIP2_LONG_BLOCK,
  BZIP2_MAGIC,
  BZIP2_NO_SELECTORS,
  BZIP2_ORIGIN,
  BZIP2_RANDOMISED,
  BZIP2_RUN,
  BZIP2_SELECTOR,
  BZIP2_STREAM_CRC,
  BZIP2_TABLES,
  BZIP2_TRAILING,
  STREAM_TOO_LONG,
} from "../device/refusals";
import { fillBytes } from "../device/bytes";
import { get, set } from "../cells";
import { isAtEnd, isOverrun, prepareGroup, refuseOverrun, takeBits } from "./bits";
import { addCrc, combineCrc, CRC_START } from "./crc";
import { buildTable, FAST_BITS, lengthsOf, MAX_CODE_BITS, slowCode } from "./huffman";
import { linkRows } from "./inverse-transform";
import {
  countsOf,
  frontOf,
  GROUP_SYMBOLS,
  inputOf,
  linksOf,
  MAX_SELECTORS,
  MAX_TABLES,
  PIECE_BYTES,
  pieceOf,
  selectorsOf,
  Stream,
  tableOf,
} from "./stream";

const LEVEL_BYTES: u32 = 100_000;

/** Makes a stream new; it stays at its place. */
export function openBzip2(stream: Stream, index: u32, maxBytes: f64): void {
  memory.fill(changetype<usize>(stream), 0, offsetof<Stream>());
  stream.index = index;
  stream.maxBytes = <u64>maxBytes;
  stream.at = inputOf(stream);
  stream.end = stream.at;
}

/** The next piece, at `pieceAt` to `pieceEnd`; its length, which is 0 at the end of the stream only. */
export function nextPiece(stream: Stream): u32 {
  if (stream.finished) return 0;
  if (!stream.opened) readHead(stream);
  if (stream.left == 0 && !openBlock(stream)) return 0;
  const piece = pieceOf(stream);
  const length = undoRuns(stream);
  stream.pieceAt = piece;
  stream.pieceEnd = piece + length;
  stream.made += length;
  if (stream.made > stream.maxBytes) refuse(STREAM_TOO_LONG);
  stream.crc = addCrc(CRC_TABLES, stream.crc, piece, length);
  if (stream.left == 0) {
    if (~stream.crc != stream.blockCrc) refuse(BZIP2_BLOCK_CRC);
    stream.combined = combineCrc(stream.combined, stream.blockCrc);
  }
  return length;
}

function readHead(stream: Stream): void {
  // "BZh", byte by byte, so that a stream that is cut is called cut.
  if (takeBits(stream, 8) != 0x42 || takeBits(stream, 8) != 0x5a || takeBits(stream, 8) != 0x68) {
    refuse(BZIP2_MAGIC);
  }
  const level = takeBits(stream, 8) - 0x30;
  if (level < 1 || level > 9) refuse(BZIP2_LEVEL);
  stream.maxBlock = level * LEVEL_BYTES;
  stream.opened = true;
}

/** Reads a block up to where its bytes can be given away; says no at the end of the stream. */
function openBlock(stream: Stream): bool {
  const high = takeBits(stream, 24);
  const low = takeBits(stream, 24);
  const top = takeBits(stream, 16);
  const crc = (top << 16) | takeBits(stream, 16);
  if (high == 0x177245 && low == 0x385090) {
    if (crc != stream.combined) refuse(BZIP2_STREAM_CRC);
    if (!isAtEnd(stream)) refuse(BZIP2_TRAILING);
    stream.finished = true;
    return false;
  }
  if (high != 0x314159 || low != 0x265359) refuse(BZIP2_BLOCK_MARK);
  stream.blockCrc = crc;
  stream.crc = CRC_START;
  if (takeBits(stream, 1) != 0) refuse(BZIP2_RANDOMISED);
  const origin = takeBits(stream, 24);
  readAlphabet(stream);
  const tables = takeBits(stream, 3);
  if (tables < 2 || tables > MAX_TABLES) refuse(BZIP2_TABLES);
  const selectors = readSelectors(stream, tables);
  for (let i: u32 = 0; i < tables; i++) readTable(stream, tableOf(stream, i));
  readColumn(stream, selectors);
  if (origin >= stream.length) refuse(BZIP2_ORIGIN);
  linkRows(linksOf(stream), stream.length, countsOf(stream));
  stream.row = get(linksOf(stream), origin) >> 8;
  stream.left = stream.length;
  stream.previous = -1;
  stream.repeated = 0;
  return true;
}

/** Which bytes occur, as two levels of bit maps. */
function readAlphabet(stream: Stream): void {
  const front = frontOf(stream);
  const used = takeBits(stream, 16);
  let size: u32 = 0;
  for (let high: u32 = 0; high < 16; high++) {
    if ((used & (0x8000 >> high)) == 0) continue;
    const row = takeBits(stream, 16);
    for (let low: u32 = 0; low < 16; low++) {
      if ((row & (0x8000 >> low)) != 0) store<u8>(front + size++, <u8>(high * 16 + low));
    }
  }
  if (size == 0) refuse(BZIP2_ALPHABET);
  stream.alphabetSize = size;
}

/** Which table each group of 50 symbols uses, move-to-front coded in unary. */
function readSelectors(stream: Stream, tables: u32): u32 {
  const count = takeBits(stream, 15);
  if (count == 0) refuse(BZIP2_NO_SELECTORS);
  const selectors = selectorsOf(stream);
  // Four bits for each table, the most recently used one lowest.
  let front: u32 = 0x543210;
  for (let i: u32 = 0; i < count; i++) {
    let at: u32 = 0;
    while (takeBits(stream, 1) == 1) if (++at >= tables) refuse(BZIP2_SELECTOR);
    const shift = at * 4;
    const table = (front >> shift) & 15;
    const below = front & ((1 << shift) - 1);
    front = (front & ~((16 << shift) - 1)) | (below << 4) | table;
    // Some writers pad with selectors beyond what a block can use; the reference decoder drops them.
    if (i < MAX_SELECTORS) store<u8>(selectors + i, <u8>table);
  }
  return min(count, MAX_SELECTORS);
}

/** Lengths travel as differences: "10" one more, "11" one less, "0" done. */
function readTable(stream: Stream, table: usize): void {
  const symbols = stream.alphabetSize + 2;
  const lengths = lengthsOf(table);
  let length = takeBits(stream, 5);
  for (let symbol: u32 = 0; symbol < symbols; symbol++) {
    for (;;) {
      if (length < 1 || length > MAX_CODE_BITS) refuse(BZIP2_CODE);
      if (takeBits(stream, 1) == 0) break;
      length += takeBits(stream, 1) == 0 ? 1 : -1;
    }
    store<u8>(lengths + symbol, <u8>length);
  }
  buildTable(table, symbols);
}

/** Huffman, zero runs and move-to-front: fills the last column. */
function readColumn(stream: Stream, selectors: u32): void {
  memory.fill(countsOf(stream), 0, 1024);
  stream.length = 0;
  stream.run = 0;
  stream.weight = 1;
  for (let group: u32 = 0; group < selectors; group++) {
    prepareGroup(stream);
    const table = tableOf(stream, load<u8>(selectorsOf(stream) + group));
    const reason = readGroup(stream, table);
    // A code that ends behind the end of the stream is no code, whatever it says.
    refuseOverrun(stream);
    if (reason == GROUP_END) return;
    if (reason != GROUP_MORE) refuse(<u32>reason);
  }
  refuse(BZIP2_FEW_SELECTORS);
}

const GROUP_MORE: i32 = -1;
const GROUP_END: i32 = -2;

/** 50 symbols; what follows them, or why the block is refused. */
export function readGroup(stream: Stream, table: usize): i32 {
  const front = frontOf(stream);
  const counts = countsOf(stream);
  const column = linksOf(stream);
  const maxBlock = stream.maxBlock;
  const end = stream.alphabetSize + 1;
  let buffer = stream.buffer;
  let bits = stream.bits;
  let at = stream.at;
  let length = stream.length;
  let run = stream.run;
  let weight = stream.weight;
  let answer = GROUP_MORE;
  for (let i: u32 = 0; i < GROUP_SYMBOLS; i++) {
    if (bits < MAX_CODE_BITS) {
      buffer = (buffer << 32) | load<u32>(at);
      at += 4;
      bits += 32;
    }
    const window = <u32>(buffer >> (bits - MAX_CODE_BITS)) & ((1 << MAX_CODE_BITS) - 1);
    let entry: u32 = load<u16>(table + (<usize>(window >> (MAX_CODE_BITS - FAST_BITS)) << 1));
    if (entry == 0) {
      entry = slowCode(table, window);
      if (entry == 0) {
        answer = BZIP2_CODE;
        break;
      }
    }
    bits -= entry & 31;
    const symbol = entry >> 5;
    if (symbol <= 1) {
      run += weight << symbol;
      weight *= 2;
      if (run > maxBlock) {
        answer = BZIP2_RUN;
        break;
      }
      continue;
    }
    if (run > 0) {
      if (length + run > maxBlock) {
        answer = BZIP2_LONG_BLOCK;
        break;
      }
      const byte = load<u8>(front);
      fillCells(column + (<usize>length << 2), byte, run);
      set(counts, byte, get(counts, byte) + run);
      length += run;
      run = 0;
      weight = 1;
    }
    if (symbol == end) {
      answer = GROUP_END;
      break;
    }
    if (length >= maxBlock) {
      answer = BZIP2_LONG_BLOCK;
      break;
    }
    const byte = moveToFront(front, symbol - 1);
    set(column, length++, byte);
    set(counts, byte, get(counts, byte) + 1);
  }
  stream.buffer = buffer;
  stream.bits = bits;
  stream.at = at;
  stream.length = length;
  stream.run = run;
  stream.weight = weight;
  return answer;
}

// @ts-ignore: decorator
@inline
function fillCells(cells: usize, value: u32, count: u32): void {
  const four = v128.splat<u32>(value);
  for (let i: u32 = 0; i < count; i += 4) v128.store(cells + (<usize>i << 2), four);
}

/** Those before it move back by one, sixteen at a time from behind; what spills falls before the front. */
// @ts-ignore: decorator
@inline
function moveToFront(front: usize, place: u32): u32 {
  const byte = load<u8>(front + place);
  for (let i = <i32>place; i > 0; i -= 16) v128.store(front + i - 15, v128.load(front + i - 16));
  store<u8>(front, byte);
  return byte;
}

/** Follows the links and undoes the outer runs: four equal bytes are followed by how many more there are. */
export function undoRuns(stream: Stream): u32 {
  const links = linksOf(stream);
  const piece = pieceOf(stream);
  const stop = piece + PIECE_BYTES;
  let row = stream.row;
  let left = stream.left;
  let previous = stream.previous;
  let repeated = stream.repeated;
  let out = piece;
  // A run is begun before the end of the piece and may reach 255 bytes beyond.
  while (left > 0 && out < stop) {
    const entry = get(links, row);
    const byte = entry & 0xff;
    row = entry >> 8;
    left--;
    if (repeated == 4) {
      fillBytes(out, <u32>previous, byte);
      out += byte;
      repeated = 0;
      previous = -1;
      continue;
    }
    store<u8>(out++, <u8>byte);
    repeated = <i32>byte == previous ? repeated + 1 : 1;
    previous = byte;
  }
  stream.row = row;
  stream.left = left;
  stream.previous = previous;
  stream.repeated = repeated;
  return <u32>(out - piece);
}
