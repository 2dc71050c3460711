/**
 * ZSTD_DICT: one zstd frame (RFC 8878) with the source as raw-content dictionary.
 *
 * The same as `zstd --patch-from=SOURCE` writes and `zstd -d --patch-from=SOURCE` reads. The frame header
 * is read here first, so that window and content size are bounded before a decoder allocates anything.
 */
import { type ByteSource, readAll } from "../../../base/byte-source.ts";
import { DeltaError } from "../error.ts";

const MAGIC = 0xfd2fb528;
/** RFC 8878, 3.1.1.1: magic, descriptor, window, dictionary id and content size at their longest. */
export const ZSTD_HEADER_BYTES = 18;
/** What zstd itself accepts at most (ZSTD_WINDOWLOG_MAX_64). */
const MAX_WINDOW_LOG = 31;
/** RFC 8878, 3.1.1.2.4: no block is longer. */
const BLOCK_RAW = 0;
const BLOCK_RLE = 1;
const BLOCK_RESERVED = 3;

export type ZstdFrame = {
  readonly windowBytes: number;
  /** undefined when the writer did not say. */
  readonly contentBytes: number | undefined;
  readonly checksum: boolean;
  readonly headerBytes: number;
};

export function isZstd(patch: Uint8Array): boolean {
  return patch.length >= 4 && Buffer.from(patch.buffer, patch.byteOffset, 4).readUInt32LE(0) === MAGIC;
}

/** RFC 8878, 3.1.1.1. @throws DeltaError DELTA_MAGIC, DELTA_TRUNCATED, DELTA_CORRUPT, DELTA_SIZE */
export function readZstdFrame(patch: Uint8Array): ZstdFrame {
  if (!isZstd(patch)) throw new DeltaError("DELTA_MAGIC", "the patch does not start as a zstd frame");
  const view = Buffer.from(patch.buffer, patch.byteOffset, patch.length);
  const need = (bytes: number): void => {
    if (view.length < bytes)
      throw new DeltaError("DELTA_TRUNCATED", "the patch ends inside its frame header");
  };
  need(6);
  const descriptor = view[4]!;
  if (descriptor & 0x08) throw new DeltaError("DELTA_CORRUPT", "the zstd frame sets a reserved bit");
  const single = (descriptor & 0x20) !== 0;
  const contentField = [single ? 1 : 0, 2, 4, 8][descriptor >>> 6]!;
  const dictionaryField = [0, 1, 2, 4][descriptor & 3]!;
  let at = 5;
  let windowBytes = 0;
  if (!single) {
    const exponent = view[at]! >>> 3;
    const base = 2 ** (10 + exponent);
    windowBytes = base + (base / 8) * (view[at]! & 7);
    at++;
  }
  at += dictionaryField;
  need(at + contentField);
  let contentBytes: number | undefined;
  if (contentField === 1) contentBytes = view[at]!;
  else if (contentField === 2) contentBytes = view.readUInt16LE(at) + 256;
  else if (contentField === 4) contentBytes = view.readUInt32LE(at);
  else if (contentField === 8) contentBytes = Number(view.readBigUInt64LE(at));
  if (contentBytes !== undefined && !Number.isSafeInteger(contentBytes)) {
    throw new DeltaError("DELTA_SIZE", "the zstd frame names a size beyond 2^53 - 1");
  }
  if (single) windowBytes = contentBytes ?? 0;
  if (windowBytes > 2 ** MAX_WINDOW_LOG)
    throw new DeltaError("DELTA_SIZE", `the zstd frame wants a window of ${windowBytes} bytes`);
  return { windowBytes, contentBytes, checksum: (descriptor & 4) !== 0, headerBytes: at + contentField };
}

/**
 * Source and window are in memory by the format's nature, and so the target comes as one piece.
 *
 * @throws DeltaError
 */
export async function* applyZstdDict(request: {
  readonly source: ByteSource;
  readonly patch: ByteSource;
  readonly targetSize: number;
}): AsyncGenerator<Uint8Array> {
  const { targetSize } = request;
  const patch = readAll(request.patch);
  const frame = readZstdFrame(patch);
  if (frame.contentBytes !== undefined && frame.contentBytes !== targetSize) {
    throw new DeltaError(
      "DELTA_TARGET_SIZE",
      `the patch makes ${frame.contentBytes} bytes, expected ${targetSize}`,
    );
  }
  refuseTrailing(patch, frame);
  const target = await decompress(readAll(request.source), patch, targetSize);
  if (target.length !== targetSize) {
    throw new DeltaError(
      "DELTA_TARGET_SIZE",
      `the patch makes ${target.length} bytes, expected ${targetSize}`,
    );
  }
  yield target;
}

async function decompress(source: Uint8Array, patch: Uint8Array, targetSize: number): Promise<Uint8Array> {
  // Loaded when it is used: most patches are of another format.
  const { constants, zstdDecompressSync } = await import("node:zlib");
  try {
    return zstdDecompressSync(patch, {
      ...(source.length > 0 && { dictionary: source }),
      maxOutputLength: Math.max(1, targetSize),
      params: { [constants.ZSTD_d_windowLogMax]: MAX_WINDOW_LOG },
    });
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
    if (code === "ERR_BUFFER_TOO_LARGE")
      throw new DeltaError("DELTA_SIZE", `the patch makes more than the ${targetSize} bytes expected`, {
        cause,
      });
    throw new DeltaError("DELTA_CORRUPT", "the zstd frame cannot be decoded with this source", { cause });
  }
}

/** Walks the blocks (RFC 8878, 3.1.1.2), because the decoder would quietly take a second frame or stop early. */
function refuseTrailing(patch: Uint8Array, frame: ZstdFrame): void {
  let at = frame.headerBytes;
  for (let last = false; !last; ) {
    if (at + 3 > patch.length) throw new DeltaError("DELTA_TRUNCATED", "the patch ends between two blocks");
    const header = patch[at]! | (patch[at + 1]! << 8) | (patch[at + 2]! << 16);
    const type = (header >>> 1) & 3;
    if (type === BLOCK_RESERVED)
      throw new DeltaError("DELTA_CORRUPT", "the zstd frame has a block of a reserved type");
    last = (header & 1) === 1;
    at += 3 + (type === BLOCK_RLE ? 1 : header >>> 3);
    if (type === BLOCK_RAW && header >>> 3 > 1 << 17)
      throw new DeltaError("DELTA_CORRUPT", "a zstd block is longer than 128 KiB");
  }
  at += frame.checksum ? 4 : 0;
  if (at > patch.length) throw new DeltaError("DELTA_TRUNCATED", "the patch ends inside a block");
  if (at < patch.length) throw new DeltaError("DELTA_TRAILING", "bytes follow the zstd frame");
}
