/** The smallest input that fails in the same way, found by leaving out ever smaller stretches and by emptying bytes. */
import { attempt } from "./attempt.ts";
import type { FuzzSeed, FuzzTarget } from "./target.ts";

const MAX_TRIES = 3000;

export async function minimise(
  target: FuzzTarget,
  bytes: Uint8Array,
  seed: FuzzSeed,
  why: string,
): Promise<Uint8Array> {
  let best = bytes;
  let tries = 0;
  const isAlike = (one: string): boolean => one.replace(/\d+/g, "#") === why.replace(/\d+/g, "#");
  const stillFails = async (candidate: Uint8Array): Promise<boolean> => {
    tries++;
    const result = await attempt(target, candidate, seed);
    if (result.kind !== "finding" || !isAlike(result.why)) return false;
    best = candidate;
    return true;
  };
  for (let stretch = best.length >> 1; stretch > 0 && tries < MAX_TRIES; stretch >>= 1)
    for (let at = 0; at < best.length && tries < MAX_TRIES; ) {
      const without = Buffer.concat([best.subarray(0, at), best.subarray(at + stretch)]);
      if (!(await stillFails(without))) at += stretch;
    }
  for (let at = 0; at < best.length && tries < MAX_TRIES; at++) {
    if (best[at] === 0) continue;
    const emptied = Uint8Array.from(best);
    emptied[at] = 0;
    await stillFails(emptied);
  }
  return best;
}
