/**
 * Writes a VCDIFF patch from the segments that an engine found: plain RFC 3284, readable by everybody.
 *
 * A segment with a source becomes COPY, one without ADD. What lies behind the source is the target itself:
 * an engine copies from there only within the window that it is in. Each window names no more of the
 * source than it copies from, so that addresses are short and a reader holds little.
 */
import type { ByteSource } from "../../../base/byte-source.ts";
import { checkLength } from "../patch-limit.ts";
import { NO_SOURCE, type Segments } from "../segments.ts";
import {
  encodeVcdiffHeader,
  OPERATION_ADD,
  OPERATION_COPY,
  OPERATION_FIELDS,
  VcdiffEncoder,
  type VcdiffFileOptions,
} from "./encode.ts";

export type VcdiffParts = {
  /** In bytes. */
  readonly sourceSize: number;
  readonly target: ByteSource;
  readonly segments: Segments;
  /** How much of the target one window makes. */
  readonly windowBytes: number;
  readonly file?: VcdiffFileOptions;
  /** Given up beyond this. */
  readonly maxBytes?: number | undefined;
};

/**
 * The patch in pieces, in order, each valid until the next is asked for; at most a window is held.
 *
 * @throws PatchTooLong
 */
export function* writeVcdiff({
  sourceSize,
  target,
  segments,
  windowBytes,
  file = {},
  maxBytes,
}: VcdiffParts): Generator<Uint8Array> {
  yield encodeVcdiffHeader(file);
  const encoder = new VcdiffEncoder(file.codeTable);
  const operations = new Operations(sourceSize);
  const bytes = new Uint8Array(Math.min(windowBytes, target.size));
  let start = 0;
  let at = 0;
  let written = 0;
  /** Of the window that grows, the least it will take: what is added, and an address of a byte for each copy. */
  let growing = 0;
  const endWindow = (): readonly Uint8Array[] => {
    const made = bytes.subarray(0, at - start);
    target.read(start, made);
    const window = { target: made, ...operations.take(start), adler32: false };
    start = at;
    growing = 0;
    const pieces = encoder.writeWindow(window);
    for (const { length } of pieces) written += length;
    return pieces;
  };
  for (const batch of segments) {
    for (let i = 0; i < batch.length; i += 3) {
      let there = batch[i + 1]!;
      for (let left = batch[i + 2]!; left > 0; ) {
        // A copy lies wholly in the source or wholly in the window.
        const whole = there !== NO_SOURCE && there < sourceSize ? sourceSize - there : left;
        const length = Math.min(left, start + windowBytes - at, whole);
        growing += there === NO_SOURCE ? length : 1;
        if (there === NO_SOURCE) operations.push(OPERATION_ADD, length, 0);
        else {
          operations.push(OPERATION_COPY, length, there);
          there += length;
        }
        at += length;
        left -= length;
        if (at === start + windowBytes) yield* endWindow();
      }
    }
    checkLength(written + growing, maxBytes);
  }
  // An empty target is one empty window: xdelta3 and others refuse a patch without any.
  if (at > start || at === 0) yield* endWindow();
}

/** What a window does, with addresses in the source and behind it until the window's own segment is known. */
class Operations {
  readonly #sourceSize: number;
  #fields = new Float64Array(OPERATION_FIELDS * 4096);
  #length = 0;
  #first = Number.POSITIVE_INFINITY;
  #end = 0;

  constructor(sourceSize: number) {
    this.#sourceSize = sourceSize;
  }

  push(kind: number, size: number, address: number): void {
    if (this.#length === this.#fields.length) {
      const grown = new Float64Array(this.#fields.length * 2);
      grown.set(this.#fields);
      this.#fields = grown;
    }
    this.#fields[this.#length] = kind;
    this.#fields[this.#length + 1] = size;
    this.#fields[this.#length + 2] = address;
    this.#length += OPERATION_FIELDS;
    if (kind !== OPERATION_COPY || address >= this.#sourceSize) return;
    this.#first = Math.min(this.#first, address);
    this.#end = Math.max(this.#end, address + size);
  }

  /** With addresses in U (RFC 3284, section 3): the segment, and right behind it the window. Valid until the next push. */
  take(windowStart: number): {
    readonly sourceSegment: { readonly position: number; readonly length: number } | undefined;
    readonly operations: Float64Array;
  } {
    const operations = this.#fields.subarray(0, this.#length);
    const sourceSegment =
      this.#end > 0 ? { position: this.#first, length: this.#end - this.#first } : undefined;
    for (let i = 0; i < operations.length; i += OPERATION_FIELDS) {
      if (operations[i] !== OPERATION_COPY) continue;
      const address = operations[i + 2]!;
      operations[i + 2] =
        address < this.#sourceSize
          ? address - this.#first
          : address - this.#sourceSize - windowStart + (sourceSegment?.length ?? 0);
    }
    this.#length = 0;
    this.#first = Number.POSITIVE_INFINITY;
    this.#end = 0;
    return { sourceSegment, operations };
  }
}
