/** SHA-256 (FIPS 180-4) of bytes, files and what streams by, always as 64 lower-case hex digits. */
import { createHash } from "node:crypto";
import { closeSync, readSync } from "node:fs";
import { openRegularFile, openRegularFileSync } from "./input-file.ts";

/** Large enough that the hash, not the system call, is the cost. */
const READ_BYTES = 1 << 18;

export function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** Of a regular file; a FIFO in its place would be waited for. One buffer is read into again and again: a stream of new ones would stay in memory until they are collected. */
export async function sha256OfFile(path: string, signal?: AbortSignal): Promise<string> {
  const hash = createHash("sha256");
  const { file } = await openRegularFile(path);
  try {
    const buffer = new Uint8Array(READ_BYTES);
    for (;;) {
      signal?.throwIfAborted();
      const { bytesRead } = await file.read(buffer, 0, READ_BYTES);
      if (bytesRead === 0) return hash.digest("hex");
      hash.update(buffer.subarray(0, bytesRead));
    }
  } finally {
    await file.close();
  }
}

let readInto: Uint8Array | undefined;

/** The same for a thread that has nothing else to do. */
export function sha256OfFileSync(path: string): string {
  const hash = createHash("sha256");
  readInto ??= new Uint8Array(READ_BYTES);
  const { file } = openRegularFileSync(path);
  try {
    for (;;) {
      const read = readSync(file, readInto, 0, READ_BYTES, null);
      if (read === 0) return hash.digest("hex");
      hash.update(readInto.subarray(0, read));
    }
  } finally {
    closeSync(file);
  }
}

export async function sha256OfPieces(
  pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): Promise<string> {
  const hash = createHash("sha256");
  for await (const piece of pieces) hash.update(piece);
  return hash.digest("hex");
}

/** What streams through, unchanged; `digest()` is asked when all has come. */
export function hashing(pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): {
  readonly pieces: AsyncIterable<Uint8Array>;
  readonly digest: () => string;
} {
  const hash = createHash("sha256");
  async function* through(): AsyncGenerator<Uint8Array> {
    for await (const piece of pieces) {
      hash.update(piece);
      yield piece;
    }
  }
  return { pieces: through(), digest: () => hash.digest("hex") };
}

export function isSha256(text: string): boolean {
  return /^[0-9a-f]{64}$/.test(text);
}
