/**
 * A patch read from front to back, of which only a few KiB are held.
 *
 * Headers are read byte by byte from a small buffer; sections go straight into the memory of whoever asks.
 */
import type { ByteSource } from "../../../base/byte-source.ts";
import { DeltaError } from "../error.ts";
import { tooLarge } from "./integer.ts";

const BUFFER_BYTES = 4096;

export class PatchReader {
  readonly #patch: ByteSource;
  readonly #buffer: Uint8Array;
  /** Where in the patch the buffer starts, and how many bytes of it are valid. */
  #start = 0;
  #filled = 0;
  #position = 0;

  constructor(patch: ByteSource) {
    this.#patch = patch;
    this.#buffer = new Uint8Array(Math.min(BUFFER_BYTES, patch.size));
  }

  get position(): number {
    return this.#position;
  }

  /** Bytes that are still to be read. */
  get remaining(): number {
    return this.#patch.size - this.#position;
  }

  /** @throws DeltaError DELTA_TRUNCATED */
  byte(): number {
    const offset = this.#position - this.#start;
    if (offset >= 0 && offset < this.#filled) {
      this.#position++;
      return this.#buffer[offset]!;
    }
    this.#refill();
    this.#position++;
    return this.#buffer[0]!;
  }

  /** RFC 3284, section 2. @throws DeltaError DELTA_TRUNCATED, DELTA_SIZE */
  integer(): number {
    for (let value = 0; ; ) {
      const byte = this.byte();
      value = value * 128 + (byte & 0x7f);
      if (value > Number.MAX_SAFE_INTEGER) throw tooLarge();
      if (byte < 0x80) return value;
    }
  }

  /** @throws DeltaError DELTA_TRUNCATED */
  fill(into: Uint8Array): void {
    const from = this.#position;
    this.skip(into.length);
    const offset = from - this.#start;
    if (offset >= 0 && offset + into.length <= this.#filled) {
      into.set(this.#buffer.subarray(offset, offset + into.length));
    } else {
      this.#patch.read(from, into);
    }
  }

  /** @throws DeltaError DELTA_TRUNCATED */
  skip(length: number): void {
    if (length > this.remaining) throw truncated();
    this.#position += length;
  }

  #refill(): void {
    if (this.remaining <= 0) throw truncated();
    this.#start = this.#position;
    this.#filled = Math.min(BUFFER_BYTES, this.remaining);
    this.#patch.read(this.#start, this.#buffer.subarray(0, this.#filled));
  }
}

function truncated(): DeltaError {
  return new DeltaError("DELTA_TRUNCATED", "the patch ends before it is complete");
}
