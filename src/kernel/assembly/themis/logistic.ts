/**
 * Probabilities and their logits, in whole numbers.
 *
 *   squash(x)   65536 / (1 + exp(-x / 256)), for x from -3071 to 3071, never 0 and never 65536
 *   stretch(p)  its inverse, for the upper 12 bits of a probability, from -2047 to 2047
 *
 * The tables are made by multiplication in 64 bits, so every machine has the same; no number floats.
 */
import { COSTS, RECIPROCALS, SQUASH, STRETCH } from "./places";

export const MOST: i32 = 3071;
const MOST_STRETCHED: i32 = 2047;
/** exp(-1/256) in 32 binary places. */
const STEP: u64 = 4278222842;
export const COUNTS: u32 = 1024;

export function buildLogistic(): void {
  let power: u64 = 1 << 32;
  for (let x: i32 = 0; x <= MOST; x++) {
    const below = <u32>((power << 16) / ((<u64>1 << 32) + power));
    const p = max<u32>(below, 1);
    store<u16>(SQUASH + ((<usize>(MOST - x)) << 1), <u16>p);
    store<u16>(SQUASH + ((<usize>(MOST + x)) << 1), <u16>min<u32>(65536 - p, 65535));
    power = (power * STEP) >> 32;
  }
  let x: i32 = -MOST_STRETCHED;
  for (let p: u32 = 0; p < 4096; p++) {
    while (x < MOST_STRETCHED && squash(x) < (p << 4) + 8) x++;
    store<i16>(STRETCH + (<usize>p << 1), <i16>x);
  }
  for (let n: u32 = 0; n < COUNTS; n++) {
    store<u32>(RECIPROCALS + ((<usize>n) << 2), 32768 / (2 * n + 3));
  }
}

/** What a bit of probability p costs, in 1/65536 bit, by squaring; for accounts only. */
export function buildCosts(): void {
  for (let p: u32 = 0; p < 4096; p++) {
    let value: u64 = (<u64>(p << 4) + 8) << 15;
    let bits: u32 = 16;
    // value / 2^31 in [2^-16, 1): normalise, then 16 places by squaring.
    let whole: u32 = 0;
    while (value < <u64>1 << 30) {
      value <<= 1;
      whole++;
    }
    let fraction: u32 = 0;
    for (; bits > 0; bits--) {
      value = (value * value) >> 31;
      fraction <<= 1;
      if (value < <u64>1 << 30) {
        fraction |= 1;
        value <<= 1;
      }
    }
    store<u32>(COSTS + (<usize>p << 2), (whole << 16) + fraction);
  }
}

// @ts-ignore: decorator
@inline
export function squash(x: i32): u32 {
  return load<u16>(SQUASH + ((<usize>(min(max(x, -MOST), MOST) + MOST)) << 1));
}

/** @param p 0 to 65535 */
// @ts-ignore: decorator
@inline
export function stretch(p: u32): i32 {
  return load<i16>(STRETCH + ((<usize>(p >> 4)) << 1));
}
