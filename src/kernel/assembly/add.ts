/** How the states go on when differences are added to the source (bsdiff): a byte that differs is only dear. */
import { get, set } from "./cells";
import { changeCost, equalCost, extraCost, NEVER, toExtraCost, unequalCost } from "./costs";
import { matchBackward } from "./match";
import { target } from "./pair";
import {
  advance,
  anyAbove,
  at,
  baseOf,
  bestState,
  costOf,
  costs,
  enter,
  lower,
  NOTHING,
  nodeOf,
  reach,
  remember,
  STATES,
} from "./states";

/** The best state runs on without a difference, so nobody overtakes it; the others fall behind or come along. */
export function takeRunToAdd(state: u32, run: u32): void {
  const best = remember(state, run);
  const least = costOf(best);
  const start = at;
  const end = start + run;
  const more = <i32>run * equalCost;
  for (let s: u32 = 0; s < STATES; s++) {
    if (s == best) continue;
    let behind = costOf(s) - least;
    let begin = NOTHING;
    if (s == 0) {
      behind += run * (extraCost - equalCost);
      if (behind >= toExtraCost) {
        behind = toExtraCost;
        begin = end;
      }
    } else {
      const base = baseOf(s);
      if (base == 0 || reach(s) < run) {
        behind = changeCost;
        begin = end;
      } else {
        for (let done: u32 = 0; done < run; done += 16) {
          const equal = i8x16.eq(v128.load(target + start + done), v128.load(base + start + done));
          let differ = ~(<u32>i8x16.bitmask(equal)) & 0xffff;
          if (run - done < 16) differ &= (1 << (run - done)) - 1;
          if (differ == 0) continue;
          behind += popcnt(differ) * (unequalCost - equalCost);
          if (behind >= changeCost) {
            behind = changeCost;
            // From here on every difference is a new beginning: the last one counts.
            begin = end - matchBackward(target + end, base + end, run - done);
            break;
          }
        }
      }
    }
    if (begin == NOTHING) set(costs, s, least + behind + more);
    else enter(s, least + behind + more, begin, nodeOf(best, begin));
  }
  set(costs, best, least + more);
  advance(run);
  lower(least);
}

export function takeByteToAdd(): void {
  const value = load<u8>(target + at);
  set(costs, 0, get(costs, 0) + extraCost);
  for (let s: u32 = 1; s < STATES; s++) {
    const base = baseOf(s);
    const more = base == 0 ? NEVER : load<u8>(base + at) == value ? equalCost : unequalCost;
    set(costs, s, get(costs, s) + more);
  }
  advance(1);
  settle(remember(bestState(), 1));
}

/** Who is further behind than a change costs has changed from the best. */
function settle(best: u32): void {
  const least = costOf(best);
  const change = least + changeCost;
  const nothing = least + toExtraCost;
  let before = NOTHING;
  let isKnown = false;
  if (best != 0 && costOf(0) >= nothing) {
    before = nodeOf(best, at);
    isKnown = true;
    enter(0, nothing, at, before);
  }
  for (let four: u32 = 0; four < STATES; four += 4) {
    if (!anyAbove(four, change)) continue;
    for (let s = four; s < four + 4; s++) {
      if (s == best || costOf(s) < change) continue;
      if (!isKnown) {
        before = nodeOf(best, at);
        isKnown = true;
      }
      enter(s, change, at, before);
    }
  }
  lower(least);
}
