/**
 * The header of one target window (RFC 3284, section 4.2 and 4.3).
 *
 *   Win_Indicator | [segment size | segment position] | length of the delta encoding
 *   | target size | Delta_Indicator | length of data | of instructions | of addresses | [Adler-32]
 *
 * Win_Indicator   1 VCD_SOURCE, 2 VCD_TARGET, 4 VCD_ADLER32 (not in the RFC: xdelta3 writes four bytes,
 *                 open-vcdiff under its own version byte an integer)
 * Delta_Indicator 1 VCD_DATACOMP, 2 VCD_INSTCOMP, 4 VCD_ADDRCOMP
 */
import { DeltaError } from "../error.ts";
import type { PatchReader } from "./patch-reader.ts";

export const VCD_SOURCE = 1;
export const VCD_TARGET = 2;
export const VCD_ADLER32 = 4;
export const VCD_DATACOMP = 1;
export const VCD_INSTCOMP = 2;
export const VCD_ADDRCOMP = 4;

export type WindowHeader = {
  /** What COPY reads before the window itself. */
  readonly segment: "source" | "target" | "none";
  readonly segmentPosition: number;
  readonly segmentLength: number;
  readonly targetLength: number;
  readonly deltaIndicator: number;
  /** As they stand in the patch, compressed or not. */
  readonly dataLength: number;
  readonly instructionsLength: number;
  readonly addressesLength: number;
  readonly adler32: number | undefined;
};

export type Dialect = "vcdiff" | "sdch";

/** Leaves the reader before the data section. @throws DeltaError */
export function readWindowHeader(reader: PatchReader, dialect: Dialect, secondary: boolean): WindowHeader {
  const indicator = reader.byte();
  if (indicator > (VCD_SOURCE | VCD_TARGET | VCD_ADLER32))
    throw corrupt(`sets a bit of Win_Indicator that nobody knows (${indicator})`);
  const segment = segmentOf(indicator & (VCD_SOURCE | VCD_TARGET));
  const segmentLength = segment === "none" ? 0 : reader.integer();
  const segmentPosition = segment === "none" ? 0 : reader.integer();
  const deltaLength = reader.integer();
  if (deltaLength > reader.remaining)
    throw new DeltaError("DELTA_TRUNCATED", "the patch ends inside a window");
  const start = reader.position;
  const targetLength = reader.integer();
  const deltaIndicator = reader.byte();
  if (deltaIndicator > (secondary ? VCD_DATACOMP | VCD_INSTCOMP | VCD_ADDRCOMP : 0))
    throw corrupt(`sets a bit of Delta_Indicator that cannot be (${deltaIndicator})`);
  const dataLength = reader.integer();
  const instructionsLength = reader.integer();
  const addressesLength = reader.integer();
  const adler32 = indicator & VCD_ADLER32 ? readChecksum(reader, dialect) : undefined;
  const headerLength = reader.position - start;
  // A sum of lying lengths could be rounded; a difference is exact for as long as it is positive.
  if (deltaLength - headerLength - dataLength - instructionsLength !== addressesLength)
    throw new DeltaError("DELTA_SIZE", "the sections of a window do not add up to its length");
  return {
    segment,
    segmentPosition,
    segmentLength,
    targetLength,
    deltaIndicator,
    dataLength,
    instructionsLength,
    addressesLength,
    adler32,
  };
}

function segmentOf(bits: number): WindowHeader["segment"] {
  if (bits === (VCD_SOURCE | VCD_TARGET)) throw corrupt("copies from source and target at once");
  if (bits === VCD_SOURCE) return "source";
  return bits === VCD_TARGET ? "target" : "none";
}

function readChecksum(reader: PatchReader, dialect: Dialect): number {
  if (dialect === "vcdiff")
    return reader.byte() * 2 ** 24 + reader.byte() * 2 ** 16 + reader.byte() * 2 ** 8 + reader.byte();
  const checksum = reader.integer();
  if (checksum > 0xffffffff) throw new DeltaError("DELTA_SIZE", "the checksum of a window exceeds 32 bits");
  return checksum;
}

function corrupt(why: string): DeltaError {
  return new DeltaError("DELTA_CORRUPT", `a window of the patch ${why}`);
}
