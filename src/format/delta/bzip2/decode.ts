/**
 * bzip2, the decoder (Julian Seward's format 1.0; neither Node nor its zlib has it).
 *
 *   "BZh9" | block* | end mark + combined CRC
 *   block:  CRC, origPtr, symbols in use, Huffman tables, selectors, Huffman coded MTF and run lengths
 *
 * A block is undone from the outside in: Huffman -> run lengths of zeros and move-to-front -> inverse
 * Burrows-Wheeler transform -> run lengths of four. Output comes in pieces and is bounded; both CRCs are
 * checked. Randomised blocks (unused since 0.9.5) are refused.
 */
import type { ByteSource } from "../../../base/byte-source.ts";
import { DeltaError } from "../error.ts";
import { BitReader } from "./bit-reader.ts";
import { addCrc, CRC_START, combineCrc, finishCrc } from "./crc.ts";
import { HuffmanDecoder } from "./huffman.ts";

const BLOCK_MAGIC = [0x314159, 0x265359] as const;
const END_MAGIC = [0x177245, 0x385090] as const;
const GROUP_SYMBOLS = 50;
const MAX_SELECTORS = 18002;

/** What is yielded at once; a block of zeros alone may hold 46 MB. */
const PIECE_BYTES = 64 * 1024;
/** More than a run can add at once: 255. */
const MAX_RUN_BYTES = 256;

/**
 * Decodes exactly one stream, which fills the patch from `start` to `end`; flat in memory (about 4 MB).
 *
 * A piece is valid until the next one is asked for.
 *
 * @param maxBytes refuse to make more than this
 * @throws DeltaError DELTA_MAGIC, DELTA_TRUNCATED, DELTA_CORRUPT, DELTA_SIZE, DELTA_TRAILING
 */
export function* decodeBzip2(
  patch: ByteSource,
  { start, end, maxBytes }: { readonly start: number; readonly end: number; readonly maxBytes: number },
): Generator<Uint8Array> {
  const bits = new BitReader(patch, start, end);
  if (bits.read(8) !== 0x42 || bits.read(8) !== 0x5a || bits.read(8) !== 0x68) {
    throw new DeltaError("DELTA_MAGIC", "a stream in the patch does not start as bzip2");
  }
  const level = bits.read(8) - 0x30;
  if (level < 1 || level > 9) throw new DeltaError("DELTA_CORRUPT", "the bzip2 block size is not 1 to 9");
  const decoder = new BlockDecoder(bits, level * 100_000, maxBytes);
  let combined = 0;
  let made = 0;
  for (;;) {
    const high = bits.read(24);
    const low = bits.read(24);
    const crc = bits.read32();
    if (high === END_MAGIC[0] && low === END_MAGIC[1]) {
      if (crc !== combined) throw corrupt("the checksum of the stream differs");
      break;
    }
    if (high !== BLOCK_MAGIC[0] || low !== BLOCK_MAGIC[1])
      throw corrupt("a block does not start with its mark");
    let sum = CRC_START;
    for (const piece of decoder.decode()) {
      made += piece.length;
      if (made > maxBytes) {
        throw new DeltaError("DELTA_SIZE", `a bzip2 stream holds more than the ${maxBytes} bytes it may`);
      }
      sum = addCrc(sum, piece, 0, piece.length);
      yield piece;
    }
    if (finishCrc(sum) !== crc) throw corrupt("the checksum of a block differs");
    combined = combineCrc(combined, crc);
  }
  if (!bits.atEnd) throw new DeltaError("DELTA_TRAILING", "bytes follow the end of a bzip2 stream");
}

class BlockDecoder {
  readonly #bits: BitReader;
  readonly #maxBlock: number;
  readonly #piece: Uint8Array;
  /** Low 8 bits: the byte of the last column; high 24: the inverse transform's links. */
  readonly #links: Uint32Array;

  constructor(bits: BitReader, maxBlock: number, maxBytes: number) {
    this.#bits = bits;
    // Five bytes of a block make four at the least, so a longer one would make too much.
    this.#maxBlock = Math.min(maxBlock, Math.ceil(maxBytes * 1.25) + 1);
    this.#piece = new Uint8Array(Math.min(PIECE_BYTES, maxBytes + 2 * MAX_RUN_BYTES));
    this.#links = new Uint32Array(this.#maxBlock);
  }

  *decode(): Generator<Uint8Array> {
    const bits = this.#bits;
    if (bits.read(1) !== 0) throw corrupt("a block is randomised");
    const origin = bits.read(24);
    const alphabet = readAlphabet(bits);
    const tables = bits.read(3);
    if (tables < 2 || tables > 6) throw corrupt("a block does not have 2 to 6 Huffman tables");
    const selectors = readSelectors(bits, tables);
    const decoders: HuffmanDecoder[] = [];
    for (let i = 0; i < tables; i++) decoders.push(HuffmanDecoder.read(bits, alphabet.length + 2));
    const counts = new Uint32Array(256);
    const length = this.#readColumn(alphabet, selectors, decoders, counts);
    if (origin >= length) throw corrupt("a block starts outside of itself");
    yield* this.#invert(origin, length, counts);
  }

  /** Huffman, zero runs and move-to-front: fills the last column and returns its length. */
  #readColumn(
    alphabet: Uint8Array,
    selectors: Uint8Array,
    decoders: readonly HuffmanDecoder[],
    counts: Uint32Array,
  ): number {
    const bits = this.#bits;
    const column = this.#links;
    const front = Uint8Array.from(alphabet);
    const end = alphabet.length + 1;
    let length = 0;
    let run = 0;
    let weight = 1;
    for (let group = 0; ; group++) {
      if (group >= selectors.length) throw corrupt("a block has too few selectors");
      const decoder = decoders[selectors[group]!]!;
      for (let i = 0; i < GROUP_SYMBOLS; i++) {
        const symbol = decoder.next(bits);
        if (symbol <= 1) {
          run += weight << symbol;
          weight *= 2;
          if (run > this.#maxBlock) throw corrupt("a run leaves its block");
          continue;
        }
        if (run > 0) {
          if (length + run > this.#maxBlock) throw corrupt("a block is longer than it may be");
          column.fill(front[0]!, length, length + run);
          counts[front[0]!]! += run;
          length += run;
          run = 0;
          weight = 1;
        }
        if (symbol === end) return length;
        if (length >= this.#maxBlock) throw corrupt("a block is longer than it may be");
        const at = symbol - 1;
        const byte = front[at]!;
        front.copyWithin(1, 0, at);
        front[0] = byte;
        column[length++] = byte;
        counts[byte]!++;
      }
    }
  }

  /** Follows the links of the Burrows-Wheeler transform and undoes the outer runs (4 equal + a count). */
  *#invert(origin: number, length: number, counts: Uint32Array): Generator<Uint8Array> {
    const links = this.#links;
    let sum = 0;
    for (let byte = 0; byte < 256; byte++) {
      const count = counts[byte]!;
      counts[byte] = sum;
      sum += count;
    }
    for (let i = 0; i < length; i++) {
      const byte = links[i]! & 0xff;
      links[counts[byte]!]! |= i << 8;
      counts[byte]!++;
    }
    let at = links[origin]! >>> 8;
    let previous = -1;
    let repeated = 0;
    const piece = this.#piece;
    let filled = 0;
    for (let i = 0; i < length; i++) {
      const entry = links[at]!;
      const byte = entry & 0xff;
      at = entry >>> 8;
      if (filled > piece.length - MAX_RUN_BYTES) {
        yield piece.subarray(0, filled);
        filled = 0;
      }
      if (repeated === 4) {
        piece.fill(previous, filled, filled + byte);
        filled += byte;
        repeated = 0;
        previous = -1;
        continue;
      }
      repeated = byte === previous ? repeated + 1 : 1;
      previous = byte;
      piece[filled++] = byte;
    }
    if (filled > 0) yield piece.subarray(0, filled);
  }
}

function readAlphabet(bits: BitReader): Uint8Array {
  const used = bits.read(16);
  const alphabet: number[] = [];
  for (let high = 0; high < 16; high++) {
    if (!(used & (0x8000 >>> high))) continue;
    const map = bits.read(16);
    for (let low = 0; low < 16; low++) if (map & (0x8000 >>> low)) alphabet.push(high * 16 + low);
  }
  if (alphabet.length === 0) throw corrupt("a block uses no symbols");
  return Uint8Array.from(alphabet);
}

/** Which table each group of 50 symbols uses, move-to-front coded in unary. */
function readSelectors(bits: BitReader, tables: number): Uint8Array {
  const count = bits.read(15);
  if (count === 0) throw corrupt("a block has no selectors");
  const front = Array.from({ length: tables }, (_, i) => i);
  const selectors = new Uint8Array(Math.min(count, MAX_SELECTORS));
  for (let i = 0; i < count; i++) {
    let at = 0;
    while (bits.read(1) === 1) if (++at >= tables) throw corrupt("a selector names no table");
    const [table] = front.splice(at, 1);
    front.unshift(table!);
    // Some writers pad with selectors beyond what a block can use; the reference decoder drops them.
    if (i < selectors.length) selectors[i] = table!;
  }
  return selectors;
}

function corrupt(why: string): DeltaError {
  return new DeltaError("DELTA_CORRUPT", `a bzip2 stream in the patch is damaged: ${why}`);
}
