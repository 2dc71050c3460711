/**
 * Writes a VCDIFF patch from the segments that an engine found: plain RFC 3284, readable by everybody.
 *
 * A segment with a source becomes COPY, one without ADD. What lies behind the source is the target itself:
 * an engine copies from there only within the window that it is in.
 */
import { checkLength } from "../patch-limit.ts";
import { NO_SOURCE, type Segments } from "../segments.ts";
import {
  encodeVcdiffHeader,
  OPERATION_ADD,
  OPERATION_COPY,
  OPERATION_FIELDS,
  VcdiffEncoder,
} from "./encode.ts";

export type VcdiffParts = {
  /** In bytes. */
  readonly sourceSize: number;
  readonly target: Uint8Array;
  readonly segments: Segments;
  /** How much of the target one window makes. */
  readonly windowBytes: number;
  /** Given up beyond this. */
  readonly maxBytes?: number | undefined;
};

/** @throws PatchTooLong */
export function writeVcdiff(parts: VcdiffParts): Uint8Array {
  const { sourceSize, target, segments, windowBytes, maxBytes } = parts;
  const done: Uint8Array[] = [encodeVcdiffHeader()];
  const encoder = new VcdiffEncoder();
  const operations = new Operations();
  let start = 0;
  let at = 0;
  let written = 0;
  /** Of the window that grows, the least it will take: what is added, and an address of a byte for each copy. */
  let growing = 0;
  const endWindow = (): void => {
    const window = {
      target: target.subarray(start, at),
      sourceSegment: sourceSize > 0 ? { position: 0, length: sourceSize } : undefined,
      operations: operations.take(),
      adler32: false,
    };
    for (const piece of encoder.writeWindow(window)) done.push(piece.slice());
    written = done.reduce((sum, { length }) => sum + length, 0);
    growing = 0;
    start = at;
  };
  for (const batch of segments) {
    for (let i = 0; i < batch.length; i += 3) {
      let there = batch[i + 1]!;
      for (let left = batch[i + 2]!; left > 0; ) {
        // A copy lies wholly in the source or wholly in the window.
        const whole = there < sourceSize ? sourceSize - there : left;
        const length = Math.min(left, start + windowBytes - at, whole);
        growing += there === NO_SOURCE ? length : 1;
        if (there === NO_SOURCE) operations.push(OPERATION_ADD, length, 0);
        else {
          // In U (RFC 3284, section 3) the window stands right behind the source.
          operations.push(OPERATION_COPY, length, there < sourceSize ? there : there - start);
          there += length;
        }
        at += length;
        left -= length;
        if (at === start + windowBytes) endWindow();
      }
    }
    checkLength(written + growing, maxBytes);
  }
  if (at > start) endWindow();
  return Buffer.concat(done);
}

class Operations {
  #fields = new Int32Array(3 * 4096);
  #length = 0;

  push(kind: number, size: number, address: number): void {
    if (this.#length === this.#fields.length) {
      const grown = new Int32Array(this.#fields.length * 2);
      grown.set(this.#fields);
      this.#fields = grown;
    }
    this.#fields[this.#length] = kind;
    this.#fields[this.#length + 1] = size;
    this.#fields[this.#length + 2] = address;
    this.#length += OPERATION_FIELDS;
  }

  /** Valid until the next push. */
  take(): Int32Array {
    const taken = this.#fields.subarray(0, this.#length);
    this.#length = 0;
    return taken;
  }
}
