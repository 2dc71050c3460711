/**
 * What both sides have learned of addresses: old target, new target.
 *
 *   exact     by the address itself: what it became, and how often that was right in a row
 *   nearby    by its 256 bytes: how far they moved
 *
 * Each address has one place; whoever comes later drives out whoever was there.
 */

let exact: usize = 0;
let near: usize = 0;
let shift: u32 = 0;
const NEAR_LOG: u32 = 8;

export function learnedBytes(log: u32): u32 {
  return (16 << log) + (8 << log);
}

export function openLearned(at: usize, log: u32): void {
  exact = at;
  near = at + (<usize>16 << log);
  shift = 32 - log;
  memory.fill(at, 0, learnedBytes(log));
}

// @ts-ignore: decorator
@inline
function exactOf(address: u32): usize {
  return exact + (<usize>((address * 0x9e3779b1) >> shift) << 4);
}

// @ts-ignore: decorator
@inline
function nearOf(block: u32): usize {
  return near + (<usize>((block * 0x9e3779b1) >> shift) << 3);
}

/** How often what is known was right, from 1; 0 when nothing is known. */
export function confidence(address: u32): u32 {
  const cell = exactOf(address);
  return load<u32>(cell) == address ? load<u32>(cell, 8) : 0;
}

// @ts-ignore: decorator
@inline
export function known(address: u32): u32 {
  return load<u32>(exactOf(address), 4);
}

// @ts-ignore: decorator
@inline
export function isNearKnown(address: u32): bool {
  return load<u32>(nearOf(address >> NEAR_LOG)) == (address >> NEAR_LOG) + 1;
}

// @ts-ignore: decorator
@inline
export function nearKnown(address: u32): u32 {
  return address + load<u32>(nearOf(address >> NEAR_LOG), 4);
}

export function learnAddress(old: u32, now: u32): void {
  const cell = exactOf(old);
  if (load<u32>(cell) == old && load<u32>(cell, 8) > 0 && load<u32>(cell, 4) == now) {
    store<u32>(cell, min<u32>(load<u32>(cell, 8) + 1, 7), 8);
  } else {
    store<u32>(cell, old);
    store<u32>(cell, now, 4);
    store<u32>(cell, 1, 8);
  }
  const block = nearOf(old >> NEAR_LOG);
  store<u32>(block, (old >> NEAR_LOG) + 1);
  store<u32>(block, now - old, 4);
}
