/**
 * Writes a patch of the bsdiff family from the covers that an engine found.
 *
 * A segment with a source becomes diff bytes (target minus source), one without becomes extra bytes of the
 * triple before it. Streams are compressed as they grow, so memory is the files and the patch.
 */
import { brotliCompressSync, constants } from "node:zlib";
import { Bzip2Kernel } from "../../../kernel/kernel.ts";
import { Bzip2Encoder } from "../bzip2/encode.ts";
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
  readonly source: Uint8Array;
  readonly target: Uint8Array;
  readonly segments: Segments;
  readonly container: Container;
};

type Triple = { source: number; add: number; copy: number; readonly target: number };

const CHUNK_BYTES = 256 * 1024;

export function writeBsdiff({ source, target, segments, container }: BsdiffParts): Uint8Array {
  const bzip2 = container === "bsdf2" ? undefined : new Bzip2Kernel(container === "endsley" ? 1 : 3);
  const compressor = (): Compress => (bzip2 ? new Bzip2Encoder(bzip2) : new BrotliWriter());
  if (container === "endsley") {
    const all = compressor();
    writeTriples(source, target, segments, all, all, all);
    const header = new Uint8Array(ENDSLEY_HEADER_BYTES);
    header.set(ENDSLEY_MAGIC);
    writeInteger(header, 16, target.length);
    return Buffer.concat([header, all.finish()]);
  }
  const control = compressor();
  const diff = compressor();
  const extra = compressor();
  writeTriples(source, target, segments, control, diff, extra);
  const streams = [control.finish(), diff.finish(), extra.finish()];
  const header = new Uint8Array(HEADER_BYTES);
  if (container === "bsdf2") {
    header.set(BSDF2_MAGIC);
    header.fill(2, BSDF2_MAGIC.length, 8);
  } else header.set(BSDIFF40_MAGIC);
  writeInteger(header, 8, streams[0]!.length);
  writeInteger(header, 16, streams[1]!.length);
  writeInteger(header, 24, target.length);
  return Buffer.concat([header, ...streams]);
}

function writeTriples(
  source: Uint8Array,
  target: Uint8Array,
  segments: Segments,
  control: Compress,
  diff: Compress,
  extra: Compress,
): void {
  const numbers = new Uint8Array(24);
  const chunk = new Uint8Array(CHUNK_BYTES);
  const write = (triple: Triple, next: number): void => {
    writeInteger(numbers, 0, triple.add);
    writeInteger(numbers, 8, triple.copy);
    writeInteger(numbers, 16, next - triple.source - triple.add);
    control.push(numbers);
    for (let done = 0; done < triple.add; done += CHUNK_BYTES) {
      const length = Math.min(CHUNK_BYTES, triple.add - done);
      subtract(chunk, target, triple.target + done, source, triple.source + done, length);
      diff.push(chunk.subarray(0, length));
    }
    const extraStart = triple.target + triple.add;
    extra.push(target.subarray(extraStart, extraStart + triple.copy));
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

function subtract(
  into: Uint8Array,
  target: Uint8Array,
  targetAt: number,
  source: Uint8Array,
  sourceAt: number,
  length: number,
): void {
  for (let i = 0; i < length; i++) into[i] = target[targetAt + i]! - source[sourceAt + i]!;
}

type Compress = { readonly push: (bytes: Uint8Array) => void; readonly finish: () => Uint8Array };

/** Brotli has no synchronous stream in Node; what it compresses is held. */
class BrotliWriter implements Compress {
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
