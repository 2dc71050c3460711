/**
 * Copies of data, four bytes at a time: each is as it was, or an address that moved, or moved as far as others
 * like it, or it is new.
 */
import { chargeTo, encoding } from "./coder";
import { EXACTLY, mapAddress, mapped } from "./covers";
import { confidence, isNearKnown, known, learnAddress, nearKnown } from "./learned";
import { codeByte, codeFlag, setContext } from "./models";
import { codeSame, copyRun } from "./plain";
import { newAddress, ARM64, MOST_BASES, newBase, oldAddress, oldBase, oldBases, oldRangeAt, X86 } from "./ranges";
import { at, oldAt, out, stepBoth, there } from "./state";

let changes: u32 = 0;
let clean: u32 = 0;
const RECENT: u32 = 4;
const deltas = memory.data(16);
const guesses = memory.data(64);
const origins = memory.data(64);
let guessCount: u32 = 0;
let lastOrigins: u32 = 0;

let nearWords: usize = 0;
let nearShift: u32 = 0;

export function wordBytes(log: u32): u32 {
  return 8 << log;
}

export function layWords(at: usize, log: u32): void {
  nearWords = at;
  nearShift = 32 - log;
}

export function openWords(): void {
  memory.fill(nearWords, 0, <usize>8 << (32 - nearShift));
  memory.fill(deltas, 0, 16);
  changes = 0;
  clean = 0;
  lastOrigins = 0;
}

// @ts-ignore: decorator
@inline
function logOf(value: u32): u32 {
  return min<u32>(32 - clz(value), 15);
}

function add(value: u32, origin: u32, old: u32): void {
  if (value == old) return;
  for (let i: u32 = 0; i < guessCount; i++) if (load<u32>(guesses + (<usize>i << 2)) == value) return;
  store<u32>(guesses + (<usize>guessCount << 2), value);
  store<u32>(origins + (<usize>guessCount << 2), origin);
  guessCount++;
}

// @ts-ignore: decorator
@inline
function isCode(kind: u32): bool {
  return kind == X86 || kind == ARM64;
}

export function copyWord(left: u32, since: u32): void {
  chargeTo(22);
  const align = oldAddress(there) & 3;
  if (align != 0 || left < 4) {
    codeSame(left, since, 2, align);
    return;
  }
  if (clean >= 32 && left >= 64) {
    if (copyRun(left) > 0) return;
    clean = 0;
  }
  const from = oldAt(there, left);
  const old = load<u32>(from);
  const value = load<u32>(out);
  guessCount = 0;
  // An address; how sure, and whether it says that nothing changes.
  let how: u32 = 0;
  let says: u32 = 0;
  let address: u32 = 0;
  if (old != 0 && oldRangeAt(old) != 0) {
    how = 1;
    address = old;
    const sure = confidence(old);
    if (sure > 0) {
      how = sure > 1 ? 3 : 2;
      says = known(old) != old ? 1 : 0;
      add(known(old), 1, old);
    }
    const now = mapAddress(old);
    if (mapped == EXACTLY) {
      if (how == 1) says = now != old ? 1 : 0;
      add(now, 2, old);
    } else if (isNearKnown(old)) add(nearKnown(old), 3, old);
    else if (mapped != 0) add(now, 3, old);
  }
  const bases = oldBases();
  let based: u32 = 0;
  if (bases != 0) {
    for (let i: u32 = 0; i < MOST_BASES; i++) {
      if ((bases & (1 << i)) == 0) continue;
      const place = old + oldBase(i);
      if (oldRangeAt(place) == 0) continue;
      const sure = confidence(place);
      const now = sure > 1 ? known(place) : mapAddress(place);
      if (sure > 1 || mapped == EXACTLY) {
        if (based == 0) based = now - newBase(i) != old ? 2 : 1;
        add(now - newBase(i), 10 + i, old);
      }
    }
  }
  const here = oldAddress(there);
  const relative = oldRangeAt(here + old);
  if (relative != 0 && old != 0 && isCode(load<u32>(relative, 12))) {
    const now = mapAddress(here + old);
    if (mapped == EXACTLY) add(now - newAddress(at), 4, old);
    how |= 4;
  }
  const block = old >> 6;
  const near = nearWords + (<usize>((block * 0x9e3779b1) >> nearShift) << 3);
  let nearSays: u32 = 0;
  if (load<u32>(near) == block + 1) {
    nearSays = load<u32>(near, 4) == 0 ? 1 : 2;
    add(old + load<u32>(near, 4), 5, old);
  }
  for (let i: u32 = 0; i < RECENT - 1; i++) add(old + load<u32>(deltas + (<usize>i << 2)), 6 + i, old);
  const differs = codeFlag(
    11,
    how | (nearSays << 3),
    (changes & 0xff) | (nearSays << 8) | (says << 10),
    how | (says << 3) | (nearSays << 4) | (min<u32>(changes & 7, 7) << 6) | (logOf(clean >> 2) >> 1 << 9),
    bases == 0 ? (old * 0x9e3779b1) >> 20 : (changes & 0x3ff) | (based << 10),
    old != value ? 1 : 0,
  );
  changes = (changes << 1) | differs;
  if (!differs) {
    store<u32>(out, old);
    clean++;
    if (nearSays == 2) store<u32>(near, 0, 4);
    if ((how & 3) != 0 && says == 0 && confidence(address) > 0) learnAddress(address, old);
    stepBoth(4);
    return;
  }
  clean = 0;
  chargeTo(23);
  let is: u32 = 0;
  let now: u32 = 0;
  for (let i: u32 = 0; i < guessCount && !is; i++) {
    now = load<u32>(guesses + (<usize>i << 2));
    const origin = load<u32>(origins + (<usize>i << 2));
    is = codeFlag(
      12 + min<u32>(i, 3),
      origin | (i == 0 ? 16 : 0),
      origin | ((lastOrigins & 0xff) << 4),
      origin | (how << 4) | (nearSays << 7) | ((changes & 6) << 8),
      origin | ((changes & 0xfe) << 3) | (min<u32>(based, 1) << 11),
      now == value ? 1 : 0,
    );
    if (is) {
      lastOrigins = (lastOrigins << 4) | origin;
      if (origin <= 3) learnAddress(address, now);
      else if (origin >= 10) learnAddress(old + oldBase(origin - 10), now + newBase(origin - 10));
    }
  }
  if (!is) {
    lastOrigins <<= 4;
    chargeTo(24);
    codeNew(from, old);
    now = load<u32>(out);
  } else store<u32>(out, now);
  const delta = now - old;
  store<u32>(near, block + 1);
  store<u32>(near, delta, 4);
  let place: u32 = 0;
  while (place < RECENT - 1 && load<u32>(deltas + (<usize>place << 2)) != delta) place++;
  for (; place > 0; place--) store<u32>(deltas + (<usize>place << 2), load<u32>(deltas + (<usize>(place - 1) << 2)));
  store<u32>(deltas, delta);
  stepBoth(4);
}

/** Four bytes. */
function codeNew(from: usize, old: u32): void {
  let same: u32 = 0;
  const hope = old + load<u32>(deltas);
  let carry: u32 = 0;
  for (let i: u32 = 0; i < 4; i++) {
    const byte = (old >> (8 * i)) & 255;
    const last = load<u32>(out + i - 4);
    const salt = 0xc0000000 + (i << 20);
    setContext(0, (byte | (same << 8)) + salt);
    setContext(1, (i == 0 ? 0 : (load<u32>(out) & ((1 << (8 * i)) - 1))) * 3 + salt + 0x10001);
    setContext(2, (((hope >> (8 * i)) & 255) | (carry << 8)) + salt + 0x20002);
    setContext(3, (<u32>load<u8>(out + i - 4) | (<u32>load<u8>(from + i - 4) << 8) | (byte << 16)) + salt + 0x30003);
    setContext(4, (last >> 16) + salt + 0x40004);
    setContext(5, (last >> 8) * 5 + salt + 0x50005);
    const made = codeByte(9, i * 3 + min<u32>(same, 2), <u32>load<u8>(out + i));
    store<u8>(out + i, <u8>made);
    if (made == byte) same = same == 0 ? 0 : 2;
    else same = same == 0 && i == 0 ? 1 : 2;
    carry = (carry << 1) | (made == ((hope >> (8 * i)) & 255) ? 0 : 1);
  }
}
