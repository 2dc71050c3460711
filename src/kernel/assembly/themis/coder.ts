/**
 * An arithmetic coder of bits, in both directions: whoever walks asks for a bit and hands in what it is, and
 * while decoding hands in anything.
 *
 * Carryless, 32 bits: low and high are the ends of an interval; bytes on which both agree are settled.
 */
import { refuse } from "../device/calls";
import { readCoded, writeCoded } from "./calls";
import { COSTS, INPUT, INPUT_BYTES, SPENT } from "./places";
import { CODED_TRUNCATED, CODED_TRAILING } from "./refusals";

export let encoding: bool = false;
let low: u32 = 0;
let high: u32 = 0;
let code: u32 = 0;
let at: usize = 0;
let end: usize = 0;
let isLast: bool = false;
/** Bytes of zero that stand for those behind the end. */
let missing: u32 = 0;
/** On whose account bits go. */
let account: u32 = 0;

/** The most zeros that the coder itself leaves away. */
const MOST_MISSING: u32 = 4;

export function openCoder(forEncoding: bool): void {
  encoding = forEncoding;
  low = 0;
  high = 0xffffffff;
  code = 0;
  at = INPUT;
  end = INPUT;
  isLast = false;
  missing = 0;
  memory.fill(SPENT, 0, 512);
  if (forEncoding) return;
  for (let i = 0; i < 4; i++) code = (code << 8) | nextByte();
}

export function chargeTo(kind: u32): void {
  account = kind;
}

function nextByte(): u32 {
  if (at == end) {
    if (!isLast) {
      const bytes = readCoded(INPUT, INPUT_BYTES);
      at = INPUT;
      end = INPUT + bytes;
      isLast = bytes < INPUT_BYTES;
    }
    if (at == end) {
      if (++missing > MOST_MISSING) refuse(CODED_TRUNCATED);
      return 0;
    }
  }
  return load<u8>(at++);
}

function putByte(byte: u32): void {
  store<u8>(at++, byte);
  if (at == INPUT + INPUT_BYTES) flush();
}

function flush(): void {
  writeCoded(INPUT, <u32>(at - INPUT));
  at = INPUT;
}

/** @param p that the bit is 1, in 1/65536, from 1 to 65535 */
// @ts-ignore: decorator
@inline
export function codeBit(p: u32, bit: u32): u32 {
  const middle = low + <u32>((<u64>(high - low) * p) >> 16);
  let is = bit;
  if (encoding) {
    const cost = SPENT + (<usize>account << 3);
    store<u64>(cost, load<u64>(cost) + load<u32>(COSTS + ((<usize>((bit ? p : 65535 - p) >> 4)) << 2)));
  } else is = code <= middle ? 1 : 0;
  if (is) high = middle;
  else low = middle + 1;
  while ((low ^ high) < 0x1000000) shift();
  return is;
}

function shift(): void {
  if (encoding) putByte(high >> 24);
  else code = (code << 8) | nextByte();
  low <<= 8;
  high = (high << 8) | 0xff;
}

/** As few bytes as name a number in the interval when zeros follow. */
export function finishEncoding(): void {
  for (let bytes: u32 = 1; bytes <= 4; bytes++) {
    const zeros = <u32>(((<u64>1 << (32 - 8 * bytes)) - 1));
    const value = high & ~zeros;
    if (value < low) continue;
    if (value != 0) for (let i: u32 = 0; i < bytes; i++) putByte((value >> (24 - 8 * i)) & 0xff);
    break;
  }
  flush();
}

/** Every byte was needed. */
export function finishDecoding(): void {
  if (at < end) refuse(CODED_TRAILING);
  if (!isLast && readCoded(INPUT, 1) > 0) refuse(CODED_TRAILING);
}
