/**
 * Which bytes of a file are what, and at which address a program sees them.
 *
 * Eight cells a range, ordered by offset, none over another: offset, length, address, kind, and which bases its
 * words may count from. Addresses are counted modulo 2^32. What lies in no range is plain bytes, and has its offset as its address.
 */
import { NEW_BASES, NEW_RANGES, OLD_BASES, OLD_RANGES } from "./places";

export const PLAIN: u32 = 0;
export const X86: u32 = 1;
export const ARM64: u32 = 2;
export const WORDS: u32 = 3;
/** Has an address and no bytes. */
export const EMPTY: u32 = 4;
export const MOST_BASES: u32 = 6;

let oldCount: u32 = 0;
let newCount: u32 = 0;

export function openRanges(olds: u32, news: u32): void {
  oldCount = olds;
  newCount = news;
  foundBases = 0;
  foundStart = 1;
  foundEnd = 0;
  newStart = 1;
  newEnd = 0;
  byAddress = 0;
}

// @ts-ignore: decorator
@inline
function startOf(range: usize): u32 {
  return load<u32>(range);
}

let foundStart: u32 = 1;
let foundEnd: u32 = 0;
let foundShift: u32 = 0;
let foundKind: u32 = 0;
let foundBases: u32 = 0;

/** Looks up the old range of an offset; then `oldKind`, `oldEnd` and `oldAddress` answer for it. */
export function findOld(offset: u32): void {
  if (offset >= foundStart && offset < foundEnd) return;
  foundStart = 0;
  foundEnd = 0xffffffff;
  foundShift = 0;
  foundKind = PLAIN;
  foundBases = 0;
  for (let i: u32 = 0; i < oldCount; i++) {
    const range = OLD_RANGES + ((<usize>i) << 5);
    const kind = load<u32>(range, 12);
    if (kind == EMPTY) continue;
    const start = startOf(range);
    const end = start + load<u32>(range, 4);
    if (offset < start) {
      foundEnd = min(foundEnd, start);
      return;
    }
    if (offset < end) {
      foundStart = start;
      foundEnd = end;
      foundShift = load<u32>(range, 8) - start;
      foundKind = kind;
      foundBases = load<u32>(range, 16);
      return;
    }
    foundStart = max(foundStart, end);
  }
}

// @ts-ignore: decorator
@inline
export function oldKind(): u32 {
  return foundKind;
}

/** A bit for each base. */
// @ts-ignore: decorator
@inline
export function oldBases(): u32 {
  return foundBases;
}

/** What a word that counts from a base has to be added to. */
// @ts-ignore: decorator
@inline
export function oldBase(index: u32): u32 {
  return load<u32>(OLD_BASES + ((<usize>index) << 2));
}

// @ts-ignore: decorator
@inline
export function newBase(index: u32): u32 {
  return load<u32>(NEW_BASES + ((<usize>index) << 2));
}

// @ts-ignore: decorator
@inline
export function oldStart(): u32 {
  return foundStart;
}

// @ts-ignore: decorator
@inline
export function oldEnd(): u32 {
  return foundEnd;
}

// @ts-ignore: decorator
@inline
export function oldAddress(offset: u32): u32 {
  return offset + foundShift;
}

let newStart: u32 = 1;
let newEnd: u32 = 0;
let newShift: u32 = 0;
let newKindIs: u32 = 0;

function findNew(offset: u32): void {
  newStart = 0;
  newEnd = 0xffffffff;
  newShift = 0;
  newKindIs = PLAIN;
  for (let i: u32 = 0; i < newCount; i++) {
    const range = NEW_RANGES + ((<usize>i) << 5);
    const kind = load<u32>(range, 12);
    if (kind == EMPTY) continue;
    const start = startOf(range);
    const end = start + load<u32>(range, 4);
    if (offset < start) {
      newEnd = start;
      return;
    }
    if (offset < end) {
      newStart = start;
      newEnd = end;
      newShift = load<u32>(range, 8) - start;
      newKindIs = kind;
      return;
    }
    newStart = max(newStart, end);
  }
}

export function newAddress(offset: u32): u32 {
  if (offset < newStart || offset >= newEnd) findNew(offset);
  return offset + newShift;
}

export function newKind(offset: u32): u32 {
  if (offset < newStart || offset >= newEnd) findNew(offset);
  return newKindIs;
}

let byAddress: usize = 0;

/** The old range that has an address, or 0. */
export function oldRangeAt(address: u32): usize {
  if (byAddress != 0 && address - load<u32>(byAddress, 8) < load<u32>(byAddress, 4)) return byAddress;
  for (let i: u32 = 0; i < oldCount; i++) {
    const range = OLD_RANGES + ((<usize>i) << 5);
    if (address - load<u32>(range, 8) < load<u32>(range, 4)) {
      byAddress = range;
      return range;
    }
  }
  return 0;
}
