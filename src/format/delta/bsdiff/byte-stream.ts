/** The decompressed bytes of one part of a patch, taken in whatever amounts the control asks for. */
import { brotliDecompressSync, createBrotliDecompress } from "node:zlib";
import type { ByteSource } from "../../../base/byte-source.ts";
import { decodeBzip2 } from "../bzip2/decode.ts";
import { DeltaError } from "../error.ts";
import type { Part } from "./container.ts";

const CHUNK_BYTES = 64 * 1024;
const SHORT_BYTES = 64;
/** Below this a stream of Node costs more than the memory it saves. */
const SMALL_BYTES = 4096;

export class ByteStream {
  readonly #pieces: AsyncIterator<Uint8Array> | Iterator<Uint8Array>;
  #piece: Uint8Array = new Uint8Array();
  #at = 0;

  /** @param maxBytes refuse to hold more than this */
  constructor(patch: ByteSource, part: Part, maxBytes: number) {
    this.#pieces = pieces(patch, part, maxBytes);
  }

  /** Fills `length` bytes when it can without waiting; else says no, and take() is to be asked. */
  takeNow(into: Uint8Array, start: number, length: number): boolean {
    if (length > this.#piece.length - this.#at) return false;
    this.#copy(into, start, length);
    return true;
  }

  /** @throws DeltaError DELTA_TRUNCATED when the stream ends before */
  async take(into: Uint8Array, start: number, length: number): Promise<void> {
    for (let done = 0; done < length; ) {
      if (this.#at === this.#piece.length && !(await this.#next())) {
        throw new DeltaError("DELTA_TRUNCATED", "the patch ends before its target does");
      }
      const part = Math.min(length - done, this.#piece.length - this.#at);
      this.#copy(into, start + done, part);
      done += part;
    }
  }

  /** A view costs more than a few bytes copied by hand. */
  #copy(into: Uint8Array, start: number, length: number): void {
    const piece = this.#piece;
    const at = this.#at;
    if (length > SHORT_BYTES) into.set(piece.subarray(at, at + length), start);
    else for (let i = 0; i < length; i++) into[start + i] = piece[at + i]!;
    this.#at = at + length;
  }

  /** Reads to the end, so that every checksum is checked. @throws DeltaError DELTA_TRAILING */
  async finish(): Promise<void> {
    if (this.#at < this.#piece.length || (await this.#next())) {
      throw new DeltaError("DELTA_TRAILING", "the patch holds data that nothing uses");
    }
  }

  async close(): Promise<void> {
    await this.#pieces.return?.();
  }

  async #next(): Promise<boolean> {
    do {
      const { done, value } = await this.#pieces.next();
      if (done) return false;
      this.#piece = value;
      this.#at = 0;
    } while (this.#piece.length === 0);
    return true;
  }
}

function pieces(
  patch: ByteSource,
  { start, end, compressor }: Part,
  maxBytes: number,
): AsyncIterator<Uint8Array> | Iterator<Uint8Array> {
  switch (compressor) {
    case "bzip2":
      return decodeBzip2(patch, { start, end, maxBytes });
    case "brotli":
      return decodeBrotli(patch, start, end, maxBytes);
    case "none":
      return stored(patch, start, end);
  }
}

function* stored(patch: ByteSource, start: number, end: number): Generator<Uint8Array> {
  for (let at = start; at < end; at += CHUNK_BYTES) {
    const chunk = new Uint8Array(Math.min(CHUNK_BYTES, end - at));
    patch.read(at, chunk);
    yield chunk;
  }
}

async function* decodeBrotli(
  patch: ByteSource,
  start: number,
  end: number,
  maxBytes: number,
): AsyncGenerator<Uint8Array> {
  try {
    if (end - start <= SMALL_BYTES && maxBytes <= CHUNK_BYTES) {
      const all = new Uint8Array(end - start);
      patch.read(start, all);
      // What the types do not know: with `info` the decoder comes back too, and tells how much it took.
      const { buffer, engine } = brotliDecompressSync(all, {
        maxOutputLength: Math.max(1, maxBytes),
        info: true,
      }) as unknown as { buffer: Uint8Array; engine: { bytesWritten: number } };
      if (engine.bytesWritten < all.length) throw trailing();
      yield buffer;
      return;
    }
    const decoder = createBrotliDecompress({ chunkSize: CHUNK_BYTES });
    let made = 0;
    let fed = 0;
    const feed = async (): Promise<void> => {
      for (const chunk of stored(patch, start, end)) {
        fed += chunk.length;
        if (!decoder.write(chunk)) await new Promise<void>((resolve) => decoder.once("drain", resolve));
      }
      decoder.end();
    };
    const feeding = feed();
    feeding.catch((error) => decoder.destroy(error));
    for await (const piece of decoder as AsyncIterable<Buffer>) {
      made += piece.length;
      if (made > maxBytes) throw new DeltaError("DELTA_SIZE", `a stream holds more than ${maxBytes} bytes`);
      yield piece;
    }
    if (decoder.bytesWritten < fed || fed < end - start) throw trailing();
  } catch (cause) {
    if (cause instanceof DeltaError) throw cause;
    throw new DeltaError("DELTA_CORRUPT", "a brotli stream in the patch is damaged", { cause });
  }
}

function trailing(): DeltaError {
  return new DeltaError("DELTA_TRAILING", "bytes follow the end of a brotli stream");
}
