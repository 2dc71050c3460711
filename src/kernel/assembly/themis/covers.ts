/**
 * The covers of the target, and the map of addresses that they are.
 *
 *   four cells a cover   where it begins in the target, where in the source, how long, unused
 *   order                their numbers, by where they begin in the source
 */
import { refuse } from "../device/calls";
import { chargeTo, encoding } from "./coder";
import { codeFlag, codeNumber } from "./models";
import { COPY_BEYOND_SOURCE, COVER_BEYOND_TARGET } from "./refusals";
import { EMPTY, oldRangeAt, newAddress } from "./ranges";

const RECENT: u32 = 8;

let covers: usize = 0;
let order: usize = 0;
let spare: usize = 0;
let count: u32 = 0;

/** What so many covers take, their order and what sorting takes included. */
export function coverBytes(covers: u32): u32 {
  return covers * 24 + 256;
}

export function openCovers(at: usize, covers_: u32): void {
  covers = at;
  count = covers_;
  order = at + (<usize>count << 4) + 16;
  spare = order + (<usize>count << 2) + 16;
}

// @ts-ignore: decorator
@inline
export function coverCount(): u32 {
  return count;
}

// @ts-ignore: decorator
@inline
export function coverTarget(cover: u32): u32 {
  return load<u32>(covers + (<usize>cover << 4));
}

// @ts-ignore: decorator
@inline
export function coverSource(cover: u32): u32 {
  return load<u32>(covers + (<usize>cover << 4), 4);
}

// @ts-ignore: decorator
@inline
export function coverLength(cover: u32): u32 {
  return load<u32>(covers + (<usize>cover << 4), 8);
}

const recent = memory.data(32);

/** Both directions: every number is bounded before it is kept. */
export function codeCovers(sourceSize: u32, targetSize: u32): void {
  chargeTo(0);
  memory.fill(recent, 0, 32);
  let at: u32 = 0;
  let there: u32 = 0;
  let before: u32 = 0;
  let gapBefore: u32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const cover = covers + (<usize>i << 4);
    chargeTo(0);
    const gap = codeNumber(before > 12 ? 1 : 0, encoding ? load<u32>(cover) - at : 0);
    if (gap > targetSize - at) refuse(COVER_BEYOND_TARGET);
    const begin = at + gap;
    chargeTo(1);
    const source = codeSource(gap, there + gap, begin, encoding ? load<u32>(cover, 4) : 0, gapBefore);
    chargeTo(2);
    const length = codeNumber(gap == 0 ? 2 : 3, encoding ? load<u32>(cover, 8) : 0);
    if (length > targetSize - begin || length == 0) refuse(COVER_BEYOND_TARGET);
    if (source > sourceSize || length > sourceSize - source) refuse(COPY_BEYOND_SOURCE);
    store<u32>(cover, begin);
    store<u32>(cover, source, 4);
    store<u32>(cover, length, 8);
    at = begin + length;
    there = source + length;
    before = length;
    gapBefore = gap;
  }
}

/** On the diagonal on which the last cover ended, on one before, or so far from there. */
function codeSource(gap: u32, expected: u32, begin: u32, source: u32, gapBefore: u32): u32 {
  const diagonal = source - begin;
  const context = min<u32>(gap, 15) | (min<u32>(gapBefore, 15) << 4);
  for (let i: u32 = 0; i < RECENT; i++) {
    const known = load<u32>(recent + (<usize>i << 2));
    const is = codeFlag(0, i, context, i * 16 + min<u32>(gap, 15), i, known == diagonal ? 1 : 0);
    if (!is) continue;
    for (let j = i; j > 0; j--) store<u32>(recent + (<usize>j << 2), load<u32>(recent + (<usize>(j - 1) << 2)));
    store<u32>(recent, known);
    return known + begin;
  }
  const distance = source - expected;
  const back = codeFlag(1, 0, context, min<u32>(gap, 15), 0, <i32>distance < 0 ? 1 : 0);
  const far = codeNumber(4, back ? 0 - distance : distance);
  const found = back ? expected - far : expected + far;
  for (let j = RECENT - 1; j > 0; j--) {
    store<u32>(recent + (<usize>j << 2), load<u32>(recent + (<usize>(j - 1) << 2)));
  }
  store<u32>(recent, found - begin);
  return found;
}

/** By their sources, four times by a byte; those with the same source stay in the order of the target. */
export function sortCovers(): void {
  const counts = memory.data(1024);
  for (let i: u32 = 0; i < count; i++) store<u32>(order + (<usize>i << 2), i);
  for (let shift: u32 = 0; shift < 32; shift += 8) {
    memory.fill(counts, 0, 1024);
    for (let i: u32 = 0; i < count; i++) {
      const cell = counts + (<usize>((coverSource(i) >> shift) & 255) << 2);
      store<u32>(cell, load<u32>(cell) + 1);
    }
    let sum: u32 = 0;
    for (let byte: u32 = 0; byte < 256; byte++) {
      const cell = counts + (<usize>byte << 2);
      const these = load<u32>(cell);
      store<u32>(cell, sum);
      sum += these;
    }
    for (let i: u32 = 0; i < count; i++) {
      const cover = load<u32>(order + (<usize>i << 2));
      const cell = counts + (<usize>((coverSource(cover) >> shift) & 255) << 2);
      const place = load<u32>(cell);
      store<u32>(cell, place + 1);
      store<u32>(spare + (<usize>place << 2), cover);
    }
    const other = order;
    order = spare;
    spare = other;
  }
}

export const EXACTLY: u32 = 2;
export const NEARBY: u32 = 1;
export const NOWHERE: u32 = 0;
/** How sure mapAddress() was. */
export let mapped: u32 = NOWHERE;
const LOOK_BACK: u32 = 4;

/** Where an old address is in the new file, by the covers; `mapped` says how sure that is. */
export function mapAddress(address: u32): u32 {
  mapped = NOWHERE;
  const range = oldRangeAt(address);
  if (range == 0 || count == 0) return address;
  const isEmpty = load<u32>(range, 12) == EMPTY;
  if (isEmpty) return address;
  const offset = address - load<u32>(range, 8) + load<u32>(range);
  let low: u32 = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (coverSource(load<u32>(order + (<usize>middle << 2))) <= offset) low = middle + 1;
    else high = middle;
  }
  for (let back: u32 = 1; back <= LOOK_BACK && back <= low; back++) {
    const cover = load<u32>(order + (<usize>(low - back) << 2));
    const inside = offset - coverSource(cover);
    if (inside < coverLength(cover)) {
      mapped = EXACTLY;
      return newAddress(coverTarget(cover) + inside);
    }
  }
  const cover = load<u32>(order + (<usize>(low == 0 ? 0 : low - 1) << 2));
  mapped = NEARBY;
  return newAddress(offset - coverSource(cover) + coverTarget(cover));
}
