/**
 * Diagonals that may be worth changing to: the longest matches of the source, and for VCDIFF what the
 * window had before. They are looked for a little ahead of the way through the target, and wait in a ring.
 */
import { get, set } from "./cells";
import { exact, minMatch, skipRun } from "./costs";
import { matchBackward, matchForward } from "./match";
import { known, oldest, placeOf, reachOf, source, sourceOf, sourceSize, target, windowStart } from "./pair";
import { foundAt, longestMatch, shortest, stride } from "./suffix-search";

const NONE: u32 = 0xffffffff;
const AHEAD: u32 = 512;
/** The farthest that a candidate is followed back. */
export const LOOK_BACK: u32 = 64;
const RING: u32 = 1024;
const RECENT_LOG: u32 = 18;
const RECENT_BYTES: u32 = 6;

export const CANDIDATES_BYTES: usize = (<usize>4 << RECENT_LOG) + <usize>RING * 8;

/** By the hash of RECENT_BYTES bytes, where the target had them last. */
let recent: usize = 0;
let ring: usize = 0;
let ringHead: u32 = 0;
let ringCount: u32 = 0;

/** How far has been looked. */
export let scan: u32 = 0;
let scanDiagonal: u32 = 0;
let scanKnows: bool = false;

export function openCandidates(work: usize): void {
  recent = work;
  memory.fill(recent, 0xff, <usize>4 << RECENT_LOG);
  ring = work + (<usize>4 << RECENT_LOG);
  ringHead = 0;
  ringCount = 0;
  scan = 0;
  scanKnows = false;
}

/** Looks as far ahead of `at` as is worth it. */
export function lookAhead(at: u32): void {
  while (scan < known && scan < at + AHEAD && ringCount < RING) look();
}

/** Where the next candidate begins, or NONE. */
// @ts-ignore: decorator
@inline
export function nextBegin(): u32 {
  return ringCount > 0 ? load<u32>(ring + ((<usize>ringHead) << 3)) : NONE;
}

/** The diagonal of the next candidate, which is taken. */
export function takeDiagonal(): u32 {
  const diagonal = load<u32>(ring + ((<usize>ringHead) << 3) + 4);
  ringHead = (ringHead + 1) % RING;
  ringCount--;
  return diagonal;
}

/** Looks for candidates at one place, and moves to the next that is worth a look. */
function look(): void {
  if (scanKnows) {
    const there = sourceOf(scan, scanDiagonal);
    const run = matchForward(target + scan, placeOf(there), reachOf(there, scan, known - scan));
    if (run >= skipRun) {
      scan += run;
      return;
    }
  }
  if (exact) {
    const common = lookBehind(scan);
    if (common >= skipRun) {
      scan += common;
      return;
    }
  }
  const length = longestMatch(target + scan, known - scan);
  if (length < shortest) {
    scan++;
    return;
  }
  const found = foundAt;
  const diagonal = found - scan;
  // A match may have begun before, with a few bytes that differ.
  propose(scan - reachBack(scan, found), diagonal);
  if (length < skipRun && !(scanKnows && diagonal == scanDiagonal)) {
    scan++;
    return;
  }
  follow(diagonal, length);
}

/** A long match; but a longer one may begin where the source has no indexed place just here. */
function follow(diagonal: u32, length: u32): void {
  let longest = length;
  for (let more: u32 = 1; more < stride && scan + more < known && ringCount < RING; more++) {
    const other = longestMatch(target + scan + more, known - scan - more) + more;
    if (other <= longest) continue;
    longest = other;
    diagonal = foundAt - (scan + more);
    propose(scan + more - reachBack(scan + more, foundAt), diagonal);
  }
  scanDiagonal = diagonal;
  scanKnows = true;
  scan += longest;
}

function propose(begin: u32, diagonal: u32): void {
  const tail = ring + ((<usize>((ringHead + ringCount) % RING)) << 3);
  store<u32>(tail, begin);
  store<u32>(tail + 4, diagonal);
  ringCount++;
}

/** What the target itself had before, in the same window. */
// @ts-ignore: decorator
@inline
function lookBehind(position: u32): u32 {
  if (known - position < 8) return 0;
  const value = load<u64>(target + position) << (64 - 8 * RECENT_BYTES);
  const slot = <u32>((value * 0x9e3779b97f4a7c15) >> (64 - RECENT_LOG));
  const before = get(recent, slot);
  set(recent, slot, position);
  if (before == NONE || before < windowStart(position)) return 0;
  const limit = reachOf(sourceSize + before, position, known - position);
  const common = matchForward(target + before, target + position, limit);
  if (common < minMatch || ringCount + 1 >= RING) return 0;
  propose(position, sourceSize + before - position);
  return common;
}

/** How far back the diagonal pays, at most LOOK_BACK bytes. */
function reachBack(position: u32, there: u32): u32 {
  const limit = min(min(position - oldest, there), LOOK_BACK);
  if (exact) return matchBackward(target + position, source + there, limit);
  let score: i32 = 0;
  let best: i32 = 0;
  let reach: u32 = 0;
  for (let i: u32 = 1; i <= limit; i++) {
    score += load<u8>(target + position - i) == load<u8>(source + there - i) ? 1 : -1;
    if (score > best) {
      best = score;
      reach = i;
    }
  }
  return reach;
}
