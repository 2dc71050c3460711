/**
 * DJW, xdelta3's own compressor: semi-adaptive Huffman codes with several tables (after bzip2).
 *
 *   groups - 1 (3 bits) | [sector size / 5 - 1 (5 bits)] | lengths of the codes | [which group for each
 *   sector] | the bytes, each in the code of its sector's group
 *
 * Bytes are filled from their lowest bit; a number or a code comes highest bit first. The code lengths of
 * all groups are one list, move-to-front coded, runs of the front in bijective base two ("1-2 coding"),
 * and that again Huffman coded. A byte value that the first group does not use is left out of the others.
 */
import { DeltaError } from "../error.ts";

const BYTES = 256;
const MAX_BITS = 20;
const FAST_BITS = 10;
/** Code lengths in the order of their likelihood, which is also where move-to-front starts. */
const LENGTHS_IN_ORDER = [0, 4, 5, 6, 7, 8, 9, 10, 3, 11, 2, 12, 13, 1, 14, 15, 16, 17, 18, 19, 20];
/** Two run symbols, then one for each place in the list above but its front. */
const LENGTH_SYMBOLS = LENGTHS_IN_ORDER.length + 1;
const ALWAYS_SENT = 7;
const RUN_SYMBOLS = 2;

/** @throws DeltaError DELTA_TRUNCATED, DELTA_CORRUPT, DELTA_TRAILING */
export function decodeDjw(input: Uint8Array, size: number): Uint8Array {
  // No code is shorter than one bit, so a lying size is known before anything is allocated.
  if (size > input.length * 8) throw truncated();
  const bits = new BitReader(input);
  const groups = bits.read(3) + 1;
  const sectorSize = groups > 1 ? (bits.read(5) + 1) * 5 : size;
  const codes = readCodes(bits, groups);
  const sectors = Math.ceil(size / sectorSize);
  const groupOf = groups > 1 ? readSelectors(bits, groups, sectors) : new Uint8Array(1);
  const output = new Uint8Array(size);
  for (let sector = 0; sector < sectors; sector++) {
    const code = codes[groupOf[sector]!]!;
    const start = sector * sectorSize;
    code.decode(bits, output, start, Math.min(start + sectorSize, size));
  }
  bits.finish();
  return output;
}

function readCodes(bits: BitReader, groups: number): HuffmanCode[] {
  const symbols = new Uint8Array(LENGTH_SYMBOLS);
  const sent = bits.read(4) + ALWAYS_SENT;
  for (let i = 0; i < sent; i++) symbols[i] = bits.read(4);
  const lengths = readMovedToFront(
    bits,
    new HuffmanCode(symbols),
    Uint8Array.from(LENGTHS_IN_ORDER),
    groups * BYTES,
    BYTES,
  );
  return Array.from(
    { length: groups },
    (_, i) => new HuffmanCode(lengths.subarray(i * BYTES, (i + 1) * BYTES)),
  );
}

function readSelectors(bits: BitReader, groups: number, sectors: number): Uint8Array {
  const symbols = new Uint8Array(groups + 1);
  for (let i = 0; i <= groups; i++) symbols[i] = bits.read(3);
  const front = Uint8Array.from({ length: groups }, (_, i) => i);
  return readMovedToFront(bits, new HuffmanCode(symbols), front, sectors, 0);
}

/**
 * Undoes 1-2 coding and move-to-front.
 *
 * @param period where not 0: a value that was 0 this many places before is 0 again and was not sent
 */
function readMovedToFront(
  bits: BitReader,
  code: HuffmanCode,
  front: Uint8Array,
  count: number,
  period: number,
): Uint8Array {
  const values = new Uint8Array(count);
  let run = 0;
  let weight = 1;
  for (let at = 0; at < count; ) {
    if (period !== 0 && at >= period && values[at - period] === 0) {
      at++;
    } else if (run > 0) {
      values[at++] = front[0]!;
      run--;
    } else {
      const symbol = code.next(bits);
      if (symbol < RUN_SYMBOLS) {
        run = (symbol + 1) * weight;
        weight *= 2;
        if (run > count - at) throw corrupt("a run is longer than what it fills");
      } else {
        const place = symbol - 1;
        const value = front[place]!;
        front.copyWithin(1, 0, place);
        front[0] = value;
        values[at++] = value;
        weight = 1;
      }
    }
  }
  if (run > 0) throw corrupt("a run is longer than what it fills");
  return values;
}

/** Bytes from their lowest bit on. */
class BitReader {
  readonly #bytes: Uint8Array;
  #at = 0;
  /** The next bits, the first of them lowest; at most 31. */
  buffer = 0;
  available = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** A number of at most 5 bits, its highest bit first. @throws DeltaError DELTA_TRUNCATED */
  read(count: number): number {
    this.fill();
    let value = 0;
    for (let i = 0; i < count; i++) value = value * 2 + ((this.buffer >>> i) & 1);
    this.skip(count);
    return value;
  }

  /** At least 24 bits, unless the end is nearer: then zeros stand behind it. */
  fill(): void {
    while (this.available < 24 && this.#at < this.#bytes.length) {
      this.buffer |= this.#bytes[this.#at++]! << this.available;
      this.available += 8;
    }
  }

  /** @throws DeltaError DELTA_TRUNCATED when the bits were not there */
  skip(count: number): void {
    if (count > this.available) throw truncated();
    this.buffer >>>= count;
    this.available -= count;
  }

  /** @throws DeltaError DELTA_TRAILING */
  finish(): void {
    if (this.#at < this.#bytes.length || this.available >= 8)
      throw new DeltaError("DELTA_TRAILING", "bytes follow a section compressed with DJW");
  }
}

/** A canonical code: shorter codes first, equal lengths in the order of their symbols. */
class HuffmanCode {
  /** For each 10 bits as they lie in the buffer: symbol * 32 + length, or 0 when the code is longer. */
  readonly #fast = new Uint16Array(1 << FAST_BITS);
  /** For each length: how many codes, from which code on, and where their symbols start. */
  readonly #counts = new Uint16Array(MAX_BITS + 1);
  readonly #firsts = new Uint32Array(MAX_BITS + 1);
  readonly #starts = new Uint16Array(MAX_BITS + 1);
  readonly #symbols: Uint8Array;

  constructor(lengths: Uint8Array) {
    const counts = this.#counts;
    for (const length of lengths) counts[length] = counts[length]! + 1;
    counts[0] = 0;
    this.#symbols = new Uint8Array(lengths.length);
    let code = 0;
    let start = 0;
    for (let length = 1; length <= MAX_BITS; length++) {
      code *= 2;
      this.#firsts[length] = code;
      this.#starts[length] = start;
      for (let symbol = 0; counts[length]! > 0 && symbol < lengths.length; symbol++) {
        if (lengths[symbol] !== length) continue;
        if (code >= 1 << length) throw corrupt("two symbols have the same code");
        this.#symbols[start++] = symbol;
        if (length <= FAST_BITS) this.#enter(code, length, symbol);
        code++;
      }
    }
  }

  #enter(code: number, length: number, symbol: number): void {
    for (let at = reverse(code, length); at < 1 << FAST_BITS; at += 1 << length)
      this.#fast[at] = symbol * 32 + length;
  }

  /** @throws DeltaError DELTA_TRUNCATED, DELTA_CORRUPT */
  next(bits: BitReader): number {
    bits.fill();
    const fast = this.#fast[bits.buffer & ((1 << FAST_BITS) - 1)]!;
    if (fast !== 0) {
      bits.skip(fast & 31);
      return fast >>> 5;
    }
    return this.#slow(bits);
  }

  decode(bits: BitReader, output: Uint8Array, start: number, end: number): void {
    for (let at = start; at < end; at++) output[at] = this.next(bits);
  }

  #slow(bits: BitReader): number {
    let code = reverse(bits.buffer & ((1 << FAST_BITS) - 1), FAST_BITS);
    for (let length = FAST_BITS + 1; length <= MAX_BITS; length++) {
      code = code * 2 + ((bits.buffer >>> (length - 1)) & 1);
      const index = code - this.#firsts[length]!;
      if (index >= 0 && index < this.#counts[length]!) {
        bits.skip(length);
        return this.#symbols[this.#starts[length]! + index]!;
      }
    }
    if (bits.available < MAX_BITS) throw truncated();
    throw corrupt("a code means nothing");
  }
}

function reverse(value: number, count: number): number {
  let reversed = 0;
  for (let i = 0; i < count; i++) reversed = reversed * 2 + ((value >>> i) & 1);
  return reversed;
}

function truncated(): DeltaError {
  return new DeltaError("DELTA_TRUNCATED", "a section compressed with DJW ends too early");
}

function corrupt(why: string): DeltaError {
  return new DeltaError("DELTA_CORRUPT", `a section compressed with DJW is damaged: ${why}`);
}
