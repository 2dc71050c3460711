/** Where the walk is in both files, and the bytes around these places. */
import { leftInPage, placeOf, sizeOfSource } from "../device/source-pages";
import { WINDOW, TARGET } from "./places";
import { encoding } from "./coder";
import { readTarget } from "./calls";

/** So many bytes of the target are given out at once; a step makes no more than MOST_STEP beyond. */
export const PIECE_BYTES: u32 = 128 * 1024;
export const MOST_STEP: u32 = 4096;
/** Of what was made before, so much stays readable before the piece. */
const BEFORE: u32 = 64;
const PIECE: usize = TARGET + <usize>BEFORE;

export let targetSize: u32 = 0;
/** In the target. */
export let at: u32 = 0;
/** Where the next byte of the target stands or goes. */
export let out: usize = PIECE;
let pieceStart: u32 = 0;
/** While encoding: how far the target is known. */
let filled: u32 = 0;
/** In the source. */
export let there: u32 = 0;

let windowStart: i64 = 0;
let windowEnd: i64 = 0;
const WINDOW_BEFORE: i64 = 32;
const WINDOW_AHEAD: i64 = 48;
const MOST_AHEAD: u32 = 8192;

export function openState(size: u32): void {
  targetSize = size;
  at = 0;
  there = 0;
  out = PIECE;
  pieceStart = 0;
  filled = 0;
  windowStart = 0;
  windowEnd = 0;
  memory.fill(TARGET, 0, BEFORE);
}

// @ts-ignore: decorator
@inline
export function pieceAt(): usize {
  return PIECE;
}

// @ts-ignore: decorator
@inline
export function pieceLength(): u32 {
  return at - pieceStart;
}

/** What was made is given away. */
export function nextPiece(): void {
  const made = at - pieceStart;
  memory.copy(TARGET, PIECE + made - BEFORE, BEFORE);
  if (encoding) {
    const rest = filled - at;
    memory.copy(PIECE, PIECE + made, rest);
    const more = min(targetSize - filled, PIECE_BYTES + MOST_STEP + 64 - rest);
    if (more > 0) readTarget(PIECE + rest, more);
    filled += more;
  }
  pieceStart = at;
  out = PIECE;
}

// @ts-ignore: decorator
@inline
export function stepBoth(bytes: u32): void {
  at += bytes;
  out += bytes;
  there += bytes;
}

export function jumpTo(source: u32): void {
  there = source;
}

/**
 * Where the byte of the source stands now, with 32 before it and 48 from it on; zeros outside of the source.
 *
 * @param ahead how many will be asked for soon
 */
// @ts-ignore: decorator
@inline
export function oldAt(position: u32, ahead: u32): usize {
  if (<i64>position - WINDOW_BEFORE < windowStart || <i64>position + WINDOW_AHEAD > windowEnd) fillWindow(position, ahead);
  return WINDOW + <usize>(<i64>position - windowStart);
}

/** The same for a run of at most MOST_STEP bytes, all of which can be read. */
export function oldRun(position: u32, length: u32): usize {
  if (<i64>position - WINDOW_BEFORE < windowStart || <i64>position + <i64>length > windowEnd) fillWindow(position, MOST_AHEAD);
  return WINDOW + <usize>(<i64>position - windowStart);
}

function fillWindow(position: u32, ahead: u32): void {
  windowStart = <i64>position - WINDOW_BEFORE;
  windowEnd = <i64>position + WINDOW_AHEAD + <i64>min(ahead, MOST_AHEAD);
  const size = <i64>sizeOfSource();
  let from = max<i64>(windowStart, 0);
  const to = max<i64>(min<i64>(windowEnd, size), from);
  memory.fill(WINDOW, 0, <u32>(from - windowStart));
  memory.fill(WINDOW + <usize>(to - windowStart), 0, <u32>(windowEnd - to));
  while (from < to) {
    const length = <u32>min<i64>(leftInPage(from), to - from);
    memory.copy(WINDOW + <usize>(from - windowStart), placeOf(from), length);
    from += length;
  }
}
