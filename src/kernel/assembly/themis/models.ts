/**
 * Adaptive probabilities, alone, in a group of three that vote, and as bits of a byte with six contexts.
 *
 *   cell    32 bits: 16 of probability, 16 of how often it was asked; the more often, the slower it moves
 *   vote    the logits of the cells, weighted; the weights learn from what the bit was (logistic mixing)
 *   bucket  16 cells for a half byte under one context, of which the first says which context it is
 */
import { codeBit, encoding } from "./coder";
import { squash, stretch } from "./logistic";
import { ARENA, CONTEXTS, RECIPROCALS, STRETCH } from "./places";

const FRESH: u32 = 0x80000000;
/** Half of the votes go each way at first. */
const ONE: i32 = 65536;
const BIAS: i32 = 256;
const MOST_WEIGHT: i32 = 1 << 19;

export const FLAG_KINDS: u32 = 24;
const FLAG_CELLS: u32 = 4096;
const FLAG_SETS: u32 = 32;
export const BYTE_KINDS: u32 = 10;
const BYTE_SETS: u32 = 256;
export const NUMBER_KINDS: u32 = 12;
const NUMBER_CELLS: u32 = 64 + 33 * 8 + 33 * 32;

const FLAGS: usize = ARENA;
const FLAG_WEIGHTS: usize = FLAGS + <usize>(FLAG_KINDS * 3 * FLAG_CELLS * 4);
const NUMBERS: usize = FLAG_WEIGHTS + <usize>(FLAG_KINDS * FLAG_SETS * 16);
const BYTE_WEIGHTS: usize = NUMBERS + <usize>(NUMBER_KINDS * NUMBER_CELLS * 4);
export const BUCKETS: usize = (BYTE_WEIGHTS + <usize>(BYTE_KINDS * BYTE_SETS * 32) + 63) & ~63;

const FLAG_LIMIT: u32 = 127;
const NUMBER_LIMIT: u32 = 127;

let bucketShift: u32 = 18;

/** @param log of how many buckets of 64 bytes there are */
export function openModels(log: u32): void {
  bucketShift = 32 - log;
  fill32(FLAGS, FLAG_KINDS * 3 * FLAG_CELLS, FRESH);
  fill32(FLAG_WEIGHTS, FLAG_KINDS * FLAG_SETS * 4, <u32>(ONE / 2));
  fill32(NUMBERS, NUMBER_KINDS * NUMBER_CELLS, FRESH);
  fill32(BYTE_WEIGHTS, BYTE_KINDS * BYTE_SETS * 8, <u32>(ONE / 3));
  memory.fill(BUCKETS, 0, <usize>32 << log);
}

function fill32(at: usize, count: u32, value: u32): void {
  const lanes = i32x4.splat(value);
  for (let i: u32 = 0; i < count; i += 4) v128.store(at + ((<usize>i) << 2), lanes);
}

// @ts-ignore: decorator
@inline
function learn(cell: usize, bit: u32, limit: u32): void {
  const value = load<u32>(cell);
  const count = value & 0xffff;
  const distance = <i32>(bit * 65535) - <i32>(value >> 16);
  const step = (distance * load<i32>(RECIPROCALS + ((<usize>count) << 2))) >> 14;
  store<u32>(cell, value + <u32>(step << 16) + (count < limit ? 1 : 0));
}

/** One cell alone. */
export function codeCell(cell: usize, bit: u32, limit: u32): u32 {
  const p = load<u32>(cell) >> 16;
  const is = codeBit(p == 0 ? 1 : p, bit);
  learn(cell, is, limit);
  return is;
}

// @ts-ignore: decorator
@inline
function sum(lanes: v128): i32 {
  const two = i32x4.add(lanes, i32x4.shuffle(lanes, lanes, 2, 3, 0, 1));
  return i32x4.extract_lane(two, 0) + i32x4.extract_lane(two, 1);
}

// @ts-ignore: decorator
@inline
function bounded(weights: v128): v128 {
  return i32x4.max_s(i32x4.min_s(weights, i32x4.splat(MOST_WEIGHT)), i32x4.splat(-MOST_WEIGHT));
}

/**
 * A yes or no.
 *
 * @param set which weights, below 32
 * @param a, b, c contexts, below 4096
 */
export function codeFlag(kind: u32, set: u32, a: u32, b: u32, c: u32, bit: u32): u32 {
  const cells = FLAGS + (<usize>(kind * 3 * FLAG_CELLS) << 2);
  const first = cells + (<usize>(a & 4095) << 2);
  const second = cells + (<usize>(FLAG_CELLS + (b & 4095)) << 2);
  const third = cells + (<usize>(2 * FLAG_CELLS + (c & 4095)) << 2);
  const weights = FLAG_WEIGHTS + (<usize>(kind * FLAG_SETS + (set & 31)) << 4);
  const inputs = i32x4.replace_lane(
    i32x4.replace_lane(
      i32x4.replace_lane(i32x4.splat(256), 0, stretch(load<u32>(first) >> 16)),
      1,
      stretch(load<u32>(second) >> 16),
    ),
    2,
    stretch(load<u32>(third) >> 16),
  );
  const dot = sum(i32x4.shr_s(i32x4.mul(inputs, v128.load(weights)), 4));
  const p = squash(dot >> 12);
  const is = codeBit(p, bit);
  const error = (<i32>(is << 16) - <i32>p) as i32;
  const step = i32x4.shr_s(
    i32x4.add(i32x4.mul(inputs, i32x4.splat(error >> 2)), i32x4.splat(1 << 13)),
    14,
  );
  v128.store(weights, bounded(i32x4.add(v128.load(weights), step)));
  learn(first, is, FLAG_LIMIT);
  learn(second, is, FLAG_LIMIT);
  learn(third, is, FLAG_LIMIT);
  return is;
}

/** Whole numbers of 32 bits: how many bits, then the three behind the first, then the others. */
export function codeNumber(kind: u32, value: u32): u32 {
  const cells = NUMBERS + (<usize>(kind * NUMBER_CELLS) << 2);
  const length = encoding ? 32 - clz(value) : 0;
  let tree: u32 = 1;
  for (let i: i32 = 5; i >= 0; i--) {
    tree = (tree << 1) | codeCell(cells + (<usize>tree << 2), (length >> i) & 1, NUMBER_LIMIT);
  }
  const bits = min<u32>(tree & 63, 32);
  if (bits <= 1) return bits;
  let made: u32 = 1;
  for (let left = <i32>bits - 2; left >= 0; left--) {
    const known = bits - 2 - <u32>left;
    const cell = known < 3 ? 64 + bits * 8 + ((made & ((1 << known) - 1)) | (1 << known)) : 64 + 33 * 8 + bits * 32 + left;
    made = (made << 1) | codeCell(cells + (<usize>cell << 2), (value >> left) & 1, NUMBER_LIMIT);
  }
  return made;
}

// @ts-ignore: decorator
@inline
export function setContext(index: u32, value: u32): void {
  store<u32>(CONTEXTS + ((<usize>index) << 2), (value + index) * 0x9e3779b1 + index);
}

// @ts-ignore: decorator
@inline
function mix32(value: u32): u32 {
  const mixed = (value ^ (value >> 15)) * 0x85ebca6b;
  return mixed ^ (mixed >> 13);
}

/** The bucket of a context, given what of the byte is known; another context that was there is forgotten. */
// @ts-ignore: decorator
@inline
function findBucket(context: u32, state: u32): usize {
  const hash = mix32(load<u32>(CONTEXTS + ((<usize>context) << 2)) + state * 0x27d4eb2f);
  const bucket = BUCKETS + ((<usize>((hash * 0xc2b2ae35) >> bucketShift)) << 5);
  const check = hash & 0xffff;
  if (load<u16>(bucket) != check) {
    const lanes = i16x8.splat(<i16>0x8000);
    v128.store(bucket, i16x8.replace_lane(lanes, 0, <i16>check));
    v128.store(bucket, lanes, 16);
  }
  return bucket;
}

// @ts-ignore: decorator
@inline
function logit(cell: usize): i32 {
  return load<i16>(STRETCH + ((<usize>(load<u16>(cell) >> 4)) << 1));
}

// @ts-ignore: decorator
@inline
function learnByte(cell: usize, bit: u32): void {
  const value = <u32>load<u16>(cell);
  const count = value & 15;
  const p = <i32>(value >> 4);
  const moved = p + (((<i32>(bit * 4095) - p) * load<i32>(RECIPROCALS + ((<usize>count) << 2))) >> 14);
  store<u16>(cell, (<u32>moved << 4) | min<u32>(count + 1, 15));
}

/** A byte under the six contexts that were set; @param set which weights, below 16 */
export function codeByte(kind: u32, set: u32, value: u32): u32 {
  const upper = codeHalf(kind, set * 16, 0, value >> 4);
  return (upper << 4) | codeHalf(kind, set * 16 + 8, 16 | upper, value & 15);
}

function codeHalf(kind: u32, set: u32, state: u32, value: u32): u32 {
  const a = findBucket(0, state);
  const b = findBucket(1, state);
  const c = findBucket(2, state);
  const d = findBucket(3, state);
  const e = findBucket(4, state);
  const f = findBucket(5, state);
  let weights = BYTE_WEIGHTS + (<usize>(kind * BYTE_SETS + (set & 255)) << 5);
  let node: usize = 2;
  let made: u32 = 0;
  for (let i: u32 = 0; i < 4; i++, weights += 32) {
    const low = i32x4.replace_lane(
      i32x4.replace_lane(
        i32x4.replace_lane(i32x4.splat(logit(a + node)), 1, logit(b + node)),
        2,
        logit(c + node),
      ),
      3,
      logit(d + node),
    );
    const high = i32x4.replace_lane(
      i32x4.replace_lane(i32x4.splat(BIAS), 0, logit(e + node)),
      1,
      logit(f + node),
    );
    const dot = sum(
      i32x4.add(
        i32x4.shr_s(i32x4.mul(low, v128.load(weights)), 4),
        i32x4.shr_s(i32x4.mul(high, v128.load(weights, 16)), 4),
      ),
    );
    const p = squash(dot >> 12);
    const is = codeBit(p, (value >> (3 - i)) & 1);
    const error = i32x4.splat((<i32>(is << 16) - <i32>p) >> 2);
    const half = i32x4.splat(1 << 11);
    v128.store(
      weights,
      bounded(i32x4.add(v128.load(weights), i32x4.shr_s(i32x4.add(i32x4.mul(low, error), half), 12))),
    );
    v128.store(
      weights,
      bounded(i32x4.add(v128.load(weights, 16), i32x4.shr_s(i32x4.add(i32x4.mul(high, error), half), 12))),
      16,
    );
    learnByte(a + node, is);
    learnByte(b + node, is);
    learnByte(c + node, is);
    learnByte(d + node, is);
    learnByte(e + node, is);
    learnByte(f + node, is);
    node = (node << 1) | (<usize>is << 1);
    made = (made << 1) | is;
  }
  return made;
}
