/**
 * What two archives are made of, as it stands in a patch (schemas/delta-themis.md).
 *
 *   file      raw | deflated | raw | deflated | raw
 *   expanded  raw | content  | raw | content  | raw      the file with each deflate stream undone
 *
 * A source says where its streams lie; a target says besides who deflated each, so that it is deflated again
 * to the very bytes. Everything is bounded before anything is made.
 */
import { DeltaError } from "../error.ts";
import { Cursor, integerLength, writeInteger } from "../vcdiff/integer.ts";
import { ENCODER_COUNT, encoderOf } from "./encoder.ts";

/** A deflate stream and what stands before it, in bytes. */
export type StreamPart = {
  /** Bytes of the file as they are, behind the stream before. */
  readonly rawBytes: number;
  readonly deflatedBytes: number;
  readonly contentBytes: number;
};

export type TargetPart = StreamPart & {
  /** The number of its encoder. */
  readonly encoder: number;
};

export type Layout<Part extends StreamPart> = {
  readonly parts: readonly Part[];
  /** Bytes behind the last stream. */
  readonly tailBytes: number;
};

export type Recipe = { readonly source: Layout<StreamPart>; readonly target: Layout<TargetPart> };

/** More streams than the entries of any archive we met; a jar of 65,535 fits. */
export const MAX_PARTS = 2 ** 16;
/** Shorter contents cost more in a recipe than they save, and an encoder takes time to start. */
export const LEAST_CONTENT_BYTES = 32;
/** What streams hold is held in memory. */
export const MAX_EXPANDED_BYTES = 2 ** 30;
/** RFC 1951: 258 bytes by two bits, at the most. */
const MOST_EXPANSION = 1032;
/** Five integers of at most five bytes each part. */
export const MAX_RECIPE_BYTES = 2 * MAX_PARTS * 25;

export function fileBytes({ parts, tailBytes }: Layout<StreamPart>): number {
  return parts.reduce((sum, { rawBytes, deflatedBytes }) => sum + rawBytes + deflatedBytes, tailBytes);
}

export function expandedBytes({ parts, tailBytes }: Layout<StreamPart>): number {
  return parts.reduce((sum, { rawBytes, contentBytes }) => sum + rawBytes + contentBytes, tailBytes);
}

export function encodeRecipe({ source, target }: Recipe): Uint8Array {
  const numbers = [
    source.parts.length,
    ...source.parts.flatMap(({ rawBytes, deflatedBytes, contentBytes }) => [
      rawBytes,
      deflatedBytes,
      contentBytes,
    ]),
    source.tailBytes,
    target.parts.length,
    ...target.parts.flatMap(({ rawBytes, deflatedBytes, contentBytes, encoder }) => [
      rawBytes,
      deflatedBytes,
      contentBytes,
      encoder,
    ]),
    target.tailBytes,
  ];
  const bytes = new Uint8Array(numbers.reduce((sum, number) => sum + integerLength(number), 0));
  let at = 0;
  for (const number of numbers) at = writeInteger(bytes, at, number);
  return bytes;
}

/** @throws DeltaError DELTA_TRUNCATED, DELTA_SIZE, DELTA_CORRUPT, DELTA_TRAILING */
export function decodeRecipe(bytes: Uint8Array): Recipe {
  const cursor = new Cursor(bytes);
  const source = readLayout(cursor, () => readPart(cursor));
  const target = readLayout(cursor, () => {
    const part = readPart(cursor);
    const encoder = cursor.integer();
    if (encoder >= ENCODER_COUNT || !encoderOf(encoder))
      throw new DeltaError("DELTA_CORRUPT", `the patch names an encoder ${encoder} that there is not`);
    return { ...part, encoder };
  });
  if (cursor.at !== bytes.length)
    throw new DeltaError("DELTA_TRAILING", "bytes follow the recipe of the patch");
  return { source, target };
}

function readLayout<Part extends StreamPart>(cursor: Cursor, read: () => Part): Layout<Part> {
  const count = cursor.integer();
  if (count > MAX_PARTS)
    throw new DeltaError("DELTA_SIZE", `the patch names ${count} streams, the limit is ${MAX_PARTS}`);
  const parts = Array.from({ length: count }, read);
  const layout = { parts, tailBytes: cursor.integer() };
  const expanded = expandedBytes(layout);
  if (expanded > MAX_EXPANDED_BYTES || fileBytes(layout) > Number.MAX_SAFE_INTEGER) {
    throw new DeltaError(
      "DELTA_SIZE",
      `the patch unfolds an archive to ${expanded} bytes, the limit is ${MAX_EXPANDED_BYTES}`,
    );
  }
  return layout;
}

function readPart(cursor: Cursor): StreamPart {
  const part = {
    rawBytes: cursor.integer(),
    deflatedBytes: cursor.integer(),
    contentBytes: cursor.integer(),
  };
  if (part.contentBytes < LEAST_CONTENT_BYTES)
    throw new DeltaError(
      "DELTA_SIZE",
      `the patch names a stream of ${part.contentBytes} bytes, the least is ${LEAST_CONTENT_BYTES}`,
    );
  if (part.contentBytes > part.deflatedBytes * MOST_EXPANSION)
    throw new DeltaError("DELTA_SIZE", "the patch says of a stream that it unfolds to more than any can");
  return part;
}
