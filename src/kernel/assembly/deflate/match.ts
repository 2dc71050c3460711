/**
 * Finds the strings that come again as zlib's deflate.c finds them: chains of places with one hash, searched no
 * further than the level allows, and from level 4 on a match waits whether the next byte begins a longer one.
 *
 *   input -> window of 64 KiB, whose upper half becomes the lower when it is full -> literals and matches
 *
 * The window is filled to its end whenever it is filled, so that where the caller cuts the input changes nothing.
 */
import { gatherLiteral, gatherMatch, isEarlyEnd, writeBlock } from "./trees";
import { isFull } from "./output";

const WINDOW: usize = 0x10000;
const PREVIOUS: usize = 0x30000;
const HEADS: usize = 0x40000;
const INPUT: usize = 0xf0000;

const HALF: u32 = 32768;
const WHOLE: u32 = 65536;
const MIN_MATCH: u32 = 3;
const MAX_MATCH: u32 = 258;
const MIN_AHEAD: u32 = MAX_MATCH + MIN_MATCH + 1;
const MAX_DISTANCE: u32 = HALF - MIN_AHEAD;
/** A match of three bytes from farther away costs more than three literals. */
const TOO_FAR: u32 = 4096;
const NOWHERE: u32 = 0;

/** zlib's configuration_table: good, lazy, nice, chain for each level. */
const LEVELS = memory.data<u16>([
  0, 0, 0, 0, 4, 4, 8, 4, 4, 5, 16, 8, 4, 6, 32, 32, 4, 4, 16, 16, 8, 16, 32, 32, 8, 16, 128, 128, 8, 32, 128, 256,
  32, 128, 258, 1024, 32, 258, 258, 4096,
]);

let goodMatch: u32 = 0;
let lazyMatch: u32 = 0;
let niceMatch: u32 = 0;
let chainLength: u32 = 0;
let isLazy: bool = false;
let kind: u32 = 0;
let crcBytes: u32 = 0;
let hashShift: u32 = 0;
let hashMask: u32 = 0;

let inputAt: u32 = 0;
let inputEnd: u32 = 0;
let isLastInput: bool = false;
let done: bool = false;

/** Places in the window. */
let at: u32 = 0;
let ahead: u32 = 0;
let blockStart: i32 = 0;
let matchStart: u32 = 0;
let matchLength: u32 = 0;
let previousLength: u32 = 0;
let previousMatch: u32 = 0;
let isWaiting: bool = false;

/** Which hash: zlib's, and the two that Chromium's zlib had, one after the other. */
const ROLLING: u32 = 0;
const CRC: u32 = 1;
const MULTIPLIER: u32 = 66521;

const CRC_TABLE: usize = 0x86000;
/** CRC-32C (Castagnoli), reflected. */
const CRC_POLYNOMIAL: u32 = 0x82f63b78;

export function startMatch(level: u32, hash: u32, hashBits: u32): void {
  const row = LEVELS + (<usize>level << 3);
  goodMatch = load<u16>(row);
  lazyMatch = load<u16>(row, 2);
  niceMatch = load<u16>(row, 4);
  chainLength = load<u16>(row, 6);
  isLazy = level > 3;
  kind = hash;
  crcBytes = level >= 6 ? 0xffffff : 0xffffffff;
  if (hash == CRC) buildCrcTable();
  hashShift = (hashBits + MIN_MATCH - 1) / MIN_MATCH;
  hashMask = (1 << hashBits) - 1;
  memory.fill(HEADS, 0, (<usize>1) << (hashBits + 1));
  memory.fill(PREVIOUS, 0, 2 * HALF);
  memory.fill(WINDOW, 0, WHOLE + 1024);
  inputAt = 0;
  inputEnd = 0;
  isLastInput = false;
  done = false;
  at = 0;
  ahead = 0;
  blockStart = 0;
  matchStart = 0;
  matchLength = MIN_MATCH - 1;
  previousLength = MIN_MATCH - 1;
  previousMatch = 0;
  isWaiting = false;
}

/** Where input goes, after what has not been read yet was moved to the front. */
export function inputRoom(): usize {
  const rest = inputEnd - inputAt;
  memory.copy(INPUT, INPUT + inputAt, rest);
  inputAt = 0;
  inputEnd = rest;
  return INPUT + rest;
}

export function feed(bytes: u32, last: bool): void {
  inputEnd += bytes;
  isLastInput = last;
}

export function pump(): u32 {
  if (done) return 2;
  const answer = isLazy ? pumpLazily() : pumpGreedily();
  if (answer == 2) done = true;
  return answer;
}

/** @returns false when more input must be there first */
function fill(): bool {
  let room = WHOLE - ahead - at;
  const slides = at >= HALF + MAX_DISTANCE;
  if (slides) room += HALF;
  const there = inputEnd - inputAt;
  if (there < room && !isLastInput) return false;
  if (slides) slide();
  const bytes = min(room, there);
  memory.copy(WINDOW + at + ahead, INPUT + inputAt, bytes);
  inputAt += bytes;
  ahead += bytes;
  return true;
}

function slide(): void {
  memory.copy(WINDOW, WINDOW + HALF, HALF);
  matchStart = matchStart - HALF;
  at -= HALF;
  blockStart -= HALF;
  slidePlaces(HEADS, hashMask + 1);
  slidePlaces(PREVIOUS, HALF);
}

function slidePlaces(places: usize, count: u32): void {
  const half = i16x8.splat(<i16>HALF);
  for (let i: u32 = 0; i < count; i += 8) {
    const place = places + (<usize>i << 1);
    v128.store(place, i16x8.sub_sat_u(v128.load(place), half));
  }
}

// @ts-ignore: decorator
@inline
function byteAt(place: u32): u32 {
  return load<u8>(WINDOW + place);
}

/** Of the string that begins there. */
// @ts-ignore: decorator
@inline
function hashOf(place: u32): u32 {
  if (kind == ROLLING) {
    return (byteAt(place) << (2 * hashShift)) ^ (byteAt(place + 1) << hashShift) ^ byteAt(place + 2);
  }
  const word = load<u32>(WINDOW + place);
  return kind == CRC ? crcOf(word & crcBytes) : (word * MULTIPLIER + MULTIPLIER) >> 16;
}

/** Puts the string at `place` in front of its chain. @returns what stood in front before */
// @ts-ignore: decorator
@inline
function insert(place: u32): u32 {
  const hash = hashOf(place) & hashMask;
  const head = HEADS + (<usize>hash << 1);
  const before = <u32>load<u16>(head);
  store<u16>(PREVIOUS + ((<usize>place & (HALF - 1)) << 1), <u16>before);
  store<u16>(head, <u16>place);
  return before;
}

function buildCrcTable(): void {
  for (let byte: u32 = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >> 1) ^ ((crc & 1) != 0 ? CRC_POLYNOMIAL : 0);
    store<u32>(CRC_TABLE + (<usize>byte << 2), crc);
  }
}

/** What the processor's instruction gives for a word, from zero and not inverted. */
function crcOf(word: u32): u32 {
  let crc = word;
  for (let byte = 0; byte < 4; byte++) crc = (crc >> 8) ^ load<u32>(CRC_TABLE + ((<usize>crc & 0xff) << 2));
  return crc;
}

/** The longest match along a chain, its place in matchStart; as long as `previousLength` when none is longer. */
function longestMatch(head: u32): u32 {
  let chain = chainLength;
  let best = previousLength;
  const nice = min(niceMatch, ahead);
  const limit = at > MAX_DISTANCE ? at - MAX_DISTANCE : NOWHERE;
  if (previousLength >= goodMatch) chain >>= 2;
  const scan = WINDOW + at;
  let end = load<u16>(scan + best - 1);
  const start = load<u16>(scan);
  let candidate = head;
  do {
    const match = WINDOW + candidate;
    if (load<u16>(match + best - 1) == end && load<u16>(match) == start) {
      const length = equalBytes(scan, match);
      if (length > best) {
        matchStart = candidate;
        best = length;
        if (length >= nice) break;
        end = load<u16>(scan + best - 1);
      }
    }
    candidate = load<u16>(PREVIOUS + ((<usize>candidate & (HALF - 1)) << 1));
  } while (candidate > limit && --chain != 0);
  return min(best, ahead);
}

/** At most MAX_MATCH. */
function equalBytes(one: usize, other: usize): u32 {
  let length: u32 = 0;
  while (length < 256) {
    const differ = load<u64>(one + length) ^ load<u64>(other + length);
    if (differ != 0) return length + (<u32>ctz(differ) >> 3);
    length += 8;
  }
  while (length < MAX_MATCH && load<u8>(one + length) == load<u8>(other + length)) length++;
  return length;
}

function endBlock(last: bool): void {
  writeBlock(blockStart >= 0 ? WINDOW + blockStart : 0, <u32>(<i32>at - blockStart), last);
  blockStart = <i32>at;
}

function isBlockOver(full: bool): bool {
  return full || isEarlyEnd(<u32>(<i32>at - blockStart));
}

/** deflate_slow */
function pumpLazily(): u32 {
  for (;;) {
    if (isFull()) return 1;
    if (ahead < MIN_AHEAD) {
      if (!fill()) return 0;
      if (ahead == 0) break;
    }
    let head: u32 = NOWHERE;
    if (ahead >= MIN_MATCH) head = insert(at);
    previousLength = matchLength;
    previousMatch = matchStart;
    matchLength = MIN_MATCH - 1;
    if (head != NOWHERE && previousLength < lazyMatch && at - head <= MAX_DISTANCE) {
      matchLength = longestMatch(head);
      if (matchLength == MIN_MATCH && at - matchStart > TOO_FAR) matchLength = MIN_MATCH - 1;
    }
    if (previousLength >= MIN_MATCH && matchLength <= previousLength) {
      const lastInsert = at + ahead - MIN_MATCH;
      const full = isBlockOver(gatherMatch(at - 1 - previousMatch, previousLength - MIN_MATCH));
      ahead -= previousLength - 1;
      for (let more = previousLength - 2; more != 0; more--) {
        if (<i32>++at <= <i32>lastInsert) insert(at);
      }
      isWaiting = false;
      matchLength = MIN_MATCH - 1;
      at++;
      if (full) endBlock(false);
    } else {
      if (isWaiting && isBlockOver(gatherLiteral(byteAt(at - 1)))) endBlock(false);
      isWaiting = true;
      at++;
      ahead--;
    }
  }
  if (isWaiting) {
    gatherLiteral(byteAt(at - 1));
    isWaiting = false;
  }
  endBlock(true);
  return 2;
}

/** deflate_fast */
function pumpGreedily(): u32 {
  for (;;) {
    if (isFull()) return 1;
    if (ahead < MIN_AHEAD) {
      if (!fill()) return 0;
      if (ahead == 0) break;
    }
    let head: u32 = NOWHERE;
    if (ahead >= MIN_MATCH) head = insert(at);
    if (head != NOWHERE && at - head <= MAX_DISTANCE) matchLength = longestMatch(head);
    let full: bool;
    if (matchLength >= MIN_MATCH) {
      full = isBlockOver(gatherMatch(at - matchStart, matchLength - MIN_MATCH));
      ahead -= matchLength;
      if (matchLength <= lazyMatch && ahead >= MIN_MATCH) {
        for (let more = matchLength - 1; more != 0; more--) insert(++at);
        at++;
      } else at += matchLength;
      matchLength = 0;
    } else {
      full = isBlockOver(gatherLiteral(byteAt(at)));
      at++;
      ahead--;
    }
    if (full) endBlock(false);
  }
  endBlock(true);
  return 2;
}
