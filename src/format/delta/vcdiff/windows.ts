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
import { DeviceKernel } from "../../../kernel/device-kernel.ts";
import { DeltaError } from "../error.ts";
import { refuse } from "../refusal.ts";
import { ADLER32_START, ADLER32_START_SDCH } from "./adler32.ts";
import type { CodeTable } from "./code-table.ts";
import type { PatchReader } from "./patch-reader.ts";
import { type Secondary, type SectionDecoder, sectionDecoder } from "./secondary.ts";
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
 * Yields each window's target: a view of memory that the next window uses again.
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
  const sections = new SectionReader(reader, format);
  let segment: ByteSource = source;
  const readSource = (position: number, into: Uint8Array): void => segment.read(position, into);
  const kernel = DeviceKernel.take({ readSource, refuse });
  try {
    kernel.openVcdiff(codeTable.entries, codeTable.nearSize, codeTable.sameSize);
    kernel.openSource(source.size);
    let made = 0;
    while (end === undefined ? made < targetSize : reader.position < end) {
      const header = readWindowHeader(reader, dialect, secondary !== "none");
      checkWindow(header, targetSize - made, targetSize);
      const size = header.segment === "source" ? source.size : made;
      checkSegment(header, size);
      // The source stays as it is; what is written grows from window to window.
      if (header.segment === "target" || segment === written) {
        segment = header.segment === "target" ? written : source;
        kernel.openSource(header.segment === "target" ? made : source.size);
      }
      const target = sections.read(header, kernel);
      kernel.followInstructions(header.segmentPosition, header.segmentLength);
      if (header.adler32 !== undefined && header.adler32 !== kernel.adler32(target, checksumStart))
        throw new DeltaError("DELTA_CORRUPT", "the checksum of a window differs");
      made += target.length;
      if (target.length > 0) yield target;
    }
    if (made !== targetSize) throw wrongSize(targetSize, `${made} bytes, fewer`);
  } finally {
    kernel.giveBack();
  }
}

function checkWindow({ targetLength }: WindowHeader, missing: number, targetSize: number): void {
  if (targetLength > missing) throw wrongSize(targetSize, "more");
  if (targetLength > MAX_TARGET_WINDOW_BYTES) {
    throw new DeltaError(
      "DELTA_SIZE",
      `a window of the patch makes ${targetLength} bytes, at most ${MAX_TARGET_WINDOW_BYTES} are read`,
    );
  }
}

function checkSegment(
  { segment: from, segmentPosition: position, segmentLength: length }: WindowHeader,
  size: number,
): void {
  if (from !== "none" && (position > size || length > size - position)) {
    throw new DeltaError(
      "DELTA_OFFSET",
      `a window copies ${length} bytes from ${position}, but its ${from} ends at ${size}`,
    );
  }
}

/** Brings the three sections behind a window's header, decompressed where need be, into the kernel. */
class SectionReader {
  readonly #reader: PatchReader;
  readonly #format: WindowFormat;
  readonly #decoders = new Map<number, SectionDecoder>();

  constructor(reader: PatchReader, format: WindowFormat) {
    this.#reader = reader;
    this.#format = format;
  }

  /** Leaves the window open in the kernel, and returns where its target will be. */
  read(header: WindowHeader, kernel: DeviceKernel): Uint8Array {
    const { dataLength, instructionsLength, addressesLength, deltaIndicator, targetLength } = header;
    if (dataLength + instructionsLength + addressesLength > MAX_SECTIONS_BYTES)
      throw sectionsTooLong(MAX_SECTIONS_BYTES);
    // open-vcdiff's dialect: with the other two empty, everything stands among the instructions.
    const interleaved = this.#format.dialect === "sdch" && dataLength === 0 && addressesLength === 0;
    if (deltaIndicator === 0) {
      const lengths = { data: dataLength, instructions: instructionsLength, addresses: addressesLength };
      const { sections, target } = kernel.openWindow({ ...lengths, interleaved }, targetLength);
      this.#reader.fill(sections);
      return target;
    }
    const [data, instructions, addresses] = this.#decompress(header, interleaved);
    const lengths = { data: data.length, instructions: instructions.length, addresses: addresses.length };
    const { sections, target } = kernel.openWindow({ ...lengths, interleaved }, targetLength);
    sections.set(data);
    sections.set(instructions, data.length);
    sections.set(addresses, data.length + instructions.length);
    return target;
  }

  #decompress(
    { dataLength, instructionsLength, addressesLength, deltaIndicator, targetLength }: WindowHeader,
    interleaved: boolean,
  ): readonly [Uint8Array, Uint8Array, Uint8Array] {
    let left = decompressedBytes(targetLength);
    const plain = (bit: number, bytes: Uint8Array): Uint8Array => {
      const section = (deltaIndicator & bit) === 0 ? bytes : this.#decoder(bit).decode(bytes, left);
      if (section.length > left) throw sectionsTooLong(left);
      left -= section.length;
      return section;
    };
    const [data, instructions, addresses] = [dataLength, instructionsLength, addressesLength].map((length) =>
      this.#section(length),
    ) as [Uint8Array, Uint8Array, Uint8Array];
    if (interleaved) return [data, plain(VCD_INSTCOMP, instructions), addresses];
    return [plain(VCD_DATACOMP, data), plain(VCD_INSTCOMP, instructions), plain(VCD_ADDRCOMP, addresses)];
  }

  #section(length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    this.#reader.fill(bytes);
    return bytes;
  }

  #decoder(bit: number): SectionDecoder {
    let decoder = this.#decoders.get(bit);
    if (!decoder) {
      decoder = sectionDecoder(this.#format.secondary);
      this.#decoders.set(bit, decoder);
    }
    return decoder;
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
