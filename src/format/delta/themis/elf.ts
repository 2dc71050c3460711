/**
 * ELF (System V ABI, chapters 4 and 5), 64 bits and little endian: which bytes are code and which are data.
 *
 * Sections say it best; a file without them has its segments. Every number is read as it is and bounded by the
 * file, whatever it says.
 */
import type { ByteSource } from "../../../base/byte-source.ts";
import type { Image } from "../../../kernel/themis-kernel.ts";
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

/** undefined when it is no such file. */
export function readElf(file: ByteSource): Image | undefined {
  const header = bytesAt(file, 0, HEADER_BYTES);
  if (header?.readUInt32BE(0) !== 0x7f454c46) return undefined;
  if (header[4] !== 2 || header[5] !== 1) return undefined;
  const code = MACHINES[header.readUInt16LE(18)] ?? "plain";
  const sections = readSections(file, header, code);
  return imageOf(sections.length > 0 ? sections : readSegments(file, header, code), file.size, 0);
}

function readSections(file: ByteSource, header: Buffer, code: Kind): Part[] {
  const parts: Part[] = [];
  for (const entry of entriesOf(file, header, 40, 58, 60, 64)) {
    const type = entry.readUInt32LE(4);
    const flags = entry.readUInt32LE(8);
    const part = { address: entry.readUInt32LE(16), offset: wide(entry, 24), length: wide(entry, 32) };
    if (type === 0 || (flags & SHF_TLS && type === SHT_NOBITS)) continue;
    if (type === SHT_NOBITS) parts.push({ ...part, kind: "empty" });
    else if (!(flags & SHF_ALLOC)) {
      if (type === SHT_SYMTAB)
        parts.push({ ...part, address: NO_ADDRESS + (part.offset % 2 ** 30), kind: "words" });
    } else if (type === SHT_STRTAB) parts.push({ ...part, kind: "plain" });
    else parts.push({ ...part, kind: flags & SHF_EXECINSTR ? code : "words" });
  }
  return parts;
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
