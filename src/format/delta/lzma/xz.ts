/**
 * .xz streams (the format's specification 1.2.0), read in portions.
 *
 *   stream  fd 37 7a 58 5a 00 | flags, CRC-32 | block* | index | footer
 *   block   header, CRC-32 | LZMA2 chunks, 00 | padding to 4 | check of what it holds
 *
 * xdelta3 spreads one such stream over the windows of a patch: each portion is what a sync flush left, so
 * it ends with a whole chunk, and the dictionary lives on. It never ends the stream; if somebody does, the
 * checks and the index are proven as well. An element that is cut by the end of a portion is refused.
 */

import { DeltaError } from "../error.ts";
import { BlockCheck, checkBytes } from "./block-check.ts";
import { crc32 } from "./crc32.ts";
import { Lzma2Decoder } from "./lzma2.ts";

const HEADER_MAGIC = [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00] as const;
const FOOTER_MAGIC = [0x59, 0x5a] as const;
const STREAM_HEADER_BYTES = 12;
const FILTER_LZMA2 = 0x21;
const LZMA2_END = 0;

type Block = {
  readonly decoder: Lzma2Decoder;
  readonly check: BlockCheck;
  readonly headerBytes: number;
  /** What the header promised, if it did. */
  readonly packedBytes: number | undefined;
  readonly plainBytes: number | undefined;
  packed: number;
  plain: number;
};

export class XzDecoder {
  readonly #lzma2 = new Lzma2Decoder();
  #input: Uint8Array = new Uint8Array(0);
  #at = 0;
  #checkType: number | undefined;
  #block: Block | undefined;
  /** Unpadded and plain size of each finished block, as the index repeats them. */
  readonly #records: number[] = [];
  #ended = false;

  /**
   * Decodes the next portion, which must be used up and make exactly `size` bytes.
   *
   * @returns a view that is valid until the next call
   * @throws DeltaError DELTA_TRUNCATED, DELTA_CORRUPT, DELTA_SIZE, DELTA_TRAILING, DELTA_SECONDARY
   */
  decode(input: Uint8Array, size: number): Uint8Array {
    this.#input = input;
    this.#at = 0;
    this.#lzma2.begin(size);
    while (this.#at < input.length) this.#element();
    return this.#lzma2.finish();
  }

  #element(): void {
    if (this.#ended) throw new DeltaError("DELTA_TRAILING", "bytes follow the end of an .xz stream");
    if (this.#checkType === undefined) this.#streamHeader();
    else if (this.#block) this.#chunk(this.#block);
    else if (this.#input[this.#at] === 0) this.#index();
    else this.#blockHeader(this.#checkType);
  }

  #streamHeader(): void {
    const header = this.#take(STREAM_HEADER_BYTES);
    if (HEADER_MAGIC.some((byte, i) => header[i] !== byte)) throw corrupt("it does not start as .xz");
    if (header[6] !== 0 || header[7]! > 15) throw corrupt("its flags are unknown");
    provenBy(header.subarray(6, 8), uint32(header, 8));
    checkBytes(header[7]!);
    this.#checkType = header[7]!;
  }

  #blockHeader(checkType: number): void {
    const headerBytes = (this.#input[this.#at]! + 1) * 4;
    const header = this.#take(headerBytes);
    provenBy(header.subarray(0, headerBytes - 4), uint32(header, headerBytes - 4));
    const fields = new Fields(header.subarray(0, headerBytes - 4), 1);
    const flags = fields.byte();
    if (flags & 0x3c) throw corrupt("a block sets a reserved bit");
    const packedBytes = flags & 0x40 ? fields.integer() : undefined;
    const plainBytes = flags & 0x80 ? fields.integer() : undefined;
    if ((flags & 3) !== 0 || fields.integer() !== FILTER_LZMA2 || fields.integer() !== 1)
      throw new DeltaError("DELTA_SECONDARY", "an .xz stream in the patch uses a filter other than LZMA2");
    this.#lzma2.start(fields.byte());
    if (!fields.restIsZero()) throw corrupt("the padding of a block header is not zero");
    const check = new BlockCheck(checkType);
    this.#block = {
      decoder: this.#lzma2,
      check,
      headerBytes,
      packedBytes,
      plainBytes,
      packed: 0,
      plain: 0,
    };
  }

  #chunk(block: Block): void {
    if (this.#input[this.#at] === LZMA2_END) {
      this.#at++;
      block.packed++;
      this.#endBlock(block);
      return;
    }
    const start = this.#at;
    this.#at = block.decoder.chunk(this.#input, start);
    block.packed += this.#at - start;
    const made = block.decoder.lastChunk;
    block.plain += made.length;
    block.check.update(made);
  }

  #endBlock(block: Block): void {
    this.#block = undefined;
    if (block.packedBytes !== undefined && block.packedBytes !== block.packed)
      throw corrupt("a block is not as long as its header says");
    if (block.plainBytes !== undefined && block.plainBytes !== block.plain)
      throw corrupt("a block does not hold what its header says");
    const padding = this.#take((4 - (block.packed % 4)) % 4);
    if (padding.some((byte) => byte !== 0)) throw corrupt("the padding of a block is not zero");
    const check = this.#take(checkBytes(this.#checkType!));
    if (!block.check.matches(check)) throw corrupt("the check of a block differs");
    this.#records.push(block.headerBytes + block.packed + check.length, block.plain);
  }

  #index(): void {
    const start = this.#at;
    const fields = new Fields(this.#input, start + 1);
    const records = this.#records;
    if (fields.integer() !== records.length / 2) throw corrupt("its index counts other blocks");
    for (const record of records)
      if (fields.integer() !== record) throw corrupt("its index tells other sizes");
    while ((fields.at - start) % 4 !== 0)
      if (fields.byte() !== 0) throw corrupt("the padding of its index is not zero");
    const index = this.#take(fields.at - start);
    provenBy(index, uint32(this.#take(4), 0));
    const footer = this.#take(STREAM_HEADER_BYTES);
    provenBy(footer.subarray(4, 10), uint32(footer, 0));
    if ((uint32(footer, 4) + 1) * 4 !== index.length + 4)
      throw corrupt("its footer tells another size of its index");
    if (footer[8] !== 0 || footer[9] !== this.#checkType)
      throw corrupt("its footer has other flags than its header");
    if (FOOTER_MAGIC.some((byte, i) => footer[10 + i] !== byte)) throw corrupt("it does not end as .xz");
    this.#ended = true;
  }

  #take(length: number): Uint8Array {
    const start = this.#at;
    if (length > this.#input.length - start) throw truncated();
    this.#at = start + length;
    return this.#input.subarray(start, this.#at);
  }
}

/** Bytes and variable-length integers (section 1.2 of the format: seven bits a byte, least significant first). */
class Fields {
  readonly #bytes: Uint8Array;
  at: number;

  constructor(bytes: Uint8Array, at: number) {
    this.#bytes = bytes;
    this.at = at;
  }

  byte(): number {
    if (this.at >= this.#bytes.length) throw truncated();
    return this.#bytes[this.at++]!;
  }

  integer(): number {
    let value = 0;
    for (let weight = 1; ; weight *= 128) {
      const byte = this.byte();
      value += (byte & 0x7f) * weight;
      if (!Number.isSafeInteger(value))
        throw new DeltaError("DELTA_SIZE", "an integer in the patch exceeds 2^53 - 1");
      if (byte < 0x80) return value;
      if (weight > 2 ** 49) throw corrupt("an integer has too many bytes");
    }
  }

  restIsZero(): boolean {
    return this.#bytes.subarray(this.at).every((byte) => byte === 0);
  }
}

function provenBy(bytes: Uint8Array, expected: number): void {
  if (crc32(bytes) !== expected) throw corrupt("the CRC-32 of a header differs");
}

function uint32(bytes: Uint8Array, at: number): number {
  return (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0;
}

function truncated(): DeltaError {
  return new DeltaError("DELTA_TRUNCATED", "an .xz stream in the patch ends inside an element");
}

function corrupt(why: string): DeltaError {
  return new DeltaError("DELTA_CORRUPT", `an .xz stream in the patch is damaged: ${why}`);
}
