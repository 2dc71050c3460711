/**
 * The instructions of one window of VCDIFF, carried out (RFC 3284, section 5).
 *
 *   ADD   n bytes of the data section
 *   RUN   n times the next byte of the data section
 *   COPY  n bytes from an address in U: the segment first, then the window as far as it is written
 *
 * A COPY may read bytes that it is itself writing; then they repeat. It may begin in the segment and end
 * in the window: the RFC allows it, open-vcdiff reads it, xdelta3 does not.
 *
 * Everything is checked before it is done: sizes against what is left of the window, reads against the end
 * of their section, addresses against what is written. Numbers are kept in 64 bits and never exceed 2^53.
 */
import { copyBytes, fillBytes } from "./bytes";
import { refuse } from "./calls";
import { CODE_TABLE, NEAR_CACHE, SAME_CACHE } from "./places";
import {
  COPY_OUTSIDE,
  INTEGER_TOO_LARGE,
  SECTION_TRAILING,
  SECTION_TRUNCATED,
  WINDOW_TOO_LONG,
  WINDOW_TOO_SHORT,
} from "./refusals";
import { leftInPage, placeOf } from "./source-pages";

const NOOP: u32 = 0;
const ADD: u32 = 1;
const RUN: u32 = 2;
const SIZES: usize = 512;
const MODES: usize = 1024;
const SECOND: u32 = 256;
const SELF: u32 = 0;
const HERE: u32 = 1;
const NEAR: u32 = 2;
const MAX_INTEGER: u64 = (1 << 53) - 1;
/** Nearer than this, bytes copied sixteen at a time would be read before they are written. */
const STRIDE: u32 = 16;

let nearSize: u32 = 0;
let sameSize: u32 = 0;
let nextNear: u32 = 0;
let segmentStart: u64 = 0;
let segmentLength: u64 = 0;
let target: usize = 0;
let targetAt: u32 = 0;
let targetLength: u32 = 0;
/** Where each section is read and where it ends; interleaved sections are all the first one. */
let data: usize = 0;
let dataEnd: usize = 0;
let instructions: usize = 0;
let instructionsEnd: usize = 0;
let addresses: usize = 0;
let addressesEnd: usize = 0;
let interleaved: bool = false;

export function codeTablePlace(): usize {
  return CODE_TABLE;
}

/** Sizes of the two address caches (section 5.1); the table itself is written to its place. */
export function openVcdiff(near: u32, same: u32): void {
  nearSize = near;
  sameSize = same * 256;
}

export function openSegment(position: f64, length: f64): void {
  segmentStart = <u64>position;
  segmentLength = <u64>length;
}

/** The sections stand one behind the other from `place` on, and the target has room at `into`. */
export function openWindow(
  place: usize,
  dataBytes: u32,
  instructionBytes: u32,
  addressBytes: u32,
  into: usize,
  bytes: u32,
  allInOne: bool,
): void {
  data = place;
  dataEnd = data + dataBytes;
  instructions = dataEnd;
  instructionsEnd = instructions + instructionBytes;
  addresses = instructionsEnd;
  addressesEnd = addresses + addressBytes;
  target = into;
  targetAt = 0;
  targetLength = bytes;
  interleaved = allInOne;
  memory.fill(NEAR_CACHE, 0, nearSize * 8);
  memory.fill(SAME_CACHE, 0, sameSize * 8);
  nextNear = 0;
}

/** Carries out up to `count` opcodes; says whether there are more. */
export function followInstructions(count: u32): bool {
  for (let i: u32 = 0; i < count; i++) {
    if (instructions >= instructionsEnd) {
      checkEnd();
      return false;
    }
    const opcode = <u32>load<u8>(instructions++);
    carryOut(opcode);
    if (load<u8>(CODE_TABLE + SECOND + opcode) != NOOP) carryOut(SECOND + opcode);
  }
  return true;
}

function checkEnd(): void {
  if (targetAt != targetLength) refuse(WINDOW_TOO_SHORT);
  if (!interleaved && (data != dataEnd || addresses != addressesEnd)) refuse(SECTION_TRAILING);
}

function carryOut(half: u32): void {
  const instruction = <u32>load<u8>(CODE_TABLE + half);
  if (instruction == NOOP) return;
  const fixed = <u64>load<u8>(CODE_TABLE + SIZES + half);
  const asked = fixed != 0 ? fixed : nextSize();
  if (asked > <u64>(targetLength - targetAt)) refuse(WINDOW_TOO_LONG);
  const size = <u32>asked;
  const to = target + targetAt;
  if (instruction == ADD) {
    copyBytes(to, takeData(size), size);
  } else if (instruction == RUN) {
    fillBytes(to, load<u8>(takeData(1)), size);
  } else {
    const here = segmentLength + targetAt;
    const address = nextAddress(load<u8>(CODE_TABLE + MODES + half), here);
    // Section 5.3: what is not yet written cannot be copied. One below zero is very large here.
    if (address >= here) refuse(COPY_OUTSIDE);
    remember(address);
    if (address >= segmentLength) copyWithin(to, target + <usize>(address - segmentLength), size);
    else copySegment(to, address, size);
  }
  targetAt += size;
}

function nextSize(): u64 {
  const size = readInteger(instructions, instructionsEnd);
  instructions = integerEnd;
  return size;
}

let integerEnd: usize = 0;

/** Section 2: seven bits a byte, most significant group first. Says where it ends in `integerEnd`. */
function readInteger(from: usize, end: usize): u64 {
  let at = from;
  let value: u64 = 0;
  while (at < end) {
    const byte = <u64>load<u8>(at++);
    value = (value << 7) | (byte & 0x7f);
    if (value > MAX_INTEGER) refuse(INTEGER_TOO_LARGE);
    if (byte < 0x80) {
      integerEnd = at;
      return value;
    }
  }
  refuse(SECTION_TRUNCATED);
  return 0;
}

/** Where `length` bytes of the data section start; they are taken. */
function takeData(length: u32): usize {
  const from = interleaved ? instructions : data;
  const end = interleaved ? instructionsEnd : dataEnd;
  if (length > <u32>(end - from)) refuse(SECTION_TRUNCATED);
  if (interleaved) instructions = from + length;
  else data = from + length;
  return from;
}

function nextAddressInteger(): u64 {
  const value = interleaved
    ? readInteger(instructions, instructionsEnd)
    : readInteger(addresses, addressesEnd);
  if (interleaved) instructions = integerEnd;
  else addresses = integerEnd;
  return value;
}

function nextAddressByte(): u32 {
  const from = interleaved ? instructions : addresses;
  if (from >= (interleaved ? instructionsEnd : addressesEnd)) refuse(SECTION_TRUNCATED);
  if (interleaved) instructions = from + 1;
  else addresses = from + 1;
  return load<u8>(from);
}

function nextAddress(mode: u32, here: u64): u64 {
  if (mode == SELF) return nextAddressInteger();
  if (mode == HERE) return here - nextAddressInteger();
  const near = mode - NEAR;
  if (near < nearSize) return load<u64>(NEAR_CACHE + (<usize>near << 3)) + nextAddressInteger();
  return load<u64>(SAME_CACHE + (<usize>((near - nearSize) * 256 + nextAddressByte()) << 3));
}

/** Section 5.1, cache_update. */
function remember(address: u64): void {
  if (nearSize > 0) {
    store<u64>(NEAR_CACHE + (<usize>nextNear << 3), address);
    nextNear = nextNear + 1 == nearSize ? 0 : nextNear + 1;
  }
  if (sameSize > 0) store<u64>(SAME_CACHE + (<usize>(address % sameSize) << 3), address);
}

function copySegment(to: usize, address: u64, size: u32): void {
  const inSegment = <u32>min<u64>(size, segmentLength - address);
  let at = segmentStart + address;
  for (let done: u32 = 0; done < inSegment; ) {
    const count = min(inSegment - done, leftInPage(at));
    copyBytes(to + done, placeOf(at), count);
    done += count;
    at += count;
  }
  if (inSegment < size) copyWithin(to + inSegment, target, size - inSegment);
}

/** @param from before `to`; nearer than `size` means that the bytes between repeat */
function copyWithin(to: usize, from: usize, size: u32): void {
  const period = <u32>(to - from);
  if (period >= size) {
    copyBytes(to, from, size);
    return;
  }
  if (period >= STRIDE) {
    for (let i: u32 = 0; i < size; i += STRIDE) v128.store(to + i, v128.load(from + i));
    return;
  }
  for (let i: u32 = 0; i < size; i++) store<u8>(to + i, load<u8>(from + i));
}
