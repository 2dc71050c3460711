/**
 * The container of THEMIS: what a device must know before it takes any memory, and then one coded stream.
 *
 *   "THEMIS" | version 1 | kind | source size | target size | two table sizes | covers | old image | new image
 *   | length of the coded stream | the coded stream, to the end
 *
 * Integers are LEB128 (seven bits a byte, least significant group first, no group that is not needed).
 */
import { type ByteSource, readAll } from "../../../base/byte-source.ts";
import { type Image, MAX_BASES, type Range } from "../../../kernel/themis-kernel.ts";
import { DeltaError } from "../error.ts";
import { KINDS, MAX_RANGES } from "./ranges.ts";

export const THEMIS_MAGIC = Buffer.from("THEMIS");
const VERSION = 1;
/** How the target is made; a kind that is not here is of a newer version. */
const KIND_FILE = 0;
/** 31 bits: places of both files are numbers of 32 bits in the kernel. */
export const MAX_FILE_BYTES = 2 ** 31 - 1;
export const MAX_COVERS = 2 ** 24;
export type Logs = { readonly least: number; readonly most: number };
/** Sizes of tables, as powers of two. */
export const BUCKET_LOGS: Logs = { least: 10, most: 19 };
export const LEARNED_LOGS: Logs = { least: 8, most: 19 };
/** More than any header. */
const MOST_HEADER_BYTES = 128 + 2 * MAX_RANGES * 20;

export type ThemisHeader = {
  readonly sourceSize: number;
  readonly targetSize: number;
  /** Powers of two. */
  readonly bucketLog: number;
  readonly learnedLog: number;
  readonly coverCount: number;
  readonly old: Image;
  readonly now: Image;
};

export type PlacedHeader = ThemisHeader & { readonly codedStart: number };

export function isThemis(start: Uint8Array): boolean {
  return THEMIS_MAGIC.equals(start.subarray(0, THEMIS_MAGIC.length));
}

export function writeThemisHeader(header: ThemisHeader, codedBytes: number): Uint8Array {
  const { sourceSize, targetSize, bucketLog, learnedLog, coverCount, old, now } = header;
  return Uint8Array.from([
    ...THEMIS_MAGIC,
    VERSION,
    KIND_FILE,
    ...[sourceSize, targetSize].flatMap(leb128),
    bucketLog,
    learnedLog,
    ...leb128(coverCount),
    ...imageBytes(old),
    ...imageBytes(now),
    ...leb128(codedBytes),
  ]);
}

function imageBytes({ ranges, bases }: Image): number[] {
  let end = 0;
  let shift = 0;
  const bytes = [bases.length, ...bases.flatMap(leb128), ranges.length];
  for (const { offset, length, address, kind, bases: mask } of ranges) {
    const moved = (((address - offset) | 0) - shift) | 0;
    bytes.push(kind, ...leb128(offset - end), ...leb128(length), ...leb128(zigzag(moved)));
    if (kind === KINDS.words) bytes.push(mask);
    shift = (address - offset) | 0;
    if (kind !== KINDS.empty) end = offset + length;
  }
  return bytes;
}

/** @throws DeltaError DELTA_MAGIC, DELTA_TRUNCATED, DELTA_CORRUPT, DELTA_SIZE, DELTA_TRAILING */
export function readThemisHeader(patch: ByteSource): PlacedHeader {
  const bytes = readAll({ size: Math.min(patch.size, MOST_HEADER_BYTES), read: patch.read });
  if (!isThemis(bytes)) throw new DeltaError("DELTA_MAGIC", "the patch does not start with THEMIS");
  const reader = new HeaderReader(bytes);
  if (reader.byte() !== VERSION) throw corrupt("is of a version that we do not know");
  if (reader.byte() !== KIND_FILE) throw corrupt("is of a kind that we do not know");
  const sourceSize = reader.integer(MAX_FILE_BYTES);
  const targetSize = reader.integer(MAX_FILE_BYTES);
  const bucketLog = reader.tableLog(BUCKET_LOGS, targetSize);
  const learnedLog = reader.tableLog(LEARNED_LOGS, sourceSize);
  const coverCount = reader.integer(Math.min(MAX_COVERS, targetSize));
  const old = readImage(reader, sourceSize);
  const now = readImage(reader, targetSize);
  const codedBytes = reader.integer(Number.MAX_SAFE_INTEGER);
  const rest = patch.size - reader.at;
  if (rest < codedBytes) throw new DeltaError("DELTA_TRUNCATED", "the patch is shorter than its header says");
  if (rest > codedBytes) throw new DeltaError("DELTA_TRAILING", "bytes follow the end of the patch");
  return { sourceSize, targetSize, bucketLog, learnedLog, coverCount, old, now, codedStart: reader.at };
}

/** Ranges in order, none over another, none beyond the file. */
function readImage(reader: HeaderReader, size: number): Image {
  const baseCount = reader.byte();
  if (baseCount > MAX_BASES) throw corrupt("has more bases than there may be");
  const bases = Array.from({ length: baseCount }, () => reader.integer(2 ** 32 - 1));
  const ranges: Range[] = [];
  let end = 0;
  let shift = 0;
  const count = reader.byte();
  if (count > MAX_RANGES) throw corrupt("has more ranges than there may be");
  while (ranges.length < count) {
    const kind = reader.byte();
    if (kind > KINDS.empty) throw corrupt("has a range of a kind that we do not know");
    const offset = end + reader.integer(size - end);
    const length = reader.integer(kind === KINDS.empty ? 2 ** 32 - 1 : size - offset);
    shift = (shift + unzigzag(reader.integer(2 ** 32 - 1))) | 0;
    const mask = kind === KINDS.words ? reader.byte() : 0;
    if (mask >= 2 ** MAX_BASES) throw corrupt("has a range of a base that it does not have");
    ranges.push({ offset, length, address: (offset + shift) >>> 0, kind, bases: mask });
    if (kind !== KINDS.empty) end = offset + length;
  }
  return { ranges, bases };
}

/** The largest table for a file of so many bytes. */
export function mostLog({ least, most }: Logs, bytes: number): number {
  return Math.max(least, Math.min(most, Math.floor(Math.log2(Math.max(1, bytes)))));
}

class HeaderReader {
  readonly #bytes: Uint8Array;
  at: number = THEMIS_MAGIC.length;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  byte(): number {
    const byte = this.#bytes[this.at++];
    if (byte === undefined) throw new DeltaError("DELTA_TRUNCATED", "the patch ends inside its header");
    return byte;
  }

  /** A table has no more entries than a file has bytes, or the fewest there are: a claim alone takes no memory. */
  tableLog({ least, most }: Logs, bytes: number): number {
    const log = this.byte();
    if (log < least || log > mostLog({ least, most }, bytes))
      throw new DeltaError("DELTA_SIZE", "a table of the patch is larger or smaller than it may be");
    return log;
  }

  integer(most: number): number {
    let value = 0;
    for (let unit = 1; ; unit *= 128) {
      const byte = this.byte();
      value += (byte & 127) * unit;
      if (value > most) throw new DeltaError("DELTA_SIZE", "a number in the header is larger than it may be");
      if (byte < 128) {
        if (byte === 0 && unit > 1)
          throw corrupt("has a number in its header that is not as short as it can be");
        return value;
      }
    }
  }
}

function corrupt(why: string): DeltaError {
  return new DeltaError("DELTA_CORRUPT", `the patch ${why}`);
}

function leb128(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
  return [...bytes, rest];
}

/** 32 bits with a sign, small ones small. */
function zigzag(value: number): number {
  return ((value << 1) ^ (value >> 31)) >>> 0;
}

function unzigzag(value: number): number {
  return (value >>> 1) ^ -(value & 1);
}
