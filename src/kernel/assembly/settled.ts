/**
 * Which blocks of a source stand in its target as they are, within long runs.
 *
 * There is little more to be found in those, so that few places of them are indexed: making a patch costs
 * what has changed, not what there is. The first bytes of each block are looked for at each byte of the
 * target, as rsync does with its checksums (Tridgell, 1999); a hit counts when it can be followed for
 * RUN_BYTES, so that no byte of the target is compared more often than a run has vectors.
 */
import { get, set } from "./cells";
import { matchBackward, matchForward } from "./match";
import { PORTION } from "./portion";

export const BLOCK_LOG: u32 = 9;
const BLOCK: u32 = 1 << BLOCK_LOG;
/** A shorter run leaves its blocks as they are. */
const RUN_BYTES: u32 = 4096;
/** In a settled block one place of so many is indexed, and the end of a run is found by following it. */
export const SETTLED_STRIDE: u32 = 16;
const NONE: u32 = 0xffffffff;

let source: usize = 0;
let size: u32 = 0;
/** One bit a block. */
let bits: usize = 0;
/** By the hash of their first bytes, where blocks begin; the last one of equals. */
let table: usize = 0;
let shift: u64 = 0;
let target: usize = 0;
let targetSize: u32 = 0;
/** Where in the target the last run ended. */
let told: u32 = 0;

/** `bitsAt` has room for a bit for each block of the source. */
export function openSettled(sourceAt: usize, length: u32, bitsAt: usize): void {
  source = sourceAt;
  size = length;
  bits = bitsAt;
  table = 0;
  memory.fill(bits, 0, (<usize>(size >> BLOCK_LOG) >> 3) + 1);
}

/** A part of the target; `tableAt` has room for two cells for each block. */
export function settle(place: usize, length: u32, tableAt: usize): void {
  if (min(size, length) < RUN_BYTES) return;
  if (table != tableAt) noteBlocks(tableAt);
  target = place;
  targetSize = length;
  told = 0;
  for (let first: u32 = 0; first < length; first += PORTION) seek(first, min(PORTION, length - first));
}

function noteBlocks(tableAt: usize): void {
  table = tableAt;
  const log = 32 - clz(size >> BLOCK_LOG);
  shift = 64 - <u64>log;
  memory.fill(table, 0xff, <usize>4 << log);
  for (let at: u32 = 0; at + BLOCK <= size; at += BLOCK) set(table, slotOf(source + at), at);
}

/** Of sixteen bytes. */
// @ts-ignore: decorator
@inline
function slotOf(bytes: usize): u32 {
  const mixed = load<u64>(bytes) * 0x9e3779b97f4a7c15 + load<u64>(bytes, 8);
  return <u32>(((mixed ^ (mixed >> 29)) * 0xbf58476d1ce4e5b9) >> shift);
}

function seek(first: u32, length: u32): void {
  const end = min(first + length, targetSize - 16);
  for (let at = max(first, told); at < end; ) {
    const there = get(table, slotOf(target + at));
    at = there == NONE || load<u64>(source + there) != load<u64>(target + at) ? at + 1 : follow(at, there);
  }
}

/** Where to go on. */
function follow(at: u32, there: u32): u32 {
  const ahead = matchForward(target + at, source + there, min(targetSize - at, size - there));
  const behind = matchBackward(target + at, source + there, min(at - told, there));
  if (ahead + behind < RUN_BYTES) return at + 1;
  told = at + ahead;
  const end = (there + ahead) >> BLOCK_LOG;
  for (let block = (there - behind + BLOCK - 1) >> BLOCK_LOG; block < end; block++) {
    const cell = bits + (block >> 3);
    store<u8>(cell, load<u8>(cell) | (<u8>1 << <u8>(block & 7)));
  }
  return told;
}

/** How far apart the places are that are indexed, in the block of a place. */
// @ts-ignore: decorator
@inline
export function strideAt(place: u32, stride: u32): u32 {
  const block = place >> BLOCK_LOG;
  return (load<u8>(bits + (block >> 3)) >> <u8>(block & 7)) & 1 ? SETTLED_STRIDE : stride;
}
