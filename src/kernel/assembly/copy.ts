/**
 * How the states go on when bytes are copied (VCDIFF): a byte that differs ends a copy.
 *
 * A diagonal that differs here has nobody in it; somebody enters it, from the best, at the next byte that is
 * the same. So what an entry costs is asked for few bytes only.
 */
import { set } from "./cells";
import { extraCost, toExtraCost } from "./costs";
import { matchBackward } from "./match";
import { target } from "./pair";
import {
  advance,
  at,
  baseOf,
  bestState,
  costOf,
  costs,
  enter,
  enterCost,
  lower,
  NOBODY,
  NOTHING,
  nodeOf,
  reach,
  remember,
  STATES,
} from "./states";

/** The best state runs on, and a copied byte costs nothing: whoever comes along may have come in anywhere. */
export function takeRunToCopy(state: u32, run: u32): void {
  const best = remember(state, run);
  const least = costOf(best);
  const end = at + run;
  for (let s: u32 = 0; s < STATES; s++) {
    if (s == best) continue;
    let begin: u32 = end;
    let cost: i32 = least + toExtraCost;
    if (s == 0) {
      const stays = costOf(0) + <i32>run * extraCost;
      if (stays < cost) {
        set(costs, 0, stays);
        continue;
      }
    } else {
      const base = baseOf(s);
      const common = base == 0 || reach(s) < run ? 0 : matchBackward(target + end, base + end, run);
      if (common == 0) {
        set(costs, s, NOBODY);
        continue;
      }
      cost = least + enterCost(s);
      if (common == run && costOf(s) < cost) continue;
      begin = end - common;
    }
    enter(s, cost, begin, nodeOf(best, begin));
  }
  advance(run);
  lower(least);
}

/** One byte that the best state, whose number it is, does not have. */
export function takeByteToCopy(best: u32): void {
  const value = load<u8>(target + at);
  const least = costOf(best);
  let before = NOTHING;
  let isKnown = false;
  for (let s: u32 = 1; s < STATES; s++) {
    const base = baseOf(s);
    if (base == 0 || load<u8>(base + at) != value) {
      set(costs, s, NOBODY);
      continue;
    }
    const cost = least + enterCost(s);
    if (costOf(s) < cost) continue;
    if (!isKnown) {
      before = nodeOf(best, at);
      isKnown = true;
    }
    enter(s, cost, at, before);
  }
  if (best != 0 && costOf(0) >= least + toExtraCost) {
    enter(0, least + toExtraCost, at, isKnown ? before : nodeOf(best, at));
  }
  set(costs, 0, costOf(0) + extraCost);
  advance(1);
  lower(costOf(remember(bestState(), 1)));
}
