/**
 * VCDIFF (RFC 3284), the encoder: the instructions of a window in, the fewest bytes out.
 *
 *   d6 c3 c4 00 | Hdr_Indicator | [application header] | window | window | …
 *
 * Somebody else decides what to copy; here it is decided how to say it: for each COPY the cheapest address
 * mode, for each pair of neighbours one opcode where the default table has one. A pair saves one byte
 * whichever it is, and no instruction can be in two, so taking the first that fits from the left saves the
 * most. The output uses nothing but the RFC and, when asked for, xdelta3's Adler-32 and application header.
 */
import { AddressCache } from "./address-cache.ts";
import { AddressEncoder } from "./address-encoder.ts";
import { adler32 } from "./adler32.ts";
import { ADD, COPY, type CodeTable, defaultCodeTable, RUN } from "./code-table.ts";
import { MAGIC, VCD_APPHEADER, VCD_CODETABLE, VERSION_RFC } from "./file-header.ts";
import { integerLength, writeInteger } from "./integer.ts";
import { Opcodes } from "./opcodes.ts";
import { VCD_ADLER32, VCD_SOURCE } from "./window-header.ts";

/** Kinds of operation, as they stand in `VcdiffWindow.operations`. */
export const OPERATION_ADD = 0;
export const OPERATION_RUN = 1;
export const OPERATION_COPY = 2;
/** [kind, size, address] */
export const OPERATION_FIELDS = 3;

const MAX_INTEGER_BYTES = 8;
const MAX_HEADER_BYTES = 64;

export type VcdiffWindow = {
  /** The bytes that the window makes. */
  readonly target: Uint8Array;
  /** What COPY may read before the window itself. */
  readonly sourceSegment: { readonly position: number; readonly length: number } | undefined;
  /**
   * Triples in the order of the target, which they fill: ADD and RUN take their bytes from `target`, COPY
   * has its address in U (segment first, then the window), and lies in one of the two as a whole.
   */
  readonly operations: Float64Array;
  readonly adler32: boolean;
};

export type VcdiffFileOptions = {
  /** Text for whoever reads it; xdelta3 puts file names there, and nobody else expects it. */
  readonly appHeader?: string;
  /** Other than the default one: the RFC's own, and yet xdelta3 and open-vcdiff's dialect do not read it. */
  readonly codeTable?: CodeTable;
};

/** Section 4.1. */
export function encodeVcdiffHeader({ appHeader, codeTable }: VcdiffFileOptions = {}): Uint8Array {
  const indicator = (codeTable ? VCD_CODETABLE : 0) | (appHeader === undefined ? 0 : VCD_APPHEADER);
  return Buffer.concat([
    Uint8Array.from([...MAGIC, VERSION_RFC, indicator]),
    ...(codeTable ? withLength(encodeCodeTable(codeTable)) : []),
    ...(appHeader === undefined ? [] : withLength(Buffer.from(appHeader))),
  ]);
}

/** Section 7: the sizes of its caches, and the table as a patch of the default one. */
function encodeCodeTable({ entries, nearSize, sameSize }: CodeTable): Uint8Array {
  const from = defaultCodeTable.entries;
  const operations: number[] = [];
  for (let at = 0; at < entries.length; ) {
    const same = entries[at] === from[at];
    let end = at + 1;
    while (end < entries.length && (entries[end] === from[end]) === same) end++;
    operations.push(same ? OPERATION_COPY : OPERATION_ADD, end - at, at);
    at = end;
  }
  const window = new VcdiffEncoder().writeWindow({
    target: entries,
    sourceSegment: { position: 0, length: from.length },
    operations: Float64Array.from(operations),
    adler32: false,
  });
  return Buffer.concat([Uint8Array.from([nearSize, sameSize]), encodeVcdiffHeader(), ...window]);
}

function withLength(bytes: Uint8Array): readonly Uint8Array[] {
  const length = new Uint8Array(integerLength(bytes.length));
  writeInteger(length, 0, bytes.length);
  return [length, bytes];
}

/** Writes windows one after another; its memory is as large as the largest of them. */
export class VcdiffEncoder {
  readonly #addresses: AddressEncoder;
  readonly #opcodes: Opcodes;
  readonly #data = new Output();
  readonly #instructions = new Output();
  readonly #places = new Output();
  readonly #header = new Uint8Array(MAX_HEADER_BYTES);

  /** @throws RangeError for a table that cannot say every instruction */
  constructor(codeTable: CodeTable = defaultCodeTable) {
    this.#addresses = new AddressEncoder(new AddressCache(codeTable));
    this.#opcodes = new Opcodes(codeTable);
  }

  /** The window in pieces, in order; they are valid until the next window is written. */
  writeWindow(window: VcdiffWindow): readonly Uint8Array[] {
    this.#encode(window);
    return [this.#writeHeader(window), this.#data.view(), this.#instructions.view(), this.#places.view()];
  }

  #encode({ target, sourceSegment, operations }: VcdiffWindow): void {
    const addresses = this.#addresses;
    const opcodes = this.#opcodes;
    const data = this.#data.clear();
    const instructions = this.#instructions.clear();
    const places = this.#places.clear();
    addresses.clear();
    const segmentLength = sourceSegment?.length ?? 0;
    let at = 0;
    /** The single opcode just written, if a pair could still be made of it: its entry, and where it stands. */
    let open = -1;
    for (let i = 0; i < operations.length; i += OPERATION_FIELDS) {
      const kind = operations[i]!;
      const size = operations[i + 1]!;
      if (size <= 0 || size > target.length - at)
        throw new Error(`operation ${i / 3} does not fit its window`);
      let instruction = ADD;
      let mode = 0;
      if (kind === OPERATION_ADD) {
        data.bytes(target, at, size);
      } else if (kind === OPERATION_RUN) {
        instruction = RUN;
        data.byte(target[at]!);
      } else {
        instruction = COPY;
        const address = operations[i + 2]!;
        const here = segmentLength + at;
        if (address < 0 || address >= here || (address < segmentLength && address + size > segmentLength))
          throw new Error(`operation ${i / 3} copies from outside of its segment or window`);
        addresses.encode(address, here);
        mode = addresses.mode;
        if (addresses.isByte) places.byte(addresses.value);
        else places.integer(addresses.value);
      }
      at += size;
      const opcode = open < 0 ? -1 : opcodes.pair(open, instruction, size, mode);
      if (opcode >= 0) {
        instructions.replaceLast(opcode);
        open = -1;
        continue;
      }
      const single = opcodes.single(instruction, size, mode);
      if (single >= 0) {
        instructions.byte(single);
        open = single;
      } else {
        instructions.byte(opcodes.single(instruction, 0, mode));
        instructions.integer(size);
        open = -1;
      }
    }
    if (at !== target.length) throw new Error(`the operations make ${at} bytes of ${target.length}`);
  }

  /** Section 4.2 and 4.3. */
  #writeHeader({ target, sourceSegment, adler32: wanted }: VcdiffWindow): Uint8Array {
    const header = this.#header;
    const lengths = [this.#data.length, this.#instructions.length, this.#places.length];
    let deltaLength = integerLength(target.length) + 1 + (wanted ? 4 : 0);
    for (const length of lengths) deltaLength += integerLength(length) + length;
    header[0] = (sourceSegment ? VCD_SOURCE : 0) | (wanted ? VCD_ADLER32 : 0);
    let at = 1;
    if (sourceSegment) {
      at = writeInteger(header, at, sourceSegment.length);
      at = writeInteger(header, at, sourceSegment.position);
    }
    at = writeInteger(header, at, deltaLength);
    at = writeInteger(header, at, target.length);
    header[at++] = 0;
    for (const length of lengths) at = writeInteger(header, at, length);
    if (wanted) {
      Buffer.from(header.buffer).writeUInt32BE(adler32(target), at);
      at += 4;
    }
    return header.subarray(0, at);
  }
}

/** Bytes that grow at their end. */
class Output {
  #bytes = new Uint8Array(4096);
  length = 0;

  clear(): this {
    this.length = 0;
    return this;
  }

  view(): Uint8Array {
    return this.#bytes.subarray(0, this.length);
  }

  byte(value: number): void {
    this.#reserve(1);
    this.#bytes[this.length++] = value;
  }

  replaceLast(value: number): void {
    this.#bytes[this.length - 1] = value;
  }

  integer(value: number): void {
    this.#reserve(MAX_INTEGER_BYTES);
    if (value < 128) this.#bytes[this.length++] = value;
    else this.length = writeInteger(this.#bytes, this.length, value);
  }

  bytes(from: Uint8Array, start: number, length: number): void {
    this.#reserve(length);
    if (length < 48) for (let i = 0; i < length; i++) this.#bytes[this.length + i] = from[start + i]!;
    else this.#bytes.set(from.subarray(start, start + length), this.length);
    this.length += length;
  }

  #reserve(more: number): void {
    if (this.length + more <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(this.length + more, 2 * this.#bytes.length));
    grown.set(this.view());
    this.#bytes = grown;
  }
}
