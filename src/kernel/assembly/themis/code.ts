/**
 * Copies of x86-64 code, an instruction at a time: whether the bytes that are no address are as they were, and
 * then what became of the address.
 */
import { chargeTo, encoding } from "./coder";
import { fieldAt, fieldKind, decodeX86, dispAt, dispBytes, immAt, immBytes, modrmAt, opcode } from "./x86";
import { guessAddress, guessAt, guessCount, guessOrigin } from "./fields";
import { learnAddress } from "./learned";
import { codeByte, codeFlag, setContext } from "./models";
import { codeSame } from "./plain";
import { newAddress, oldAddress, oldRangeAt, oldStart } from "./ranges";
import { at, oldAt, out, stepBoth, there } from "./state";

/** So far back reading begins where a copy begins; by then it has found the instructions. */
const SYNC: u32 = 24;

let changes: u32 = 0;
let misses: u32 = 0;
let clean: u32 = 0;
/** Where the last instruction ended. */
let expected: u32 = 0;

export function openCode(): void {
  changes = 0;
  misses = 0;
  clean = 0;
  expected = 0xffffffff;
}

// @ts-ignore: decorator
@inline
function logOf(value: u32): u32 {
  return min<u32>(32 - clz(value), 15);
}

export function copyX86(left: u32, since: u32): void {
  const from = oldAt(there, left);
  if (there != expected) {
    const back = min(there - oldStart(), SYNC);
    let reading = from - back;
    while (reading < from) reading += decodeX86(reading);
    if (reading > from) {
      chargeTo(20);
      const rest = min(<u32>(reading - from), left);
      expected = there + rest;
      for (let i: u32 = 0; i < rest; i++) codeSame(left - i, since, 1, 15);
      return;
    }
  }
  const length = decodeX86(from);
  if (length > left) {
    chargeTo(20);
    expected = there + left;
    for (let i: u32 = 0; i < left; i++) codeSame(left - i, since, 1, 14);
    return;
  }
  expected = there + length;
  let field = fieldAt;
  let address: u32 = 0;
  if (field != 0) {
    address = oldAddress(there) + length + load<u32>(from + field);
    if (oldRangeAt(address) == 0) field = 0;
  }
  chargeTo(17);
  const isField: u32 = field != 0 ? 1 : 0;
  const differs = codeFlag(
    5,
    isField | (min<u32>(logOf(since), 7) << 1),
    (changes & 0xff) | (isField << 8) | (min<u32>(length, 7) << 9),
    (opcode & 511) | ((changes & 3) << 9) | (isField << 11),
    logOf(clean) | (logOf(left - length) << 4) | (logOf(since) << 8),
    encoding && isOther(from, length, field) ? 1 : 0,
  );
  changes = (changes << 1) | differs;
  if (differs) {
    chargeTo(18);
    clean = 0;
    codeOther(from, length, field);
  } else {
    clean++;
    if (!encoding) for (let i: u32 = 0; i < length; i++) if (field == 0 || i - field >= 4) store<u8>(out + i, load<u8>(from + i));
  }
  if (field != 0) {
    chargeTo(19);
    codeField(from + field, out + field, address, newAddress(at) + length, fieldKind);
  }
  stepBoth(length);
}

function isOther(from: usize, length: u32, field: u32): bool {
  for (let i: u32 = 0; i < length; i++) {
    if (field != 0 && i - field < 4) continue;
    if (load<u8>(from + i) != load<u8>(out + i)) return true;
  }
  return false;
}

/** What a byte of the instruction is for, below 14. */
function roleOf(i: u32): u32 {
  if (modrmAt == 0 || i < modrmAt) return i >= immAt ? 7 + min<u32>(i - immAt, 5) : 0;
  if (i == modrmAt) return 1;
  if (i < dispAt) return 2;
  if (i < dispAt + dispBytes) return dispBytes == 1 ? 3 : min<u32>(4 + i - dispAt, 6);
  return immBytes == 1 ? 13 : 7 + min<u32>(i - immAt, 5);
}

/** The bytes beside the field, of which at least one differs. */
function codeOther(from: usize, length: u32, field: u32): void {
  let differing: u32 = 0;
  const head = opcode;
  for (let i: u32 = 0; i < length; i++) {
    if (field != 0 && i - field < 4) continue;
    const old = <u32>load<u8>(from + i);
    const value = <u32>load<u8>(out + i);
    const role = roleOf(i);
    const differs = codeFlag(
      6,
      role,
      role | (min<u32>(differing, 3) << 4) | (min<u32>(length - i, 7) << 6),
      (head & 511) | (min<u32>(differing, 1) << 9),
      old | (role << 8),
      old != value ? 1 : 0,
    );
    if (!differs) {
      store<u8>(out + i, <u8>old);
      continue;
    }
    differing++;
    // The field is told last.
    const last = field != 0 && i > field ? 0 : load<u32>(out + i - 4);
    const salt = 0x90000000 + (role << 20);
    setContext(0, old | salt);
    setContext(1, (old | (<u32>load<u8>(from + i + 1) << 8)) + salt + 0x10001 + head * 0x3001);
    setContext(2, (last >> 24) + salt + 0x20002);
    setContext(3, ((last >> 16) << 8) * 5 + old + salt + 0x30003);
    setContext(4, head + salt + 0x40004);
    setContext(5, ((last >> 24) << 16) + (head << 4) + salt + 0x50005);
    store<u8>(out + i, <u8>codeByte(7, role, value));
  }
}

/** @param end the new address of the end of the instruction */
export function codeField(from: usize, into: usize, address: u32, end: u32, kind: u32): void {
  const unchanged = load<u32>(from) + end;
  guessAddress(address, unchanged);
  const wanted = load<u32>(into) + end;
  let found: u32 = 0;
  let is: u32 = 0;
  for (let i: u32 = 0; i < guessCount && !is; i++) {
    found = guessAt(i);
    is = codeFlag(
      7 + i,
      kind | (min<u32>(guessOrigin & 3, 3) << 2),
      guessOrigin | (kind << 6) | ((misses & 15) << 8),
      (misses & 63) | (kind << 6) | ((guessOrigin & 3) << 8) | (min<u32>(guessCount, 3) << 10),
      logOf(clean) | ((guessOrigin & 31) << 4),
      found == wanted ? 1 : 0,
    );
    misses = (misses << 1) | (is ^ 1);
  }
  if (!is) {
    chargeTo(21);
    const guess = guessAt(0) - end;
    let same: u32 = 1;
    for (let i: u32 = 0; i < 4; i++) {
      const old = <u32>load<u8>(from + i);
      const hope = (guess >> (8 * i)) & 255;
      const before = i == 0 ? kind : <u32>load<u8>(into + i - 1);
      const salt = 0xa0000000 + (i << 20) + (kind << 24);
      setContext(0, (hope | (same << 8)) + salt);
      setContext(1, (old | (before << 8)) + salt + 0x10001);
      setContext(2, before + salt + 0x20002);
      setContext(3, (i > 1 ? load<u16>(into + i - 2) : before) * 3 + salt + 0x30003);
      setContext(4, (hope | (before << 8)) * 5 + salt + 0x40004);
      setContext(5, salt + 0x50005 + (<u32>load<u8>(into - 1) << 8));
      const byte = codeByte(8, i | (same << 2), <u32>load<u8>(into + i));
      if (byte != hope) same = 0;
      store<u8>(into + i, <u8>byte);
    }
    found = load<u32>(into) + end;
  } else store<u32>(into, found - end);
  learnAddress(address, found);
}
