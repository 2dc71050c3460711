/**
 * ELF (System V ABI, chapters 4 and 5), 64 bits and little endian: which bytes are code and which are data.
 *
 * Sections say it best; a file without them has its segments. Every number is read as it is and bounded by the
 * file, whatever it says.
 */
import type { ByteSource } from "../../../base/byte-source.ts";
import { type Image, MAX_BASES } from "../../../kernel/themis-kernel.ts";
import { imageOf, type Kind, type Part } from "./ranges.ts";

const HEADER_BYTES = 64;
const MOST_ENTRIES = 4096;
const MACHINES: Readonly<Record<number, Kind>> = { 62: "x86", 183: "arm64" };
const SHT_NOBITS = 8;
const SHF_ALLOC = 2;
const SHF_EXECINSTR = 4;
const SHF_TLS = 0x400;
const PT_LOAD = 1;
const PF_X = 1;
/** Where what has no address is put: far from all that has. */
const NO_ADDRESS = 0xc0000000;
const SHT_SYMTAB = 2;
const SHT_STRTAB = 3;
const SHT_DYNSYM = 11;
const PT_GNU_EH_FRAME = 0x6474e550;
const GO_MAGICS = [0xfffffff0, 0xfffffff1];

/** undefined when it is no such file. */
export function readElf(file: ByteSource): Image | undefined {
  const header = bytesAt(file, 0, HEADER_BYTES);
  if (header?.readUInt32BE(0) !== 0x7f454c46) return undefined;
  if (header[4] !== 2 || header[5] !== 1) return undefined;
  const code = MACHINES[header.readUInt16LE(18)] ?? "plain";
  const sections = [...entriesOf(file, header, 40, 58, 60, 64)];
  if (sections.length === 0) return imageOf(readSegments(file, header, code), file.size, []);
  const tables = new Tables(file, header, sections);
  const parts = sections.flatMap((section, index) => partOf(section, code, tables.basesOf(index)));
  return imageOf(parts, file.size, tables.bases);
}

function partOf(section: Buffer, code: Kind, bases: number): Part[] {
  const type = section.readUInt32LE(4);
  const flags = section.readUInt32LE(8);
  const part = { address: addressOf(section), offset: wide(section, 24), length: wide(section, 32) };
  if (type === 0 || (flags & SHF_TLS && type === SHT_NOBITS)) return [];
  if (type === SHT_NOBITS) return [{ ...part, kind: "empty" }];
  if (type === SHT_STRTAB) return [{ ...part, kind: "plain" }];
  if (flags & SHF_ALLOC) return [{ ...part, kind: flags & SHF_EXECINSTR ? code : "words", bases }];
  return type === SHT_SYMTAB ? [{ ...part, kind: "words", bases }] : [];
}

/** What no program sees has a place far from all that it does. */
function addressOf(section: Buffer): number {
  if (section.readUInt32LE(8) & SHF_ALLOC) return section.readUInt32LE(16);
  return (NO_ADDRESS + (wide(section, 24) % 2 ** 29)) % 2 ** 32;
}

/**
 * Sections whose words count from somewhere: symbols from their names, unwind tables from their own start, and
 * what Go knows of functions from five places that its header says.
 */
class Tables {
  readonly bases: number[] = [];
  readonly #sections: readonly Buffer[];
  readonly #unwind: number;
  readonly #file: ByteSource;

  constructor(file: ByteSource, header: Buffer, sections: readonly Buffer[]) {
    this.#file = file;
    this.#sections = sections;
    const segments = [...entriesOf(file, header, 32, 54, 56, 56)];
    const unwind = segments.find((segment) => segment.readUInt32LE(0) === PT_GNU_EH_FRAME);
    this.#unwind = unwind ? wide(unwind, 8) : -1;
  }

  /** A bit for each of `bases`. */
  basesOf(index: number): number {
    const section = this.#sections[index]!;
    const type = section.readUInt32LE(4);
    if (type === SHT_SYMTAB || type === SHT_DYNSYM) {
      const names = this.#sections[section.readUInt32LE(40)];
      return names ? this.#add([addressOf(names)]) : 0;
    }
    if (wide(section, 24) === this.#unwind) return this.#add([addressOf(section)]);
    return this.#add(goTables(this.#file, section));
  }

  #add(addresses: readonly number[]): number {
    if (this.bases.length + addresses.length > MAX_BASES) return 0;
    const first = this.bases.length;
    this.bases.push(...addresses.map((address) => address % 2 ** 32));
    return addresses.reduce((mask, _, index) => mask | (1 << (first + index)), 0);
  }
}

/** Of runtime.pclntab since Go 1.18: functions' names, files, positions, the functions, and where the code begins. */
function goTables(file: ByteSource, section: Buffer): number[] {
  const header = bytesAt(file, wide(section, 24), 72);
  if (!header || !GO_MAGICS.includes(header.readUInt32LE(0)) || header[7] !== 8) return [];
  const place = (at: number): number => (section.readUInt32LE(16) + header.readUInt32LE(at)) % 2 ** 32;
  return [place(32), place(56), place(64), header.readUInt32LE(24)];
}

function readSegments(file: ByteSource, header: Buffer, code: Kind): Part[] {
  const parts: Part[] = [];
  for (const entry of entriesOf(file, header, 32, 54, 56, 56)) {
    if (entry.readUInt32LE(0) !== PT_LOAD) continue;
    const [offset, length, inMemory] = [wide(entry, 8), wide(entry, 32), wide(entry, 40)];
    const address = entry.readUInt32LE(16);
    parts.push({ offset, length, address, kind: entry.readUInt32LE(4) & PF_X ? code : "words" });
    if (inMemory > length) {
      parts.push({ offset, length: inMemory - length, address: (address + length) % 2 ** 32, kind: "empty" });
    }
  }
  return parts;
}

/** @param place, size, count where the header says where a table is, how long an entry is and how many there are */
function* entriesOf(
  file: ByteSource,
  header: Buffer,
  place: number,
  size: number,
  count: number,
  least: number,
): Generator<Buffer> {
  const each = header.readUInt16LE(size);
  if (each < least) return;
  const start = wide(header, place);
  for (let index = 0; index < Math.min(header.readUInt16LE(count), MOST_ENTRIES); index++) {
    const entry = bytesAt(file, start + index * each, least);
    if (entry) yield entry;
  }
}

/** 64 bits; beyond 2^53 it is no place in any file, whichever it is. */
export function wide(bytes: Buffer, at: number): number {
  return bytes.readUInt32LE(at) + bytes.readUInt32LE(at + 4) * 2 ** 32;
}

/** undefined when the file does not reach so far. */
export function bytesAt(file: ByteSource, position: number, length: number): Buffer | undefined {
  if (!(position >= 0 && position + length <= file.size)) return undefined;
  const bytes = Buffer.alloc(length);
  file.read(position, bytes);
  return bytes;
}
