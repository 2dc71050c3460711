/** Bits of a part of a patch, most significant first; the end is an error and never a zero. */
import type { ByteSource } from "../../../base/byte-source.ts";
import { DeltaError } from "../error.ts";

const CHUNK_BYTES = 16 * 1024;

export class BitReader {
  readonly #source: ByteSource;
  readonly #end: number;
  readonly #chunk: Uint8Array;
  /** Of the source: where the next chunk begins. */
  #position: number;
  #at = 0;
  #filled = 0;
  /** The next bits, right aligned; at most 31 of them. */
  #buffer = 0;
  #available = 0;

  constructor(source: ByteSource, start: number, end: number) {
    this.#source = source;
    this.#position = start;
    this.#end = end;
    this.#chunk = new Uint8Array(Math.min(CHUNK_BYTES, end - start));
  }

  /** @param count 1 to 24 */
  read(count: number): number {
    while (this.#available < count) this.#fill();
    this.#available -= count;
    const value = this.#buffer >>> this.#available;
    this.#buffer &= (1 << this.#available) - 1;
    return value;
  }

  read32(): number {
    return this.read(16) * 0x10000 + this.read(16);
  }

  /** The next `count` bits without taking them; zeros stand behind the end. */
  peek(count: number): number {
    while (this.#available < count && this.#more()) this.#fill();
    return this.#available >= count
      ? this.#buffer >>> (this.#available - count)
      : this.#buffer << (count - this.#available);
  }

  /** Takes bits that were peeked. @throws DeltaError DELTA_TRUNCATED when they were not there */
  skip(count: number): void {
    if (count > this.#available) throw truncated();
    this.#available -= count;
    this.#buffer &= (1 << this.#available) - 1;
  }

  /** Whether no byte is left of which no bit was taken. */
  get atEnd(): boolean {
    return this.#available < 8 && !this.#more();
  }

  #more(): boolean {
    return this.#at < this.#filled || this.#position < this.#end;
  }

  #fill(): void {
    if (this.#at === this.#filled) {
      this.#filled = Math.min(this.#chunk.length, this.#end - this.#position);
      if (this.#filled === 0) throw truncated();
      this.#source.read(this.#position, this.#chunk.subarray(0, this.#filled));
      this.#position += this.#filled;
      this.#at = 0;
    }
    this.#buffer = (this.#buffer << 8) | this.#chunk[this.#at++]!;
    this.#available += 8;
  }
}

function truncated(): DeltaError {
  return new DeltaError("DELTA_TRUNCATED", "the patch ends inside a bzip2 stream");
}
