/**
 * bzip2, the encoder: what decode.ts undoes, block by block.
 *
 * The Burrows-Wheeler transform is handed in, because it needs a suffix sorter and the format does not.
 * Better than the reference encoder only in that Huffman tables are refined a few times more.
 */
import { BitWriter } from "./bit-writer.ts";
import { canonicalCodes, codeLengths } from "./code-lengths.ts";
import { addCrc, CRC_START, combineCrc, finishCrc } from "./crc.ts";

/** Of all rotations of the block in order: their last bytes, and which of them is the block itself. */
export type Transform = (block: Uint8Array) => { readonly column: Uint8Array; readonly origin: number };

const LEVEL = 9;
/** The reference encoder leaves these 19 bytes free. */
export const MAX_BLOCK = LEVEL * 100_000 - 19;
const GROUP_SYMBOLS = 50;
const MAX_CODE_BITS = 17;
const ROUNDS = 10;
const MAX_RUN = 255;

export class Bzip2Encoder {
  readonly #transform: Transform;
  readonly #bits = new BitWriter();
  readonly #block = new Uint8Array(MAX_BLOCK + 8);
  #length = 0;
  #runByte = -1;
  #runLength = 0;
  #crc = CRC_START;
  #combined = 0;

  constructor(transform: Transform) {
    this.#transform = transform;
    for (const byte of [0x42, 0x5a, 0x68, 0x30 + LEVEL]) this.#bits.write(byte, 8);
  }

  push(bytes: Uint8Array): void {
    let crcFrom = 0;
    for (let i = 0; i < bytes.length; ) {
      const byte = bytes[i]!;
      let end = i + 1;
      while (end < bytes.length && bytes[end] === byte) end++;
      if (byte !== this.#runByte) {
        this.#flushRun();
        this.#runByte = byte;
      }
      for (let left = end - i; left > 0; ) {
        if (this.#runLength === 0 && this.#length + 6 > MAX_BLOCK) {
          this.#crc = addCrc(this.#crc, bytes, crcFrom, end - left);
          crcFrom = end - left;
          this.#endBlock();
        }
        const taken = Math.min(left, MAX_RUN - this.#runLength);
        this.#runLength += taken;
        left -= taken;
        if (this.#runLength === MAX_RUN) this.#flushRun();
      }
      i = end;
    }
    this.#crc = addCrc(this.#crc, bytes, crcFrom, bytes.length);
  }

  /** What is complete so far. */
  take(): Uint8Array {
    return this.#bits.take();
  }

  /** The rest of the stream. */
  finish(): Uint8Array {
    this.#flushRun();
    if (this.#length > 0) this.#endBlock();
    this.#bits.write(0x177245, 24);
    this.#bits.write(0x385090, 24);
    this.#bits.write32(this.#combined);
    this.#bits.align();
    return this.#bits.take();
  }

  /** Four equal bytes are followed by how many more there are. */
  #flushRun(): void {
    const length = this.#runLength;
    const written = Math.min(4, length);
    this.#block.fill(this.#runByte, this.#length, this.#length + written);
    this.#length += written;
    if (length >= 4) this.#block[this.#length++] = length - 4;
    this.#runLength = 0;
  }

  #endBlock(): void {
    const block = this.#block.subarray(0, this.#length);
    const crc = finishCrc(this.#crc);
    const { column, origin } = this.#transform(block);
    writeBlock(this.#bits, column, origin, crc);
    this.#combined = combineCrc(this.#combined, crc);
    this.#crc = CRC_START;
    this.#length = 0;
  }
}

function writeBlock(bits: BitWriter, column: Uint8Array, origin: number, crc: number): void {
  bits.write(0x314159, 24);
  bits.write(0x265359, 24);
  bits.write32(crc);
  bits.write(0, 1);
  bits.write(origin, 24);
  const alphabet = writeAlphabet(bits, column);
  const symbols = moveToFront(column, alphabet);
  const { lengths, selectors } = chooseTables(symbols, alphabet.length + 2);
  bits.write(lengths.length, 3);
  writeSelectors(bits, selectors, lengths.length);
  for (const table of lengths) writeLengths(bits, table);
  const codes = lengths.map(canonicalCodes);
  for (let i = 0; i < symbols.length; i++) {
    const table = selectors[Math.floor(i / GROUP_SYMBOLS)]!;
    bits.write(codes[table]![symbols[i]!]!, lengths[table]![symbols[i]!]!);
  }
}

/** Which bytes occur, as two levels of bit maps. */
function writeAlphabet(bits: BitWriter, column: Uint8Array): Uint8Array {
  const used = new Uint8Array(256);
  for (const byte of column) used[byte] = 1;
  const rows = Array.from({ length: 16 }, (_, row) => used.subarray(row * 16, row * 16 + 16));
  for (const row of rows) bits.write(row.includes(1) ? 1 : 0, 1);
  for (const row of rows) if (row.includes(1)) for (const bit of row) bits.write(bit, 1);
  return Uint8Array.from(Array.from(used.keys()).filter((byte) => used[byte] === 1));
}

/** Move-to-front; runs of zeros in bijective base 2 (symbols 0 and 1); an end symbol. */
function moveToFront(column: Uint8Array, alphabet: Uint8Array): Uint16Array {
  const front = Uint8Array.from(alphabet);
  const symbols = new Uint16Array(column.length + 1);
  let count = 0;
  let run = 0;
  const flush = (): void => {
    for (; run > 0; run = (run - 1) >>> 1) symbols[count++] = (run & 1) ^ 1;
  };
  for (const byte of column) {
    if (front[0] === byte) {
      run++;
      continue;
    }
    flush();
    let at = 1;
    let moved = front[0]!;
    for (; front[at] !== byte; at++) {
      const here = front[at]!;
      front[at] = moved;
      moved = here;
    }
    front[at] = moved;
    front[0] = byte;
    symbols[count++] = at + 1;
  }
  flush();
  symbols[count++] = alphabet.length + 1;
  return symbols.subarray(0, count);
}

/** Two to six tables, each group of 50 symbols on the one that suits it best, refined in rounds. */
function chooseTables(
  symbols: Uint16Array,
  alphabetSize: number,
): { readonly lengths: readonly Uint8Array[]; readonly selectors: Uint8Array } {
  const count = symbols.length;
  const tables = count < 200 ? 2 : count < 600 ? 3 : count < 1200 ? 4 : count < 2400 ? 5 : 6;
  let lengths = firstTables(symbols, alphabetSize, tables);
  const groups = Math.ceil(count / GROUP_SYMBOLS);
  const selectors = new Uint8Array(groups);
  for (let round = 0; round < ROUNDS; round++) {
    const weights = lengths.map(() => new Float64Array(alphabetSize));
    for (let group = 0; group < groups; group++) {
      const start = group * GROUP_SYMBOLS;
      const end = Math.min(count, start + GROUP_SYMBOLS);
      let best = 0;
      let bestBits = Number.POSITIVE_INFINITY;
      for (let table = 0; table < tables; table++) {
        const costs = lengths[table]!;
        let total = 0;
        for (let i = start; i < end; i++) total += costs[symbols[i]!]!;
        if (total < bestBits) {
          bestBits = total;
          best = table;
        }
      }
      selectors[group] = best;
      const weight = weights[best]!;
      for (let i = start; i < end; i++) weight[symbols[i]!]!++;
    }
    lengths = weights.map((weight) => codeLengths(weight, MAX_CODE_BITS));
  }
  return { lengths, selectors };
}

/** To begin with, each table likes its own part of the alphabet, cut by equal frequency. */
function firstTables(symbols: Uint16Array, alphabetSize: number, tables: number): Uint8Array[] {
  const frequency = new Float64Array(alphabetSize);
  for (const symbol of symbols) frequency[symbol]!++;
  let start = 0;
  let left = symbols.length;
  return Array.from({ length: tables }, (_, table) => {
    const wanted = left / (tables - table);
    let end = start;
    let sum = 0;
    while (end < alphabetSize && (sum < wanted || end === start)) sum += frequency[end++]!;
    if (table === tables - 1) end = alphabetSize;
    const lengths = new Uint8Array(alphabetSize).fill(15).fill(0, start, end);
    start = end;
    left -= sum;
    return lengths;
  });
}

function writeSelectors(bits: BitWriter, selectors: Uint8Array, tables: number): void {
  bits.write(selectors.length, 15);
  const front = Array.from({ length: tables }, (_, i) => i);
  for (const table of selectors) {
    const at = front.indexOf(table);
    for (let i = 0; i < at; i++) bits.write(1, 1);
    bits.write(0, 1);
    front.splice(at, 1);
    front.unshift(table);
  }
}

function writeLengths(bits: BitWriter, lengths: Uint8Array): void {
  let length = lengths[0]!;
  bits.write(length, 5);
  for (const wanted of lengths) {
    for (; length < wanted; length++) bits.write(0b10, 2);
    for (; length > wanted; length--) bits.write(0b11, 2);
    bits.write(0, 1);
  }
}
