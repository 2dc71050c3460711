/**
 * Chance that can be repeated: the same numbers for the same seeds, on every machine.
 *
 *   THEMIS_FUZZ_SEED=7          other mutations than the ones of every day
 *   THEMIS_FUZZ_RUNS=2000000    more of them
 */
export type Roll = (sides: number) => number;

export const FUZZ_SEED = Number(process.env.THEMIS_FUZZ_SEED ?? 1);
export const FUZZ_RUNS = Number(process.env.THEMIS_FUZZ_RUNS ?? 200_000);

/** Whole numbers from 0 on and below `sides` (mulberry32). */
export function dice(...seeds: readonly number[]): Roll {
  let state = 0;
  for (const seed of seeds) state = Math.imul(state ^ seed, 0x9e3779b1) ^ (state >>> 15);
  return (sides) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * sides);
  };
}

export function pick<T>(from: readonly T[], roll: Roll): T {
  return from[roll(from.length)]!;
}
