/**
 * Mach-O (Apple's loader.h, fat.h): sections of 64-bit images for x86-64 and arm64, alone or several in one file.
 *
 * The images of a universal binary all begin at the same address; each is moved by a quarter of the 32-bit
 * space, so that an address says which of them it is in.
 */
import { type ByteSource, partOf } from "../../../base/byte-source.ts";
import type { Image } from "../../../kernel/themis-kernel.ts";
import { bytesAt, wide } from "./elf.ts";
import { imageOf, type Kind, type Part } from "./ranges.ts";

const CPUS: Readonly<Record<number, Kind>> = { 16777223: "x86", 16777228: "arm64" };
const MAGIC_64 = 0xfeedfacf;
const FAT_MAGIC = 0xcafebabe;
const LC_SEGMENT_64 = 0x19;
const SEGMENT_BYTES = 72;
const SECTION_BYTES = 80;
const HEADER_BYTES = 32;
const INSTRUCTIONS = 0x80000400;
const ZERO_FILLED = [1, 12, 18];
const MOST_COMMANDS = 512;
const MOST_IMAGES = 4;
const IMAGE_STEP = 2 ** 30;

/** undefined when it is no such file. */
export function readMachO(file: ByteSource): Image | undefined {
  const start = bytesAt(file, 0, 8);
  if (!start) return undefined;
  if (start.readUInt32LE(0) === MAGIC_64) return imageOf(partsOf(file, 0, 0), file.size, []);
  if (start.readUInt32BE(0) !== FAT_MAGIC) return undefined;
  // Java's class files begin alike; theirs is a version, and never so few.
  const count = start.readUInt32BE(4);
  if (count === 0 || count > MOST_IMAGES) return undefined;
  const parts: Part[] = [];
  for (let index = 0; index < count; index++) {
    const entry = bytesAt(file, 8 + index * 20, 20);
    const [offset, length] = [entry?.readUInt32BE(8) ?? 0, entry?.readUInt32BE(12) ?? 0];
    if (offset + length > file.size) continue;
    parts.push(...partsOf(partOf(file, offset, length), offset, index * IMAGE_STEP));
  }
  return imageOf(parts, file.size, []);
}

function partsOf(image: ByteSource, start: number, shift: number): Part[] {
  const header = bytesAt(image, 0, HEADER_BYTES);
  if (!header || header.readUInt32LE(0) !== MAGIC_64) return [];
  const code = CPUS[header.readUInt32LE(4)] ?? "plain";
  const parts: Part[] = [];
  let at = HEADER_BYTES;
  for (let index = 0; index < Math.min(header.readUInt32LE(16), MOST_COMMANDS); index++) {
    const command = bytesAt(image, at, 8);
    if (!command || command.readUInt32LE(4) < 8) break;
    if (command.readUInt32LE(0) === LC_SEGMENT_64) parts.push(...sectionsOf(image, at, code, start, shift));
    at += command.readUInt32LE(4);
  }
  return parts;
}

function* sectionsOf(
  image: ByteSource,
  at: number,
  code: Kind,
  start: number,
  shift: number,
): Generator<Part> {
  const segment = bytesAt(image, at, SEGMENT_BYTES);
  if (!segment) return;
  const place = (address: number): number => (address + shift) % 2 ** 32;
  const count = segment.readUInt32LE(64);
  if (count === 0) {
    const [offset, length] = [wide(segment, 40), wide(segment, 48)];
    yield { offset: start + offset, length, address: place(segment.readUInt32LE(24)), kind: "words" };
  }
  for (let index = 0; index < Math.min(count, MOST_COMMANDS); index++) {
    const section = bytesAt(image, at + SEGMENT_BYTES + index * SECTION_BYTES, SECTION_BYTES);
    if (!section) return;
    const flags = section.readUInt32LE(64);
    const isEmpty = ZERO_FILLED.includes(flags & 255);
    yield {
      offset: start + section.readUInt32LE(48),
      length: wide(section, 40),
      address: place(section.readUInt32LE(32)),
      kind: isEmpty ? "empty" : (flags & INSTRUCTIONS) >>> 0 !== 0 ? code : "words",
    };
  }
}
