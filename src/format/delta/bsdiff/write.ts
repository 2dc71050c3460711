/**
 * Writes a patch of the bsdiff family from the covers that an engine found.
 *
 * A segment with a source becomes diff bytes (target minus source), one without becomes extra bytes of the
 * triple before it. Both files are read by position and streams are compressed as they grow, so memory is
 * the patch.
 */
import { brotliCompressSync, constants } from "node:zlib";
import type { ByteSource } from "../../../base/byte-source.ts";
import { Bzip2Kernel, bzip2Memory } from "../../../kernel/kernel.ts";
import { Bzip2Encoder } from "../bzip2/encode.ts";
import { checkLength } from "../patch-limit.ts";
import { NO_SOURCE, type Segments } from "../segments.ts";
import {
  BSDF2_MAGIC,
  BSDIFF40_MAGIC,
  type Container,
  ENDSLEY_HEADER_BYTES,
  ENDSLEY_MAGIC,
  HEADER_BYTES,
} from "./container.ts";
import { writeInteger } from "./integer.ts";

export type BsdiffParts = {
  readonly source: ByteSource;
  readonly target: ByteSource;
  readonly segments: Segments;
  readonly container: Container;
  /** Given up beyond this. */
  readonly maxBytes?: number | undefined;
};

type Triple = { source: number; add: number; copy: number; readonly target: number };

const CHUNK_BYTES = 256 * 1024;

/** What writing takes besides the patch, in bytes: bzip2 works on blocks, Brotli holds what it compresses. */
export function bsdiffWriterMemory(container: Container, targetSize: number): number {
  return container === "bsdf2" ? 2 * targetSize : bzip2Memory(bzip2Streams(container));
}

function bzip2Streams(container: Container): number {
  return container === "endsley" ? 1 : 3;
}

/** @throws PatchTooLong */
export function writeBsdiff(parts: BsdiffParts): Uint8Array {
  const { source, target, segments, container, maxBytes } = parts;
  const bzip2 = container === "bsdf2" ? undefined : new Bzip2Kernel(bzip2Streams(container));
  const compressor = (): Compress => (bzip2 ? new Bzip2Encoder(bzip2) : new BrotliWriter());
  if (container === "endsley") {
    const all = compressor();
    writeTriples(source, target, limited(segments, [all], maxBytes), all, all, all);
    const header = new Uint8Array(ENDSLEY_HEADER_BYTES);
    header.set(ENDSLEY_MAGIC);
    writeInteger(header, 16, target.size);
    return Buffer.concat([header, all.finish()]);
  }
  const control = compressor();
  const diff = compressor();
  const extra = compressor();
  writeTriples(source, target, limited(segments, [control, diff, extra], maxBytes), control, diff, extra);
  const streams = [control.finish(), diff.finish(), extra.finish()];
  const header = new Uint8Array(HEADER_BYTES);
  if (container === "bsdf2") {
    header.set(BSDF2_MAGIC);
    header.fill(2, BSDF2_MAGIC.length, 8);
  } else header.set(BSDIFF40_MAGIC);
  writeInteger(header, 8, streams[0]!.length);
  writeInteger(header, 16, streams[1]!.length);
  writeInteger(header, 24, target.size);
  return Buffer.concat([header, ...streams]);
}

/** The same segments, as long as what was compressed of those before is no longer than it may be. */
function* limited(segments: Segments, streams: readonly Compress[], maxBytes?: number): Segments {
  for (const batch of segments) {
    yield batch;
    checkLength(
      streams.reduce((sum, { bytes }) => sum + bytes, 0),
      maxBytes,
    );
  }
}

function writeTriples(
  source: ByteSource,
  target: ByteSource,
  segments: Segments,
  control: Compress,
  diff: Compress,
  extra: Compress,
): void {
  const numbers = new Uint8Array(24);
  const made = new Uint8Array(CHUNK_BYTES);
  const added = new Uint8Array(CHUNK_BYTES);
  const write = (triple: Triple, next: number): void => {
    writeInteger(numbers, 0, triple.add);
    writeInteger(numbers, 8, triple.copy);
    writeInteger(numbers, 16, next - triple.source - triple.add);
    control.push(numbers);
    for (let done = 0; done < triple.add; done += CHUNK_BYTES) {
      const chunk = made.subarray(0, Math.min(CHUNK_BYTES, triple.add - done));
      const from = added.subarray(0, chunk.length);
      target.read(triple.target + done, chunk);
      source.read(triple.source + done, from);
      subtract(chunk, from);
      diff.push(chunk);
    }
    const extraStart = triple.target + triple.add;
    for (let done = 0; done < triple.copy; done += CHUNK_BYTES) {
      const chunk = made.subarray(0, Math.min(CHUNK_BYTES, triple.copy - done));
      target.read(extraStart + done, chunk);
      extra.push(chunk);
    }
  };
  let triple: Triple | undefined;
  for (const batch of segments) {
    for (let i = 0; i < batch.length; i += 3) {
      const [begin, there, length] = [batch[i]!, batch[i + 1]!, batch[i + 2]!];
      // The first triple always reads the start of the source.
      triple ??= { source: 0, add: 0, copy: 0, target: begin };
      if (there === NO_SOURCE) triple.copy += length;
      else if (triple.copy === 0 && triple.source + triple.add === there) triple.add += length;
      else {
        write(triple, there);
        triple = { source: there, add: length, copy: 0, target: begin };
      }
    }
  }
  if (triple) write(triple, triple.source + triple.add);
}

/** Byte by byte modulo 256. */
function subtract(from: Uint8Array, bytes: Uint8Array): void {
  for (let i = 0; i < from.length; i++) from[i] = from[i]! - bytes[i]!;
}

/** `bytes` is what came out so far. */
type Compress = {
  readonly bytes: number;
  readonly push: (bytes: Uint8Array) => void;
  readonly finish: () => Uint8Array;
};

/** Brotli has no synchronous stream in Node; what it compresses is held. */
class BrotliWriter implements Compress {
  /** Nothing before the end. */
  readonly bytes = 0;
  #bytes = new Uint8Array(CHUNK_BYTES);
  #length = 0;

  push(bytes: Uint8Array): void {
    if (this.#length + bytes.length > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(this.#length + bytes.length, this.#bytes.length * 2));
      grown.set(this.#bytes.subarray(0, this.#length));
      this.#bytes = grown;
    }
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  finish(): Uint8Array {
    return brotliCompressSync(this.#bytes.subarray(0, this.#length), {
      params: {
        [constants.BROTLI_PARAM_QUALITY]: 11,
        [constants.BROTLI_PARAM_LGWIN]: 24,
        [constants.BROTLI_PARAM_SIZE_HINT]: this.#length,
      },
    });
  }
}
