/**
 * The header of a VCDIFF file (RFC 3284, section 4.1).
 *
 *   d6 c3 c4 | version | Hdr_Indicator | [secondary compressor] | [code table] | [application header]
 *
 * version        0 is the RFC; "S" is open-vcdiff's dialect, made for SDCH
 * Hdr_Indicator  1 VCD_DECOMPRESS, 2 VCD_CODETABLE, 4 VCD_APPHEADER (not in the RFC: xdelta3's)
 *
 * A code table of one's own is itself a patch of the default table (section 7), and may not have one
 * again. The RFC puts its length before it; open-vcdiff leaves the length out and stops when the table
 * is complete.
 */
import { type ByteSource, memorySource } from "../../../base/byte-source.ts";
import { DeltaError } from "../error.ts";
import { CODE_TABLE_BYTES, type CodeTable, checkCodeTable, defaultCodeTable } from "./code-table.ts";
import type { PatchReader } from "./patch-reader.ts";
import { type Secondary, secondaryOf } from "./secondary.ts";
import type { Dialect } from "./window-header.ts";
import { decodeWindows } from "./windows.ts";

export const MAGIC = [0xd6, 0xc3, 0xc4] as const;
export const VERSION_RFC = 0;
const VERSION_SDCH = 0x53;
const VCD_DECOMPRESS = 1;
export const VCD_CODETABLE = 2;
export const VCD_APPHEADER = 4;
/** Nobody's table or application header comes near; xdelta3 puts two file names into the latter. */
const MAX_HEADER_PART_BYTES = 64 * 1024;

export type FileHeader = {
  readonly dialect: Dialect;
  readonly secondary: Secondary;
  readonly codeTable: CodeTable;
  readonly appHeader: Uint8Array | undefined;
};

/** Leaves the reader before the first window. @throws DeltaError */
export function readFileHeader(reader: PatchReader): FileHeader {
  return readHeader(reader, true);
}

function readHeader(reader: PatchReader, tableAllowed: boolean): FileHeader {
  for (const byte of MAGIC) if (reader.remaining === 0 || reader.byte() !== byte) throw wrongMagic();
  const dialect = dialectOf(reader.byte());
  const indicator = reader.byte();
  if (indicator > (VCD_DECOMPRESS | VCD_CODETABLE | VCD_APPHEADER))
    throw corrupt(`sets a bit that nobody knows (${indicator})`);
  const secondary = indicator & VCD_DECOMPRESS ? secondaryOf(reader.byte()) : "none";
  if (indicator & VCD_CODETABLE && !tableAllowed) throw corrupt("has a code table inside its code table");
  const codeTable = indicator & VCD_CODETABLE ? readCodeTable(reader, dialect) : defaultCodeTable;
  const appHeader = indicator & VCD_APPHEADER ? readPart(reader) : undefined;
  return { dialect, secondary, codeTable, appHeader };
}

/** Section 7. */
function readCodeTable(reader: PatchReader, dialect: Dialect): CodeTable {
  const length = dialect === "vcdiff" ? partLength(reader) : undefined;
  const end = length === undefined ? undefined : reader.position + length;
  const nearSize = reader.byte();
  const sameSize = reader.byte();
  const inner = readHeader(reader, false);
  const entries = new Uint8Array(CODE_TABLE_BYTES);
  const written: ByteSource = memorySource(entries);
  let made = 0;
  const pieces = decodeWindows(reader, inner, {
    source: memorySource(defaultCodeTable.entries),
    written,
    targetSize: CODE_TABLE_BYTES,
    end,
  });
  for (const piece of pieces) {
    entries.set(piece, made);
    made += piece.length;
  }
  if (end !== undefined && reader.position !== end)
    throw corrupt("has a code table of another length than it says");
  return checkCodeTable({ entries, nearSize, sameSize });
}

function readPart(reader: PatchReader): Uint8Array {
  const bytes = new Uint8Array(partLength(reader));
  reader.fill(bytes);
  return bytes;
}

function partLength(reader: PatchReader): number {
  const length = reader.integer();
  if (length > reader.remaining) throw new DeltaError("DELTA_TRUNCATED", "the patch ends inside its header");
  if (length > MAX_HEADER_PART_BYTES)
    throw new DeltaError("DELTA_SIZE", `a part of the patch's header has ${length} bytes`);
  return length;
}

function dialectOf(version: number): Dialect {
  if (version === VERSION_RFC) return "vcdiff";
  if (version === VERSION_SDCH) return "sdch";
  throw new DeltaError("DELTA_MAGIC", `the patch is VCDIFF of a version ${version} that nobody knows`);
}

function wrongMagic(): DeltaError {
  return new DeltaError("DELTA_MAGIC", "the patch does not start as VCDIFF");
}

function corrupt(why: string): DeltaError {
  return new DeltaError("DELTA_CORRUPT", `the header of the patch ${why}`);
}
