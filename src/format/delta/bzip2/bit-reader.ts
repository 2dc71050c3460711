/** Bits of a byte array, most significant first; the end is an error and never a zero. */
import { DeltaError } from "../error.ts";

export class BitReader {
  readonly #bytes: Uint8Array;
  #at = 0;
  /** The next bits, right aligned; at most 31 of them. */
  #buffer = 0;
  #available = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
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
    while (this.#available < count && this.#at < this.#bytes.length) this.#fill();
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

  /** Bytes of which at least one bit was taken. */
  get bytesRead(): number {
    return this.#at - (this.#available >>> 3);
  }

  #fill(): void {
    if (this.#at >= this.#bytes.length) throw truncated();
    this.#buffer = (this.#buffer << 8) | this.#bytes[this.#at++]!;
    this.#available += 8;
  }
}

function truncated(): DeltaError {
  return new DeltaError("DELTA_TRUNCATED", "the patch ends inside a bzip2 stream");
}
