/**
 * What a device needs to rebuild a file, and nothing of what makes patches; called by ../device-kernel.ts.
 *
 * Nothing here believes a patch: a length is bounded before it is used, a place is inside of what was given
 * for it, and a loop ends with its input or its output.
 */
import { nextPiece, openBzip2 } from "./bzip2/decode";
import { buildCrcTables } from "./bzip2/crc";
import { STREAM_BYTES, Stream } from "./bzip2/stream";
import { ARENA, CRC_TABLES } from "./device/places";

export { adler32 } from "./device/adler32";
export { ARENA } from "./device/places";
export { openSource } from "./device/source-pages";
export {
  FOREIGN_BYTES,
  finishStream,
  openRebuild,
  openStream,
  REBUILD_BYTES,
  rebuild,
  streamFilled,
  streamPlace,
  targetPiece,
} from "./device/rebuild";
export {
  codeTablePlace,
  followInstructions,
  openSegment,
  openVcdiff,
  openWindow,
} from "./device/vcdiff";
// Each is called by itself as well, so that the engine may exchange it while a patch is under way.
export { readGroup, undoRuns } from "./bzip2/decode";
export { linkRows } from "./bzip2/inverse-transform";

/** What one bzip2 stream alone takes, from the start of the memory. */
export const BZIP2_BYTES: u32 = <u32>ARENA + STREAM_BYTES;

export function prepare(): void {
  buildCrcTables(CRC_TABLES);
}

export function openAlone(maxBytes: f64): void {
  openBzip2(changetype<Stream>(ARENA), 0, maxBytes);
}

/** How many bytes stand at `pieceAlone()`; none at the end of the stream. */
export function nextAlone(): u32 {
  return nextPiece(changetype<Stream>(ARENA));
}

export function pieceAlone(): usize {
  return changetype<Stream>(ARENA).pieceAt;
}
