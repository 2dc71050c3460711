/** What a VCDIFF patch says about itself, without its source: the headers are read, the sections skipped. */
import type { ByteSource } from "../../../base/byte-source.ts";
import { DeltaError } from "../error.ts";
import { defaultCodeTable } from "./code-table.ts";
import { readFileHeader } from "./file-header.ts";
import { PatchReader } from "./patch-reader.ts";
import type { Secondary } from "./secondary.ts";
import {
  type Dialect,
  readWindowHeader,
  VCD_ADDRCOMP,
  VCD_DATACOMP,
  VCD_INSTCOMP,
  type WindowHeader,
} from "./window-header.ts";

const MAX_APP_HEADER_CHARACTERS = 1024;

export type VcdiffDescription = {
  readonly dialect: Dialect;
  readonly secondary: Secondary;
  readonly codeTable: "default" | "custom";
  /** Printable, and cut after 1024 characters. */
  readonly appHeader: string | undefined;
  readonly windows: number;
  readonly targetSize: number;
  readonly maxTargetWindow: number;
  /** Whether a window copies from earlier parts of the target. */
  readonly usesTarget: boolean;
  /** Whether every window has its Adler-32. */
  readonly checksum: boolean;
  /** The most that the sections of one window take, as they stand in the patch and decompressed. */
  readonly sectionBytes: number;
  /** What all data, all instruction and all address sections hold once decompressed; 0 where none is compressed. */
  readonly decompressedBytes: readonly [data: number, instructions: number, addresses: number];
};

export function isVcdiff(patch: Uint8Array): boolean {
  return patch.length >= 4 && patch[0] === 0xd6 && patch[1] === 0xc3 && patch[2] === 0xc4;
}

/** One step for each section, and a window takes at least six bytes of the patch. @throws DeltaError */
export function describeVcdiff(patch: ByteSource): VcdiffDescription {
  const reader = new PatchReader(patch);
  const { dialect, secondary, codeTable, appHeader } = readFileHeader(reader);
  let windows = 0;
  let targetSize = 0;
  let maxTargetWindow = 0;
  let usesTarget = false;
  let checksums = 0;
  let sectionBytes = 0;
  const decompressedBytes: [number, number, number] = [0, 0, 0];
  while (reader.remaining > 0) {
    const window = readWindowHeader(reader, dialect, secondary !== "none");
    let held = 0;
    for (const [kind, { bit, length }] of sectionsOf(window).entries()) {
      const plain = window.deltaIndicator & bit ? decompressedSize(reader, length) : reader.skip(length);
      decompressedBytes[kind]! += plain ?? 0;
      held += length + (plain ?? 0);
    }
    sectionBytes = Math.max(sectionBytes, held);
    windows++;
    targetSize += window.targetLength;
    if (!Number.isSafeInteger(targetSize))
      throw new DeltaError("DELTA_SIZE", "the windows of the patch make more than 2^53 - 1 bytes");
    maxTargetWindow = Math.max(maxTargetWindow, window.targetLength);
    usesTarget ||= window.segment === "target";
    if (window.adler32 !== undefined) checksums++;
  }
  return {
    dialect,
    secondary,
    codeTable: codeTable === defaultCodeTable ? "default" : "custom",
    appHeader: appHeader && printable(appHeader),
    windows,
    targetSize,
    maxTargetWindow,
    usesTarget,
    checksum: windows > 0 && checksums === windows,
    sectionBytes,
    decompressedBytes,
  };
}

function sectionsOf(window: WindowHeader): { readonly bit: number; readonly length: number }[] {
  return [
    { bit: VCD_DATACOMP, length: window.dataLength },
    { bit: VCD_INSTCOMP, length: window.instructionsLength },
    { bit: VCD_ADDRCOMP, length: window.addressesLength },
  ];
}

/** A compressed section starts with it; the rest is skipped. */
function decompressedSize(reader: PatchReader, length: number): number {
  const end = reader.position + length;
  const size = reader.integer();
  if (reader.position > end)
    throw new DeltaError("DELTA_CORRUPT", "a compressed section has no room for its size");
  reader.skip(end - reader.position);
  return size;
}

function printable(bytes: Uint8Array): string {
  const text = new TextDecoder().decode(bytes.subarray(0, 4 * MAX_APP_HEADER_CHARACTERS));
  return text.replace(/[\p{C}\u2028\u2029]/gu, "?").slice(0, MAX_APP_HEADER_CHARACTERS);
}
