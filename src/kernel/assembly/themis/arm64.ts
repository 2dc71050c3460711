/**
 * Copies of arm64 code (Arm ARM, C4.1), an instruction of four bytes at a time.
 *
 *   B, BL                      26 bits of words           B.cond, CBZ, CBNZ, LDR literal   19 bits of words
 *   TBZ, TBNZ                  14 bits of words           ADR                              21 bits of bytes
 *   ADRP                       21 bits of pages; with the next ADD or LDR/STR on its register an address
 *   that ADD, LDR or STR       12 bits, the rest of that address
 */
import { chargeTo, encoding } from "./coder";
import { guessAddress, guessAt, guessCount, guessOrigin } from "./fields";
import { learnAddress } from "./learned";
import { codeByte, codeFlag, setContext } from "./models";
import { codeSame } from "./plain";
import { REGISTERS } from "./places";
import { newAddress, oldAddress, oldRangeAt } from "./ranges";
import { at, oldAt, out, stepBoth, there } from "./state";

const NO_FIELD: u32 = 0;
const BRANCH26: u32 = 1;
const BRANCH19: u32 = 2;
const BRANCH14: u32 = 3;
const NEAR: u32 = 4;
const PAGE: u32 = 5;
const LOW: u32 = 6;
/** How many instructions behind an ADRP its other half is looked for. */
const AHEAD: u32 = 10;

let changes: u32 = 0;
let misses: u32 = 0;
let clean: u32 = 0;

// @ts-ignore: decorator
@inline
function logOf(value: u32): u32 {
  return min<u32>(32 - clz(value), 15);
}

export function openArm64(): void {
  changes = 0;
  misses = 0;
  clean = 0;
  memory.fill(REGISTERS, 0, 256);
}

function fieldOf(word: u32): u32 {
  if ((word & 0x7c000000) == 0x14000000) return BRANCH26;
  if ((word & 0xff000010) == 0x54000000) return BRANCH19;
  if ((word & 0x7e000000) == 0x34000000) return BRANCH19;
  if ((word & 0x7e000000) == 0x36000000) return BRANCH14;
  if ((word & 0x3b000000) == 0x18000000) return BRANCH19;
  if ((word & 0x9f000000) == 0x10000000) return NEAR;
  if ((word & 0x9f000000) == 0x90000000) return PAGE;
  return NO_FIELD;
}

// @ts-ignore: decorator
@inline
function signed(value: u32, bits: u32): u32 {
  return <u32>((<i32>(value << (32 - bits))) >> (32 - bits));
}

// @ts-ignore: decorator
@inline
function immediate21(word: u32): u32 {
  return signed(((word >> 29) & 3) | ((word >> 3) & 0x1ffffc), 21);
}

function targetOf(word: u32, kind: u32, address: u32): u32 {
  if (kind == BRANCH26) return address + (signed(word & 0x3ffffff, 26) << 2);
  if (kind == BRANCH19) return address + (signed((word >> 5) & 0x7ffff, 19) << 2);
  if (kind == BRANCH14) return address + (signed((word >> 5) & 0x3fff, 14) << 2);
  if (kind == NEAR) return address + immediate21(word);
  return (address & ~0xfff) + (immediate21(word) << 12);
}

function withTarget(word: u32, kind: u32, address: u32, target: u32): u32 {
  if (kind == BRANCH26) return (word & ~0x3ffffff) | (((target - address) >> 2) & 0x3ffffff);
  if (kind == BRANCH19) return (word & ~0xffffe0) | ((((target - address) >> 2) & 0x7ffff) << 5);
  if (kind == BRANCH14) return (word & ~0x7ffe0) | ((((target - address) >> 2) & 0x3fff) << 5);
  const distance = kind == NEAR ? target - address : (target >> 12) - (address >> 12);
  return (word & ~0x60ffffe0) | ((distance & 3) << 29) | (((distance >> 2) & 0x7ffff) << 5);
}

/** By how much the 12 bits of an ADD, LDR or STR are shifted, or 255 when it is none of these. */
function lowShift(word: u32): u32 {
  if ((word & 0xffc00000) == 0x91000000) return 0;
  if ((word & 0x3b000000) == 0x39000000) {
    const size = word >> 30;
    return (word & 0x04800000) == 0x04800000 && size == 0 ? 4 : size;
  }
  return 255;
}

export function copyArm64(left: u32, since: u32): void {
  if ((oldAddress(there) & 3) != 0 || left < 4) {
    chargeTo(20);
    codeSame(left, since, 1, oldAddress(there) & 3);
    return;
  }
  const from = oldAt(there, left);
  const old = load<u32>(from);
  const value = load<u32>(out);
  const here = oldAddress(there);
  const nowHere = newAddress(at);
  let kind = fieldOf(old);
  let address: u32 = 0;
  let isWhole = true;
  // An ADRP tells its register: 12 bytes, old page, new page or target, and whether it is known.
  if (kind == NO_FIELD) {
    const shift = lowShift(old);
    if (shift != 255) {
      const register = REGISTERS + (<usize>((old >> 5) & 31) << 3);
      if (load<u32>(register) != 0 && there - load<u32>(register, 4) <= AHEAD * 4) {
        kind = LOW;
        address = load<u32>(register) + (((old >> 10) & 0xfff) << shift);
      }
    }
  } else {
    address = targetOf(old, kind, here);
    if (kind == PAGE) {
      isWhole = false;
      const limit = min<u32>(AHEAD, 11);
      for (let i: u32 = 1; i <= limit && i * 4 + 4 <= 48; i++) {
        const next = load<u32>(from + i * 4);
        const shift = lowShift(next);
        if (shift == 255 || ((next >> 5) & 31) != (old & 31)) continue;
        address += ((next >> 10) & 0xfff) << shift;
        isWhole = true;
        break;
      }
      const register = REGISTERS + (<usize>(old & 31) << 3);
      store<u32>(register, targetOf(old, PAGE, here));
      store<u32>(register, there, 4);
    }
    if (oldRangeAt(address) == 0) kind = NO_FIELD;
  }
  chargeTo(kind == NO_FIELD ? 17 : 19);
  let is: u32 = 0;
  let guess = old;
  const op = old >> 21;
  if (kind == NO_FIELD) {
    is = codeFlag(
      5,
      min<u32>(logOf(since), 7),
      (changes & 0xff) | ((op >> 7) << 8),
      op | ((changes & 1) << 11),
      logOf(clean) | (logOf(left) << 4) | (logOf(since) << 8),
      old == value ? 1 : 0,
    );
  } else {
    guessAddress(address, kind == LOW ? address : targetOf(old, kind, nowHere) + (kind == PAGE ? address & 0xfff : 0));
    let before: u32 = 0;
    for (let i: u32 = 0; i < guessCount && !is; i++) {
      const target = guessAt(i);
      const word = kind == LOW
        ? (old & ~0x3ffc00) | (((target & 0xfff) >> lowShift(old)) << 10)
        : withTarget(old, kind, nowHere, target);
      if (i > 0 && word == before) continue;
      before = word;
      if (i == 0) guess = word;
      is = codeFlag(
        7 + i,
        kind | (min<u32>(guessOrigin & 3, 3) << 3),
        guessOrigin | (kind << 6) | ((misses & 7) << 9),
        (misses & 63) | (kind << 6) | ((guessOrigin & 3) << 9) | ((changes & 1) << 11),
        logOf(clean) | ((guessOrigin & 31) << 4) | (min<u32>(logOf(since), 7) << 9),
        word == value ? 1 : 0,
      );
      misses = (misses << 1) | (is ^ 1);
      if (is) {
        store<u32>(out, word);
        if (isWhole) learnAddress(address, target);
      }
    }
  }
  changes = (changes << 1) | (is ^ 1);
  if (is) {
    clean++;
    if (kind == NO_FIELD) store<u32>(out, old);
  } else {
    clean = 0;
    chargeTo(kind == NO_FIELD ? 18 : 21);
    codeInstruction(from, old, guess, kind);
    const now = load<u32>(out);
    if (kind != NO_FIELD && kind != PAGE && kind != LOW && fieldOf(now) == kind) {
      learnAddress(address, targetOf(now, kind, nowHere));
    }
  }
  stepBoth(4);
}

/** From the byte that says most. */
function codeInstruction(from: usize, old: u32, guess: u32, kind: u32): void {
  let same: u32 = 1;
  let made: u32 = 0;
  for (let i: i32 = 3; i >= 0; i--) {
    const byte = (old >> (8 * i)) & 255;
    const hope = (guess >> (8 * i)) & 255;
    const salt = 0xd0000000 + (<u32>i << 20) + (kind << 24);
    setContext(0, (byte | (same << 8)) + salt);
    setContext(1, (hope | (made << 8)) * 3 + salt + 0x10001);
    setContext(2, made * 5 + salt + 0x20002);
    setContext(3, ((made & 0xff) | (<u32>load<u8>(out + i - 4) << 8) | (same << 16)) * 7 + salt + 0x30003);
    setContext(4, (byte | (<u32>load<u8>(from + 4 + i) << 8)) * 11 + salt + 0x40004);
    setContext(5, (load<u32>(out - 4) >> 16) * 13 + (made << 16) + salt + 0x50005);
    const now = codeByte(7, (<u32>i << 1) | same, <u32>load<u8>(out + i));
    store<u8>(out + i, <u8>now);
    if (now != byte) same = 0;
    made = (made << 8) | now;
  }
}
