/**
 * LZMA2: LZMA in chunks, with a dictionary that outlives them.
 *
 *   00                          the end
 *   01 | length | bytes         stored, after forgetting the dictionary        02: without forgetting
 *   1rrnnnnn | n | packed length | [properties] | LZMA
 *                               rr: 0 goes on, 1 state anew, 2 and properties, 3 and dictionary
 *
 * What is decoded stays in one buffer that also is the dictionary: as much of it as the stream asked for,
 * never more than 64 MiB (what xz -9 asks), and allocated only as bytes really come.
 */
import { DeltaError } from "../error.ts";
import { LzmaDecoder, type LzmaProperties } from "./lzma.ts";

export const MAX_DICTIONARY_BYTES = 64 * 1024 * 1024;
const FIRST_BUFFER_BYTES = 64 * 1024;
/** How far the buffer may exceed the dictionary and the portion in it. */
export const SPARE_BYTES = 16 * 1024 * 1024;

export class Lzma2Decoder {
  readonly #lzma = new LzmaDecoder();
  #buffer = new Uint8Array(0);
  /** In the buffer: where the portion being decoded starts, and where the next byte goes. */
  #portion = 0;
  #at = 0;
  /** In the buffer, and below it once the beginning is gone: where the dictionary was last forgotten. */
  #origin = 0;
  #chunkStart = 0;
  #portionBytes = 0;
  #dictionaryBytes = 0;
  #needsDictionary = true;
  #needsProperties = true;

  /** The next portion must make exactly `bytes`. */
  begin(bytes: number): void {
    this.#portion = this.#at;
    this.#chunkStart = this.#at;
    this.#portionBytes = bytes;
  }

  /** The portion, valid until the next begins. @throws DeltaError DELTA_TRUNCATED */
  finish(): Uint8Array {
    const made = this.#at - this.#portion;
    if (made !== this.#portionBytes) {
      throw new DeltaError(
        "DELTA_TRUNCATED",
        `a section compressed with LZMA holds ${made} bytes and promised ${this.#portionBytes}`,
      );
    }
    return this.#buffer.subarray(this.#portion, this.#at);
  }

  /** A stream, or a block of it, starts. @param code the one byte of the filter's properties */
  start(code: number): void {
    if (code > 40) throw corrupt("its dictionary size is unknown");
    const bytes = code === 40 ? 2 ** 32 - 1 : (2 | (code & 1)) * 2 ** ((code >>> 1) + 11);
    if (bytes > MAX_DICTIONARY_BYTES)
      throw new DeltaError(
        "DELTA_SIZE",
        `a section compressed with LZMA wants a dictionary of ${bytes} bytes`,
      );
    this.#dictionaryBytes = bytes;
    this.#needsDictionary = true;
    this.#needsProperties = true;
  }

  /** What the last chunk made. */
  get lastChunk(): Uint8Array {
    return this.#buffer.subarray(this.#chunkStart, this.#at);
  }

  /** Decodes the chunk at `start`, which is no end mark, and returns where it ends. @throws DeltaError */
  chunk(input: Uint8Array, start: number): number {
    const control = input[start]!;
    const stored = control < 0x80;
    if (stored && control > 2) throw corrupt("a chunk of an unknown kind");
    const hasProperties = control >= 0xc0;
    const headerBytes = stored ? 3 : hasProperties ? 6 : 5;
    if (input.length - start < headerBytes) throw truncated();
    const field = (at: number): number => input[start + at]! * 256 + input[start + at + 1]! + 1;
    const plain = stored ? field(1) : (control & 0x1f) * 0x10000 + field(1);
    const packed = stored ? plain : field(3);
    const body = start + headerBytes;
    if (input.length - body < packed) throw truncated();
    if (plain > this.#portionBytes - (this.#at - this.#portion))
      throw new DeltaError("DELTA_SIZE", "a section compressed with LZMA holds more than it promised");
    this.#reserve(plain);
    this.#chunkStart = this.#at;
    if (control === 1 || control >= 0xe0) this.#forget();
    else if (this.#needsDictionary) throw corrupt("it does not start with an empty dictionary");
    if (stored) this.#buffer.set(input.subarray(body, body + packed), this.#at);
    else {
      if (hasProperties) this.#setProperties(input[start + 5]!);
      else if (this.#needsProperties) throw corrupt("it does not start with its properties");
      else if (control >= 0xa0) this.#lzma.reset();
      this.#lzma.decode(input, body, body + packed, {
        bytes: this.#buffer,
        start: this.#at,
        end: this.#at + plain,
        origin: this.#origin,
        dictionaryBytes: this.#dictionaryBytes,
      });
    }
    this.#at += plain;
    return body + packed;
  }

  #forget(): void {
    this.#origin = this.#at;
    this.#needsDictionary = false;
  }

  /** One byte: (pb * 5 + lp) * 9 + lc. */
  #setProperties(code: number): void {
    const properties: LzmaProperties = {
      literalContext: code % 9,
      literalPosition: Math.floor(code / 9) % 5,
      position: Math.floor(code / 45),
    };
    if (properties.position > 4 || properties.literalContext + properties.literalPosition > 4)
      throw corrupt("its properties are unknown");
    this.#lzma.start(properties);
    this.#needsProperties = false;
  }

  /** Makes place for `more` bytes; drops what is neither in the dictionary nor in this portion. */
  #reserve(more: number): void {
    if (this.#at + more <= this.#buffer.length) return;
    const from = Math.max(0, Math.min(this.#portion, this.#at - this.#dictionaryBytes));
    const kept = this.#at - from;
    // Moved only after so many new bytes that moving costs far less than decoding did.
    const first = Math.min(FIRST_BUFFER_BYTES, this.#portionBytes);
    const wanted = Math.max(first, Math.min(2 * kept, kept + SPARE_BYTES), kept + more);
    const old = this.#buffer;
    if (wanted > old.length) {
      this.#buffer = new Uint8Array(wanted);
      this.#buffer.set(old.subarray(from, this.#at));
    } else {
      old.copyWithin(0, from, this.#at);
    }
    this.#portion -= from;
    this.#chunkStart -= from;
    this.#origin -= from;
    this.#at = kept;
  }
}

function truncated(): DeltaError {
  return new DeltaError("DELTA_TRUNCATED", "a section compressed with LZMA ends inside a chunk");
}

function corrupt(why: string): DeltaError {
  return new DeltaError("DELTA_CORRUPT", `a section compressed with LZMA is damaged: ${why}`);
}
