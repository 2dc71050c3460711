/** Bytes that nothing of the source stands behind: by what was before them, and by where that was seen last. */
import { chargeTo } from "./coder";
import { codeByte, setContext } from "./models";
import { newKind } from "./ranges";
import { at, oldAt, out, stepBoth, there } from "./state";

/** The literals so far, of which the last so many are kept. */
let history: usize = 0;
let historyMask: u32 = 0;
let table: usize = 0;
let tableShift: u32 = 0;
let count: u32 = 0;
/** Where in the history what follows is expected to follow again, and for how long it did. */
let expected: u32 = 0;
let run: u32 = 0;
const LEAST: u32 = 5;

export function literalBytes(log: u32): u32 {
  return (5 << log) + 64;
}

export function layLiterals(at: usize, log: u32): void {
  table = at;
  tableShift = 32 - log;
  history = at + (<usize>4 << log);
  historyMask = (1 << log) - 1;
}

export function openLiterals(): void {
  memory.fill(table, 0, <usize>5 << (32 - tableShift));
  count = 0;
  run = 0;
  expected = 0;
}

export function codeLiteral(left: u32): void {
  const kind = newKind(at);
  chargeTo(8 + kind);
  const last = load<u64>(out - 8);
  const from = oldAt(there, min<u32>(left, 512));
  const old = <u32>load<u8>(from);
  const o1 = <u32>(last >> 56);
  const o2 = <u32>(last >> 48);
  const o3 = <u32>(last >> 40);
  const o4 = <u32>(last >> 32);
  const salt = kind << 28;
  const guess = run > 0 ? <u32>load<u8>(history + (expected & historyMask)) : 0;
  setContext(0, o1 | salt);
  setContext(1, o2 ^ salt ^ 0x1000000);
  setContext(2, o3 + salt * 3);
  setContext(3, o4 * 0x2c1b3c6d + salt);
  setContext(4, ((o1 << 8) | old) + 0x3000000 + salt);
  setContext(5, run > 0 ? (guess | (min<u32>(run, 15) << 8)) + 0x5000000 + salt : <u32>((last >> 16) * 0x9e3779b97f4a7c15 >> 32));
  const byte = codeByte(kind, run == 0 ? 0 : min<u32>(run, 15), load<u8>(out));
  store<u8>(out, <u8>byte);
  if (run > 0 && guess == byte) run = min<u32>(run + 1, 65535);
  else run = 0;
  expected++;
  store<u8>(history + (count & historyMask), <u8>byte);
  count++;
  stepBoth(1);
  if (count >= LEAST) {
    const five = load<u64>(out - 8) >> 24;
    const cell = table + (<usize>(<u32>((five * 0x9e3779b97f4a7c15) >> 32) >> tableShift) << 2);
    if (run == 0) {
      expected = load<u32>(cell);
      if (expected > 0 && count - expected <= historyMask) run = 1;
    }
    store<u32>(cell, count);
  }
}
