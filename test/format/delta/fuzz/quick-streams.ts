/**
 * Streams that decoders take for compressed and that cost next to nothing to make: stored where a format can
 * store, the simplest code where it cannot. So a mutation can be made inside of a stream whose checksums hold.
 */
import { crc32 } from "node:zlib";
import { BitWriter } from "./bit-writer.ts";
import { addCrc, CRC_START, combineCrc, finishCrc } from "./bzip2-crc.ts";

/** Empty after each stream, and used again. */
const bits = new BitWriter();

/** One block, two equal tables in which all codes are equally long. */
export function quickBzip2(bytes: Uint8Array): Uint8Array {
  for (const byte of Buffer.from("BZh1")) bits.write(byte, 8);
  let combined = 0;
  if (bytes.length > 0) {
    const crc = finishCrc(addCrc(CRC_START, bytes, 0, bytes.length));
    combined = combineCrc(combined, crc);
    writeBlock(bytes, crc);
  }
  bits.write(0x177245, 24);
  bits.write(0x385090, 24);
  bits.write32(combined);
  bits.align();
  return bits.take();
}

function writeBlock(bytes: Uint8Array, crc: number): void {
  const { column, origin } = sortRotations(withRuns(bytes));
  const alphabet = [...new Set(column)].sort((a, b) => a - b);
  bits.write(0x314159, 24);
  bits.write(0x265359, 24);
  bits.write32(crc);
  bits.write(0, 1);
  bits.write(origin, 24);
  const rows = Array.from({ length: 16 }, (_, row) => alphabet.filter((byte) => byte >>> 4 === row));
  for (const row of rows) bits.write(row.length > 0 ? 1 : 0, 1);
  for (const row of rows)
    if (row.length > 0)
      bits.write(
        row.reduce((map, byte) => map | (0x8000 >>> (byte & 15)), 0),
        16,
      );
  const symbols = moveToFront(column, alphabet);
  const groups = Math.ceil(symbols.length / 50);
  const codeBits = Math.ceil(Math.log2(alphabet.length + 2));
  bits.write(2, 3);
  bits.write(groups, 15);
  for (let group = 0; group < groups; group++) bits.write(0, 1);
  for (let table = 0; table < 2; table++) {
    bits.write(codeBits, 5);
    for (let symbol = 0; symbol < alphabet.length + 2; symbol++) bits.write(0, 1);
  }
  for (const symbol of symbols) bits.write(symbol, codeBits);
}

/** Four equal bytes are followed by how many more there are. */
function withRuns(bytes: Uint8Array): Uint8Array {
  const block: number[] = [];
  for (let at = 0; at < bytes.length; ) {
    let length = 1;
    while (length < 255 && bytes[at + length] === bytes[at]) length++;
    for (let i = 0; i < Math.min(4, length); i++) block.push(bytes[at]!);
    if (length >= 4) block.push(length - 4);
    at += length;
  }
  return Uint8Array.from(block);
}

/** The Burrows-Wheeler transform, for blocks of a few hundred bytes. */
function sortRotations(block: Uint8Array): { readonly column: Uint8Array; readonly origin: number } {
  const { length } = block;
  const rotations = Array.from({ length }, (_, i) => i).sort((a, b) => {
    for (let i = 0; i < length; i++) {
      const difference = block[(a + i) % length]! - block[(b + i) % length]!;
      if (difference !== 0) return difference;
    }
    return a - b;
  });
  const column = Uint8Array.from(rotations, (start) => block[(start + length - 1) % length]!);
  return { column, origin: rotations.indexOf(0) };
}

function moveToFront(column: Uint8Array, alphabet: readonly number[]): number[] {
  const front = [...alphabet];
  const symbols: number[] = [];
  let run = 0;
  const flush = (): void => {
    for (; run > 0; run = (run - 1) >>> 1) symbols.push((run & 1) ^ 1);
  };
  for (const byte of column) {
    const at = front.indexOf(byte);
    if (at === 0) run++;
    else {
      flush();
      front.splice(at, 1);
      front.unshift(byte);
      symbols.push(at + 1);
    }
  }
  flush();
  return [...symbols, alphabet.length + 1];
}

/** RFC 7932, section 9.2: a window of 64 KiB, one uncompressed meta-block, an empty last one. */
export function quickBrotli(bytes: Uint8Array): Uint8Array {
  if (bytes.length === 0) return Uint8Array.of(6);
  const header = ((bytes.length - 1) << 4) | (1 << 20);
  return Buffer.concat([Uint8Array.of(header, header >>> 8, header >>> 16), bytes, Uint8Array.of(3)]);
}

/** DJW: one group, every code eight bits long and so the byte itself. */
export function quickDjw(bytes: Uint8Array): Uint8Array {
  const out = new Uint8Array(16 + bytes.length);
  let at = 0;
  const write = (value: number, count: number): void => {
    for (let bit = count - 1; bit >= 0; bit--, at++) out[at >>> 3]! |= ((value >>> bit) & 1) << (at & 7);
  };
  write(0, 3);
  write(0, 4);
  // Of the symbols 0 to 6 only these two are used: 0, a run, and 6, the length 8 at its place 5.
  for (const length of [1, 0, 0, 0, 0, 0, 1]) write(length, 4);
  // Once 8 itself, then runs of 1 + 2 + 4 + … + 128 = 255 more.
  write(1, 1);
  write(0, 8);
  for (const byte of bytes) write(byte, 8);
  return out.subarray(0, Math.ceil(at / 8));
}

/** One .xz stream in portions of stored LZMA2 chunks, with neither check nor end, as xdelta3 has it. */
export class QuickXz {
  #started = false;

  portion(bytes: Uint8Array): Uint8Array {
    const size = bytes.length - 1;
    const chunk = Buffer.concat([Uint8Array.of(this.#started ? 2 : 1, size >>> 8, size), bytes]);
    if (this.#started) return chunk;
    this.#started = true;
    const header = Uint8Array.of(0xfd, 0x37, 0x7a, 0x58, 0x5a, 0, 0, 0, 0, 0, 0, 0);
    const block = Uint8Array.of(2, 0, 0x21, 1, 16, 0, 0, 0, 0, 0, 0, 0);
    return Buffer.concat([proveXz(Buffer.concat([header, block])), chunk]);
  }
}

/** Makes the CRC-32 of the stream's header and of the first block's right again. */
export function proveXz(bytes: Uint8Array): Uint8Array {
  const proven = Buffer.from(bytes);
  if (proven.length < 13) return proven;
  proven.writeUInt32LE(crc32(proven.subarray(6, 8)), 8);
  const end = 12 + (proven[12]! + 1) * 4;
  if (end > 16 && end <= proven.length) proven.writeUInt32LE(crc32(proven.subarray(12, end - 4)), end - 4);
  return proven;
}
