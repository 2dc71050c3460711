/**
 * Writes a patch of the bsdiff family from the covers that an engine found.
 *
 * A segment with a source becomes diff bytes (target minus source), one without becomes extra bytes of the
 * triple before it. Both files are read by position and bzip2 compresses streams as they grow, so memory is
 * the patch; only BSDF2, whose streams may be brotli, holds them.
 */
import type { ByteSource } from "../../../base/byte-source.ts";
import { Bzip2Kernel, bzip2Memory } from "../../../kernel/kernel.ts";
import { ENCODERS_EACH, ShorterBzip2 } from "../bzip2/shorter.ts";
import { checkLength } from "../patch-limit.ts";
import { NO_SOURCE, type Segments } from "../segments.ts";
import {
  BSDF2_MAGIC,
  BSDIFF40_MAGIC,
  COMPRESSORS,
  type Container,
  ENDSLEY_HEADER_BYTES,
  ENDSLEY_MAGIC,
  HEADER_BYTES,
} from "./container.ts";
import { writeInteger } from "./integer.ts";
import { BROTLI_WORK_BYTES, type PackedStream, ShortestStream } from "./shortest-stream.ts";

/** "shortest" is BSDF2, or BSDIFF40 where no stream is shorter than in bzip2. */
export type WantedContainer = Container | "shortest";

export type BsdiffParts = {
  readonly source: ByteSource;
  readonly target: ByteSource;
  readonly segments: Segments;
  readonly container: WantedContainer;
  /** Given up beyond this. */
  readonly maxBytes?: number | undefined;
};

type Triple = { source: number; add: number; copy: number; readonly target: number };

const CHUNK_BYTES = 256 * 1024;

/**
 * What writing takes besides the patch, in bytes: bzip2 works on blocks. Where a stream may be brotli, all are
 * held, together as long as the target and a little for the triples, and the one at hand is there twice.
 */
export function bsdiffWriterMemory(container: WantedContainer, targetSize: number): number {
  const bzip2 = bzip2Memory(bzip2Streams(container));
  return mayUseBrotli(container) ? bzip2 + Math.ceil(2.25 * targetSize) + BROTLI_WORK_BYTES : bzip2;
}

function mayUseBrotli(container: WantedContainer): boolean {
  return container === "bsdf2" || container === "shortest";
}

function bzip2Streams(container: WantedContainer): number {
  return (container === "endsley" ? 1 : 3) * ENCODERS_EACH;
}

/** @throws PatchTooLong */
export function writeBsdiff(parts: BsdiffParts): Uint8Array {
  const { source, target, segments, container, maxBytes } = parts;
  const bzip2 = new Bzip2Kernel(bzip2Streams(container));
  if (container === "endsley") {
    const all = new ShorterBzip2(bzip2);
    writeTriples(source, target, limited(segments, [all], maxBytes), all, all, all);
    const header = new Uint8Array(ENDSLEY_HEADER_BYTES);
    header.set(ENDSLEY_MAGIC);
    writeInteger(header, 16, target.size);
    return Buffer.concat([header, all.finish()]);
  }
  const open = (): ShorterBzip2 | ShortestStream =>
    mayUseBrotli(container) ? new ShortestStream(bzip2) : new ShorterBzip2(bzip2);
  const [control, diff, extra] = [open(), open(), open()];
  writeTriples(source, target, limited(segments, [control, diff, extra], maxBytes), control, diff, extra);
  const packed: PackedStream[] = [];
  for (const stream of [control, diff, extra]) {
    const last = stream.finish();
    packed.push(last instanceof Uint8Array ? { compressor: "bzip2", bytes: last } : last);
    checkLength(
      packed.reduce((sum, { bytes }) => sum + bytes.length, HEADER_BYTES),
      maxBytes,
    );
  }
  const header = headerOf(container, packed);
  writeInteger(header, 8, packed[0]!.bytes.length);
  writeInteger(header, 16, packed[1]!.bytes.length);
  writeInteger(header, 24, target.size);
  return Buffer.concat([header, ...packed.map(({ bytes }) => bytes)]);
}

/** Magic and compressors. */
function headerOf(container: WantedContainer, packed: readonly PackedStream[]): Uint8Array {
  const header = new Uint8Array(HEADER_BYTES);
  const plain = container === "shortest" && packed.every(({ compressor }) => compressor === "bzip2");
  if (container === "bsdiff40" || plain) {
    header.set(BSDIFF40_MAGIC);
    return header;
  }
  header.set(BSDF2_MAGIC);
  header.set(
    packed.map(({ compressor }) => COMPRESSORS.indexOf(compressor)),
    BSDF2_MAGIC.length,
  );
  return header;
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

/** `bytes` is what surely came out so far. */
type Compress = {
  readonly bytes: number;
  readonly push: (bytes: Uint8Array) => void;
};
