/** Addresses in code: what the old one became, by guesses in order, each but once. */
import { EXACTLY, mapAddress, mapped, NEARBY } from "./covers";
import { confidence, isNearKnown, known, nearKnown } from "./learned";

export const MOST_GUESSES: u32 = 4;
const guesses = memory.data(16);
export let guessCount: u32 = 0;
/** How the first guess came about, and who agrees with it: below 64. */
export let guessOrigin: u32 = 0;

// @ts-ignore: decorator
@inline
export function guessAt(index: u32): u32 {
  return load<u32>(guesses + (<usize>index << 2));
}

function add(value: u32): bool {
  for (let i: u32 = 0; i < guessCount; i++) if (guessAt(i) == value) return i == 0;
  if (guessCount < MOST_GUESSES) {
    store<u32>(guesses + (<usize>guessCount << 2), value);
    guessCount++;
  }
  return guessCount == 1;
}

/** @param unchanged what it is when its bytes are as they were */
export function guessAddress(address: u32, unchanged: u32): void {
  guessCount = 0;
  const sure = confidence(address);
  if (sure > 0) add(known(address));
  const now = mapAddress(address);
  const how = mapped;
  let agrees: u32 = 0;
  const near = isNearKnown(address);
  if (how == EXACTLY && add(now)) agrees |= 1;
  if (near && add(nearKnown(address))) agrees |= 2;
  if (how == NEARBY && add(now)) agrees |= 1;
  if (add(unchanged)) agrees |= 4;
  const origin: u32 = sure > 2 ? 3 : sure > 0 ? 2 : how == EXACTLY ? 1 : 0;
  guessOrigin = origin | (agrees << 2) | (near ? 32 : 0);
}
