/** What a VCDIFF patch says about itself, without its source: the headers are read, the sections skipped. */
import type { ByteSource } from "../../../base/byte-source.ts";
import { DeltaError } from "../error.ts";
import { defaultCodeTable } from "./code-table.ts";
import { readFileHeader } from "./file-header.ts";
import { PatchReader } from "./patch-reader.ts";
import type { Secondary } from "./secondary.ts";
import { type Dialect, readWindowHeader } from "./window-header.ts";

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
};

export function isVcdiff(patch: Uint8Array): boolean {
  return patch.length >= 4 && patch[0] === 0xd6 && patch[1] === 0xc3 && patch[2] === 0xc4;
}

/** One step for each window, and a window takes at least six bytes of the patch. @throws DeltaError */
export function describeVcdiff(patch: ByteSource): VcdiffDescription {
  const reader = new PatchReader(patch);
  const { dialect, secondary, codeTable, appHeader } = readFileHeader(reader);
  let windows = 0;
  let targetSize = 0;
  let maxTargetWindow = 0;
  let usesTarget = false;
  let checksums = 0;
  while (reader.remaining > 0) {
    const window = readWindowHeader(reader, dialect, secondary !== "none");
    reader.skip(window.dataLength + window.instructionsLength + window.addressesLength);
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
  };
}

function printable(bytes: Uint8Array): string {
  const text = new TextDecoder().decode(bytes.subarray(0, 4 * MAX_APP_HEADER_CHARACTERS));
  return text.replace(/[\p{C}\u2028\u2029]/gu, "?").slice(0, MAX_APP_HEADER_CHARACTERS);
}
