/**
 * Window after window of a VCDIFF patch (RFC 3284, section 3 and 4.2), in constant memory.
 *
 * A window is made whole before it is given away, because its instructions may copy from any part of it.
 * Source and earlier target are read by position. Everything that grows is bounded first:
 *
 *   target window         64 MiB, and never more than is still missing of the target
 *   one window's sections  128 MiB before and after decompression, all three together, and after it never
 *                          more than the window's instructions could use
 *   LZMA's dictionaries    64 MiB each, where somebody wrote xdelta3 -9 -S lzma
 */
import type { ByteSource } from "../../../base/byte-source.ts";
import { DeltaError } from "../error.ts";
import { AddressCache } from "./address-cache.ts";
import { ADLER32_START, ADLER32_START_SDCH, adler32 } from "./adler32.ts";
import type { CodeTable } from "./code-table.ts";
import { followInstructions, type Sections } from "./instructions.ts";
import { Cursor } from "./integer.ts";
import type { PatchReader } from "./patch-reader.ts";
import { type Secondary, type SectionDecoder, sectionDecoder } from "./secondary.ts";
import { Segment } from "./segment.ts";
import {
  type Dialect,
  readWindowHeader,
  VCD_ADDRCOMP,
  VCD_DATACOMP,
  VCD_INSTCOMP,
  type WindowHeader,
} from "./window-header.ts";

/** xdelta3 writes 8 MiB unless asked and reads at most 16 or 64, by version; open-vcdiff reads 64. */
export const MAX_TARGET_WINDOW_BYTES = 64 * 1024 * 1024;
/** A window of nothing but ADD needs its own size; of nothing but 4-byte COPY about as much. Twice that. */
const MAX_SECTIONS_BYTES = 2 * MAX_TARGET_WINDOW_BYTES;
/**
 * What is decompressed for a byte of target: a COPY of one takes an opcode and at most 8 bytes of address.
 * Without this a window of nothing could squeeze 128 MiB of instructions that do nothing into 20 KB.
 */
const MAX_DECOMPRESSED_PER_BYTE = 16;
const MAX_DECOMPRESSED_MORE = 1024;

export type WindowFormat = {
  readonly dialect: Dialect;
  readonly secondary: Secondary;
  readonly codeTable: CodeTable;
};

export type WindowRequest = {
  readonly source: ByteSource;
  /** Gives back the target as far as it was yielded. */
  readonly written: ByteSource;
  readonly targetSize: number;
  /** Where in the patch the windows end; without it they end with the target. */
  readonly end: number | undefined;
};

/**
 * Yields each window's target: a view of a buffer that the next window uses again.
 *
 * @throws DeltaError
 */
export function* decodeWindows(
  reader: PatchReader,
  format: WindowFormat,
  { source, written, targetSize, end }: WindowRequest,
): Generator<Uint8Array> {
  const { dialect, secondary, codeTable } = format;
  const checksumStart = dialect === "sdch" ? ADLER32_START_SDCH : ADLER32_START;
  const cache = new AddressCache(codeTable);
  const sections = new SectionReader(reader, format);
  const segment = new Segment();
  const buffer = new GrowingBuffer();
  let made = 0;
  while (end === undefined ? made < targetSize : reader.position < end) {
    const header = readWindowHeader(reader, dialect, secondary !== "none");
    if (header.targetLength > targetSize - made) throw wrongSize(targetSize, "more");
    if (header.targetLength > MAX_TARGET_WINDOW_BYTES) {
      throw new DeltaError(
        "DELTA_SIZE",
        `a window of the patch makes ${header.targetLength} bytes, at most ${MAX_TARGET_WINDOW_BYTES} are read`,
      );
    }
    openSegment(segment, header, source, written, made);
    const target = buffer.take(header.targetLength);
    cache.clear();
    followInstructions(sections.read(header), codeTable, cache, segment, target);
    if (header.adler32 !== undefined && header.adler32 !== adler32(target, checksumStart))
      throw new DeltaError("DELTA_CORRUPT", "the checksum of a window differs");
    made += target.length;
    if (target.length > 0) yield target;
  }
  if (made !== targetSize) throw wrongSize(targetSize, `${made} bytes, fewer`);
}

function openSegment(
  segment: Segment,
  { segment: from, segmentPosition: position, segmentLength: length }: WindowHeader,
  source: ByteSource,
  written: ByteSource,
  made: number,
): void {
  const size = from === "source" ? source.size : made;
  if (from !== "none" && (position > size || length > size - position)) {
    throw new DeltaError(
      "DELTA_OFFSET",
      `a window copies ${length} bytes from ${position}, but its ${from} ends at ${size}`,
    );
  }
  segment.open(from === "target" ? written : source, position, length);
}

/** Reads, and where need be decompresses, the three sections behind a window's header. */
class SectionReader {
  readonly #reader: PatchReader;
  readonly #format: WindowFormat;
  readonly #buffers = [new GrowingBuffer(), new GrowingBuffer(), new GrowingBuffer()] as const;
  readonly #decoders = new Map<number, SectionDecoder>();

  constructor(reader: PatchReader, format: WindowFormat) {
    this.#reader = reader;
    this.#format = format;
  }

  read(header: WindowHeader): Sections {
    const { dataLength, instructionsLength, addressesLength, deltaIndicator, targetLength } = header;
    if (dataLength + instructionsLength + addressesLength > MAX_SECTIONS_BYTES)
      throw sectionsTooLong(MAX_SECTIONS_BYTES);
    let left = deltaIndicator === 0 ? MAX_SECTIONS_BYTES : decompressedBytes(targetLength);
    const data = this.#section(0, dataLength);
    const instructions = this.#section(1, instructionsLength);
    const addresses = this.#section(2, addressesLength);
    // open-vcdiff's dialect: with the other two empty, everything stands among the instructions.
    if (this.#format.dialect === "sdch" && dataLength === 0 && addressesLength === 0) {
      const cursor = new Cursor(this.#plain(VCD_INSTCOMP, deltaIndicator, instructions, left));
      return { data: cursor, instructions: cursor, addresses: cursor };
    }
    const plain = (bit: number, bytes: Uint8Array): Cursor => {
      const cursor = new Cursor(this.#plain(bit, deltaIndicator, bytes, left));
      left -= cursor.bytes.length;
      return cursor;
    };
    return {
      data: plain(VCD_DATACOMP, data),
      instructions: plain(VCD_INSTCOMP, instructions),
      addresses: plain(VCD_ADDRCOMP, addresses),
    };
  }

  #section(index: 0 | 1 | 2, length: number): Uint8Array {
    const bytes = this.#buffers[index].take(length);
    this.#reader.fill(bytes);
    return bytes;
  }

  #plain(bit: number, deltaIndicator: number, bytes: Uint8Array, maxBytes: number): Uint8Array {
    if ((deltaIndicator & bit) === 0) {
      if (bytes.length > maxBytes) throw sectionsTooLong(maxBytes);
      return bytes;
    }
    let decoder = this.#decoders.get(bit);
    if (!decoder) {
      decoder = sectionDecoder(this.#format.secondary);
      this.#decoders.set(bit, decoder);
    }
    return decoder.decode(bytes, maxBytes);
  }
}

/** Memory used again and again, as long as the longest that was asked for. */
class GrowingBuffer {
  #bytes = new Uint8Array(0);

  take(length: number): Uint8Array {
    if (length > this.#bytes.length) this.#bytes = new Uint8Array(length);
    return this.#bytes.subarray(0, length);
  }
}

function decompressedBytes(targetLength: number): number {
  return Math.min(MAX_SECTIONS_BYTES, MAX_DECOMPRESSED_PER_BYTE * targetLength + MAX_DECOMPRESSED_MORE);
}

function wrongSize(targetSize: number, made: string): DeltaError {
  return new DeltaError("DELTA_TARGET_SIZE", `the patch makes ${made} than the ${targetSize} bytes expected`);
}

function sectionsTooLong(maxBytes: number): DeltaError {
  return new DeltaError("DELTA_SIZE", `sections of a window exceed ${maxBytes} bytes`);
}
