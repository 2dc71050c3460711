/** Canonical Huffman codes of up to 20 bits, decoded by a table of the first 10 and by length beyond. */
import { DeltaError } from "../error.ts";
import type { BitReader } from "./bit-reader.ts";

const MAX_BITS = 20;
const FAST_BITS = 10;

export class HuffmanDecoder {
  /** For each 10-bit prefix: symbol * 32 + length, or 0 when the code is longer. */
  readonly #fast = new Uint16Array(1 << FAST_BITS);
  /** For each length: the first code that is too large for it, left aligned to 20 bits. */
  readonly #limits = new Uint32Array(MAX_BITS + 2);
  readonly #firsts = new Int32Array(MAX_BITS + 2);
  readonly #symbols: Uint16Array;

  /** Lengths travel as differences: "10" one more, "11" one less, "0" done. */
  static read(bits: BitReader, symbols: number): HuffmanDecoder {
    const lengths = new Uint8Array(symbols);
    let length = bits.read(5);
    for (let symbol = 0; symbol < symbols; symbol++) {
      for (;;) {
        if (length < 1 || length > MAX_BITS) throw bad();
        if (bits.read(1) === 0) break;
        length += bits.read(1) === 0 ? 1 : -1;
      }
      lengths[symbol] = length;
    }
    return new HuffmanDecoder(lengths);
  }

  private constructor(lengths: Uint8Array) {
    this.#symbols = new Uint16Array(lengths.length);
    let code = 0;
    let index = 0;
    for (let length = 1; length <= MAX_BITS; length++) {
      this.#firsts[length] = index - code;
      for (let symbol = 0; symbol < lengths.length; symbol++) {
        if (lengths[symbol] !== length) continue;
        if (code >= 1 << length) throw bad();
        if (length <= FAST_BITS) {
          const start = code << (FAST_BITS - length);
          this.#fast.fill(symbol * 32 + length, start, start + (1 << (FAST_BITS - length)));
        }
        this.#symbols[index++] = symbol;
        code++;
      }
      this.#limits[length] = code * 2 ** (MAX_BITS - length);
      code *= 2;
    }
  }

  next(bits: BitReader): number {
    const window = bits.peek(MAX_BITS);
    const fast = this.#fast[window >>> (MAX_BITS - FAST_BITS)]!;
    if (fast !== 0) {
      bits.skip(fast & 31);
      return fast >>> 5;
    }
    for (let length = FAST_BITS + 1; length <= MAX_BITS; length++) {
      if (window < this.#limits[length]!) {
        bits.skip(length);
        return this.#symbols[(window >>> (MAX_BITS - length)) + this.#firsts[length]!]!;
      }
    }
    throw bad();
  }
}

function bad(): DeltaError {
  return new DeltaError("DELTA_CORRUPT", "a bzip2 stream in the patch is damaged: a Huffman code is not one");
}
