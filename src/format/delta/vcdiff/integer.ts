/**
 * Integers of VCDIFF (RFC 3284, section 2).
 *
 *   value 300  ->  82 2c      seven bits a byte, most significant group first;
 *                             the high bit says that more follow
 *
 * The RFC sets no width. We stop at 2^53 - 1, the largest integer a JavaScript number holds exactly; a
 * longer one is refused rather than rounded.
 */
import { DeltaError } from "../error.ts";

const GROUP = 128;

/** How many bytes `value` takes. */
export function integerLength(value: number): number {
  let length = 1;
  for (let rest = value; rest >= GROUP; rest = Math.floor(rest / GROUP)) length++;
  return length;
}

/** Writes `value` at `at` and returns where it ends. */
export function writeInteger(bytes: Uint8Array, at: number, value: number): number {
  const end = at + integerLength(value);
  let rest = value;
  for (let i = end - 1; i >= at; i--) {
    bytes[i] = (rest % GROUP) + (i === end - 1 ? 0 : GROUP);
    rest = Math.floor(rest / GROUP);
  }
  return end;
}

/**
 * A place in bytes that moves on as they are read.
 *
 * One object for each section of a window; sections that are interleaved share one.
 */
export class Cursor {
  readonly bytes: Uint8Array;
  at = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  /** @throws DeltaError DELTA_TRUNCATED */
  byte(): number {
    if (this.at >= this.bytes.length) throw truncated();
    return this.bytes[this.at++]!;
  }

  /** @throws DeltaError DELTA_TRUNCATED, DELTA_SIZE */
  integer(): number {
    const { bytes } = this;
    let { at } = this;
    let value = 0;
    while (at < bytes.length) {
      const byte = bytes[at++]!;
      value = value * GROUP + (byte & 0x7f);
      if (value > Number.MAX_SAFE_INTEGER) throw tooLarge();
      if (byte < GROUP) {
        this.at = at;
        return value;
      }
    }
    throw truncated();
  }

  /** Moves over `length` bytes and returns where they start. @throws DeltaError DELTA_TRUNCATED */
  take(length: number): number {
    const start = this.at;
    if (length > this.bytes.length - start) throw truncated();
    this.at = start + length;
    return start;
  }
}

export function tooLarge(): DeltaError {
  return new DeltaError("DELTA_SIZE", "an integer in the patch exceeds 2^53 - 1");
}

function truncated(): DeltaError {
  return new DeltaError("DELTA_TRUNCATED", "a section of the patch ends inside an instruction");
}
