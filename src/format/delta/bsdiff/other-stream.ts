/**
 * A stream of a patch that is not bzip2, which the kernel reads by itself: stored, or brotli (BSDF2 only).
 *
 * Brotli is Node's, and Node's has no synchronous stream: so the kernel stops when it needs more, and goes
 * on when it was filled.
 */
import type { ByteSource } from "../../../base/byte-source.ts";
import type { DeviceKernel } from "../../../kernel/device-kernel.ts";
import { DeltaError } from "../error.ts";
import type { Part } from "./container.ts";

const CHUNK_BYTES = 64 * 1024;
/** Below this a stream of Node costs more than the memory it saves. */
const SMALL_BYTES = 4096;

export class OtherStream {
  readonly #pieces: AsyncIterator<Uint8Array> | Iterator<Uint8Array>;
  #piece: Uint8Array = new Uint8Array();

  /** @param maxBytes refuse to hold more than this */
  constructor(patch: ByteSource, { start, end, compressor }: Part, maxBytes: number) {
    this.#pieces =
      compressor === "brotli" ? decodeBrotli(patch, start, end, maxBytes) : stored(patch, start, end);
  }

  /** Gives the kernel as much as it has room for, or says that there is no more. @throws DeltaError */
  async fill(kernel: DeviceKernel, stream: number): Promise<void> {
    while (this.#piece.length === 0) {
      const { done, value } = await this.#pieces.next();
      if (done) break;
      this.#piece = value;
    }
    const { room, filled } = kernel.roomFor(stream);
    const length = Math.min(room.length, this.#piece.length);
    room.set(this.#piece.subarray(0, length));
    this.#piece = this.#piece.subarray(length);
    filled(length);
  }

  async close(): Promise<void> {
    await this.#pieces.return?.();
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
  const { brotliDecompressSync, createBrotliDecompress } = await import("node:zlib");
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
    if (decoder.bytesWritten < fed || fed < end - start) {
      throw trailing();
    }
  } catch (cause) {
    if (cause instanceof DeltaError) throw cause;
    throw new DeltaError("DELTA_CORRUPT", "a brotli stream in the patch is damaged", { cause });
  }
}

function trailing(): DeltaError {
  return new DeltaError("DELTA_TRAILING", "bytes follow the end of a brotli stream");
}
