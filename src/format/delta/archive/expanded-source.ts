/**
 * A file with each of its deflate streams undone, to be read anywhere: contents are in memory, what stands
 * between them is read where it lies.
 */
import type { ByteSource } from "../../../base/byte-source.ts";
import { DeltaError } from "../error.ts";
import type { Layout, StreamPart } from "./recipe.ts";

/** A stretch of the expanded file: bytes in memory, or of the file from `at` on. */
type Stretch = {
  readonly start: number;
  readonly length: number;
  readonly content: Uint8Array | undefined;
  readonly at: number;
};

/** @throws DeltaError DELTA_CORRUPT when a stream is not what the layout says */
export function expandSource(file: ByteSource, { parts, tailBytes }: Layout<StreamPart>): ByteSource {
  const stretches: Stretch[] = [];
  let at = 0;
  let start = 0;
  const add = (length: number, fileBytes: number, content?: Uint8Array): void => {
    if (length > 0) stretches.push({ start, length, content, at });
    start += length;
    at += fileBytes;
  };
  for (const { rawBytes, deflatedBytes, contentBytes } of parts) {
    add(rawBytes, rawBytes);
    const stream = new Uint8Array(deflatedBytes);
    file.read(at, stream);
    add(contentBytes, deflatedBytes, inflated(stream, contentBytes));
  }
  add(tailBytes, tailBytes);
  return { size: start, read: (position, into) => readStretches(file, stretches, position, into) };
}

function readStretches(
  file: ByteSource,
  stretches: readonly Stretch[],
  position: number,
  into: Uint8Array,
): void {
  let index = lastAtOrBefore(stretches, position);
  for (let done = 0; done < into.length; index++) {
    const stretch = stretches[index];
    if (!stretch) throw new RangeError(`${into.length} bytes at ${position} reach beyond the expanded file`);
    const within = position + done - stretch.start;
    const length = Math.min(stretch.length - within, into.length - done);
    const room = into.subarray(done, done + length);
    if (stretch.content) room.set(stretch.content.subarray(within, within + length));
    else file.read(stretch.at + within, room);
    done += length;
  }
}

function lastAtOrBefore(stretches: readonly Stretch[], position: number): number {
  let [low, high] = [0, stretches.length - 1];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (stretches[middle]!.start <= position) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** It grows as it comes, so a length that is only claimed takes nothing. */
function inflated(stream: Uint8Array, contentBytes: number): Uint8Array {
  // Loaded when it is used: most patches are of another format.
  const { inflateRawSync } = process.getBuiltinModule("node:zlib");
  let content: Uint8Array;
  try {
    content = inflateRawSync(stream, { maxOutputLength: contentBytes });
  } catch (cause) {
    throw new DeltaError("DELTA_CORRUPT", "the source has no deflate stream where the patch says", { cause });
  }
  if (content.length !== contentBytes)
    throw new DeltaError(
      "DELTA_CORRUPT",
      "a stream of the source unfolds to another length than the patch says",
    );
  return content;
}
