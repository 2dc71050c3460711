/**
 * Patches of VCDIFF in parts: header, code table, windows, sections.
 *
 * A forged patch is changed in its parts and written again with every length right, so that what is tested lies
 * behind the lengths: instructions, addresses, caches, segments. Adler-32 goes or is made right again.
 */
import { memorySource } from "../../../../src/base/byte-source.ts";
import { DeltaError } from "../../../../src/format/delta/error.ts";
import { adler32 } from "../../../../src/format/delta/vcdiff/adler32.ts";
import { decodeVcdiff } from "../../../../src/format/delta/vcdiff/decode.ts";
import { Cursor, integerLength, writeInteger } from "../../../../src/format/delta/vcdiff/integer.ts";
import { pick, type Roll } from "./dice.ts";
import type { Seed } from "./hostile-format.ts";
import { edgeNumber, mutateBytes, replace } from "./mutate.ts";
import { proveXz, QuickXz, quickDjw } from "./quick-streams.ts";

const SDCH = 0x53;
const DECOMPRESS = 1;
const CODETABLE = 2;
const APPHEADER = 4;
const SEGMENT = 3;
const CHECKSUM = 4;
const TABLE_BYTES = 1536;

type Window = {
  indicator: number;
  segment: number[];
  targetLength: number;
  deltaIndicator: number;
  /** data, instructions, addresses */
  sections: Uint8Array[];
  checksum: Uint8Array;
};

type File = {
  version: number;
  indicator: number;
  secondary: number;
  /** Sizes of the caches, and the table as a patch of the default one. */
  table: { sizes: number[]; file: File } | undefined;
  appHeader: Uint8Array;
  windows: Window[];
};

/** Of a patch that is well formed. */
export function parseVcdiff(patch: Uint8Array): File {
  const cursor = new Cursor(patch);
  return parseFile(cursor, () => cursor.at < patch.length);
}

function parseFile(cursor: Cursor, more: (made: number) => boolean): File {
  cursor.take(3);
  const version = cursor.byte();
  const indicator = cursor.byte();
  const file: File = {
    version,
    indicator,
    secondary: indicator & DECOMPRESS ? cursor.byte() : 0,
    table: indicator & CODETABLE ? parseTable(cursor, version) : undefined,
    appHeader: indicator & APPHEADER ? take(cursor, cursor.integer()) : new Uint8Array(0),
    windows: [],
  };
  for (let made = 0; more(made); made += file.windows.at(-1)!.targetLength)
    file.windows.push(parseWindow(cursor, version));
  return file;
}

function parseTable(cursor: Cursor, version: number): File["table"] {
  if (version !== SDCH) cursor.integer();
  const sizes = [cursor.byte(), cursor.byte()];
  return { sizes, file: parseFile(cursor, (made) => made < TABLE_BYTES) };
}

function parseWindow(cursor: Cursor, version: number): Window {
  const indicator = cursor.byte();
  const segment = indicator & SEGMENT ? [cursor.integer(), cursor.integer()] : [];
  cursor.integer();
  const targetLength = cursor.integer();
  const deltaIndicator = cursor.byte();
  const lengths = [cursor.integer(), cursor.integer(), cursor.integer()];
  const start = cursor.at;
  if (indicator & CHECKSUM) {
    if (version === SDCH) cursor.integer();
    else cursor.take(4);
  }
  const checksum = cursor.bytes.slice(start, cursor.at);
  const sections = lengths.map((length) => take(cursor, length));
  return { indicator, segment, targetLength, deltaIndicator, sections, checksum };
}

function take(cursor: Cursor, length: number): Uint8Array {
  const start = cursor.take(length);
  return cursor.bytes.slice(start, start + length);
}

export function writeVcdiff(file: File): Uint8Array {
  const { version, indicator, secondary, table, appHeader, windows } = file;
  const parts: Uint8Array[] = [Uint8Array.of(0xd6, 0xc3, 0xc4, version, indicator)];
  if (indicator & DECOMPRESS) parts.push(Uint8Array.of(secondary));
  if (indicator & CODETABLE && table) {
    const inner = Buffer.concat([Uint8Array.from(table.sizes), writeVcdiff(table.file)]);
    if (version !== SDCH) parts.push(varint(inner.length));
    parts.push(inner);
  }
  if (indicator & APPHEADER) parts.push(varint(appHeader.length), appHeader);
  return Buffer.concat([...parts, ...windows.map(writeWindow)]);
}

function writeWindow(window: Window): Uint8Array {
  const { indicator, segment, targetLength, deltaIndicator, sections, checksum } = window;
  const delta = Buffer.concat([
    varint(targetLength),
    Uint8Array.of(deltaIndicator),
    ...sections.map(({ length }) => varint(length)),
    checksum,
    ...sections,
  ]);
  return Buffer.concat([Uint8Array.of(indicator), ...segment.map(varint), varint(delta.length), delta]);
}

function varint(value: number): Uint8Array {
  const bytes = new Uint8Array(integerLength(value));
  writeInteger(bytes, 0, value);
  return bytes;
}

/** @param files of all seeds, for windows that come from elsewhere */
export function forgeVcdiff(seed: Seed, file: File, files: readonly File[], roll: Roll): Uint8Array {
  const forged = copyFile(file);
  for (let edits = 1 + roll(2); edits > 0; edits--) editFile(forged, seed, files, roll);
  switch (roll(8)) {
    case 0:
      for (const window of forged.windows) dropChecksum(window);
      break;
    case 1:
    case 2:
      if (!(forged.indicator & DECOMPRESS)) return checked(forged, seed);
      break;
    default:
  }
  return writeVcdiff(forged);
}

function copyFile(file: File): File {
  const table = file.table && { sizes: [...file.table.sizes], file: copyFile(file.table.file) };
  return { ...file, table, windows: file.windows.map(copyWindow) };
}

function copyWindow(window: Window): Window {
  return { ...window, segment: [...window.segment], sections: [...window.sections] };
}

function editFile(file: File, seed: Seed, files: readonly File[], roll: Roll): void {
  if (file.table && roll(3) === 0) {
    if (roll(4)) editFile(file.table.file, seed, files, roll);
    else file.table.sizes[roll(2)] = pick([0, 1, 2, 3, 4, 5, 8, 255], roll);
    return;
  }
  const at = roll(file.windows.length);
  const window = file.windows[at];
  switch (window ? roll(12) : 11) {
    case 0:
      file.windows.splice(at, roll(2));
      return;
    case 1:
      file.windows.splice(roll(file.windows.length), 0, copyWindow(window!));
      return;
    case 2: {
      const other = pick(pick(files, roll).windows, roll);
      if (other) file.windows.splice(at, roll(2), copyWindow(other));
      return;
    }
    case 3:
    case 4:
      editNumbers(window!, seed, roll);
      return;
    case 5:
      editIndicator(window!, seed, roll);
      return;
    case 11:
      editHeader(file, roll);
      return;
    default: {
      const which = roll(3);
      const sections = window!.sections;
      sections[which] = mutateBytes(sections[which]!, sections, roll);
      if (file.secondary === 2 && roll(4)) sections[which] = provePortion(sections[which]!);
    }
  }
}

/** Target lengths small enough that windows are made, and some that are not. */
function editNumbers(window: Window, { source, target }: Seed, roll: Roll): void {
  const near = [window.targetLength, source.length, target.length, ...window.segment];
  const value = edgeNumber(near, roll);
  const place = roll(window.segment.length + 1);
  if (place === 2 || window.segment.length === 0) window.targetLength = value;
  else window.segment[place] = value;
}

function editIndicator(window: Window, { source, target }: Seed, roll: Roll): void {
  switch (roll(4)) {
    case 0:
      window.deltaIndicator ^= 1 << roll(3);
      return;
    case 1:
      if (window.indicator & CHECKSUM) dropChecksum(window);
      else {
        window.indicator |= CHECKSUM;
        window.checksum = Uint8Array.from({ length: 4 }, () => roll(256));
      }
      return;
    case 2:
      window.indicator = roll(256);
      return;
    default: {
      const kind = roll(3);
      window.indicator = (window.indicator & ~SEGMENT) | kind;
      const [length, position] = window.segment;
      const [all, some] = [kind === 1 ? source.length : target.length, roll(target.length + 1)];
      window.segment = kind === 0 ? [] : [length ?? Math.min(all, some), position ?? 0];
    }
  }
}

function editHeader(file: File, roll: Roll): void {
  switch (roll(4)) {
    case 0:
      file.version = pick([0, SDCH, 1, 255], roll);
      return;
    case 1:
      file.indicator ^= 1 << roll(4);
      return;
    case 2:
      file.secondary = pick([0, 1, 2, 3, 16, 255], roll);
      return;
    default:
      file.indicator |= APPHEADER;
      file.appHeader = mutateBytes(Buffer.from("themis//source/"), [file.appHeader], roll);
  }
}

function dropChecksum(window: Window): void {
  window.indicator &= ~CHECKSUM;
  window.checksum = new Uint8Array(0);
}

/** Every window with the Adler-32 of what it makes, for as long as it makes something. */
function checked(file: File, { source, target }: Seed): Uint8Array {
  for (const window of file.windows) dropChecksum(window);
  const bare = writeVcdiff(file);
  const made: Uint8Array[] = [];
  const written = new Uint8Array(target.length);
  let at = 0;
  try {
    const request = { source: memorySource(source), patch: memorySource(bare), targetSize: target.length };
    for (const piece of decodeVcdiff({ ...request, written: memorySource(written) })) {
      made.push(piece.slice());
      written.set(piece, at);
      at += piece.length;
    }
  } catch (error) {
    if (!(error instanceof DeltaError)) return bare;
  }
  for (const window of file.windows) {
    const sum = adler32(window.targetLength === 0 ? new Uint8Array(0) : (made.shift() ?? target));
    const fixed = Buffer.alloc(4);
    fixed.writeUInt32BE(sum);
    window.checksum = file.version === SDCH ? varint(sum) : fixed;
    window.indicator |= CHECKSUM;
  }
  return writeVcdiff(file);
}

/** Squeezes sections once more, after they were forged: each by a fourth chance not, and then it says so. */
export function forgeSecondary(
  seed: Seed,
  file: File,
  files: readonly File[],
  id: 1 | 2,
  roll: Roll,
): Uint8Array {
  const forged = copyFile(file);
  for (let edits = 1 + roll(2); edits > 0; edits--) editFile(forged, seed, files, roll);
  if (roll(3) === 0) for (const window of forged.windows) dropChecksum(window);
  squeeze(forged, id, () => roll(4) > 0);
  if (roll(4) === 0) editFile(forged, seed, files, roll);
  return writeVcdiff(forged);
}

/** The same file with its sections stored by a secondary compressor. */
export function squeezed(file: File, id: 1 | 2): Uint8Array {
  const copy = copyFile(file);
  squeeze(copy, id, () => true);
  return writeVcdiff(copy);
}

function squeeze(file: File, id: 1 | 2, wanted: () => boolean): void {
  const streams = [new QuickXz(), new QuickXz(), new QuickXz()];
  file.indicator |= DECOMPRESS;
  file.secondary = id;
  for (const window of file.windows) {
    for (const [i, section] of window.sections.entries()) {
      if (section.length === 0 || section.length > 65_536 || !wanted()) continue;
      const packed = id === 1 ? quickDjw(section) : streams[i]!.portion(section);
      window.sections[i] = Buffer.concat([varint(section.length), packed]);
      window.deltaIndicator |= 1 << i;
    }
  }
}

/** Behind the size of a section that is the first of an .xz stream. */
function provePortion(section: Uint8Array): Uint8Array {
  const start = section.indexOf(0xfd);
  if (start < 1 || start > 5) return section;
  return replace(section, start, section.length, proveXz(section.subarray(start)));
}
