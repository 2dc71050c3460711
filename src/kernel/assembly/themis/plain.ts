/** Copies of which nothing is known: each byte is the source's, or it is another. */
import { matchForward } from "../match";
import { chargeTo, encoding } from "./coder";
import { codeByte, codeFlag, setContext } from "./models";
import { at, MOST_STEP, oldAt, oldRun, out, stepBoth, there } from "./state";

let changes: u32 = 0;
let clean: u32 = 0;
let lastDelta: u32 = 0;
let runLog: u32 = 6;

export function openPlain(): void {
  changes = 0;
  clean = 0;
  lastDelta = 0;
  runLog = 6;
}

export const RUN_AFTER: u32 = 16;

/** A long run that is the source's as it is costs one bit; says how many bytes it made. */
export function copyRun(left: u32): u32 {
  const length = min(min(left, <u32>1 << runLog), MOST_STEP);
  const from = oldRun(there, length);
  const same = encoding && matchForward(from, out, length) == length ? 1 : 0;
  if (!codeFlag(2, 0, runLog, min<u32>(32 - clz(left), 15), 0, same)) {
    runLog = 6;
    return 0;
  }
  if (!encoding) memory.copy(out, from, length);
  stepBoth(length);
  if (runLog < 12) runLog++;
  return length;
}

export function copyPlain(left: u32, since: u32): void {
  chargeTo(16);
  if (clean >= RUN_AFTER && left >= 64) {
    if (copyRun(left) > 0) return;
    clean = 0;
  }
  codeSame(left, since, 0, 0);
}

// @ts-ignore: decorator
@inline
function logOf(value: u32): u32 {
  return min<u32>(32 - clz(value), 15);
}

/** One byte, whatever it is part of. */
export function codeSame(left: u32, since: u32, kind: u32, place: u32): void {
  const from = oldAt(there, left);
  const old = <u32>load<u8>(from);
  const value = <u32>load<u8>(out);
  const differs = codeFlag(
    16 + kind,
    place,
    (changes & 0xff) | (place << 8),
    logOf(clean) | (logOf(left) << 4) | (logOf(since) << 8),
    old | (place << 8),
    old != value ? 1 : 0,
  );
  changes = (changes << 1) | differs;
  if (!differs) {
    store<u8>(out, <u8>old);
    clean++;
    stepBoth(1);
    return;
  }
  clean = 0;
  const last = load<u32>(out - 4);
  const o1 = last >> 24;
  const o2 = last >> 16;
  const salt = (kind << 28) + 0x8000000 + (place << 20);
  setContext(0, old | salt);
  setContext(1, (old | (<u32>load<u8>(from + 1) << 8)) + salt + 0x10001);
  setContext(2, o1 + salt + 0x20002);
  setContext(3, ((o2 << 8) | old) * 5 + salt + 0x30003);
  setContext(4, (<u32>load<u8>(from - 1) << 16) + ((o1 << 8) | old) + salt + 0x40004);
  setContext(5, ((old + lastDelta) & 255) + salt + 0x50005);
  const byte = codeByte(4 + kind, place, value);
  store<u8>(out, <u8>byte);
  lastDelta = (byte - old) & 255;
  stepBoth(1);
}
