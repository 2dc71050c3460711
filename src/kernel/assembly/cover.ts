/**
 * Which part of the source stands behind each byte of the target.
 *
 * A cover is a diagonal, the distance between a place of the source and one of the target. Between the
 * candidates the cheapest way through the target is kept, as Viterbi (1967) keeps it: every state, a
 * diagonal or "nothing", costs something for each byte, and so does the change to another state. Unlike a
 * greedy choice this leaves a diagonal only when all that follows pays for it.
 */
import { CANDIDATES_BYTES, lookAhead, nextBegin, openCandidates, scan, takeDiagonal } from "./candidates";
import { get, set } from "./cells";
import {
  changeCost,
  costsOfBsdiff,
  costsOfVcdiff,
  equalCost,
  exact,
  extraCost,
  NEVER,
  toExtraCost,
  unequalCost,
} from "./costs";
import { matchBackward, matchForward } from "./match";
import { openPair, reachOf, source, sourceOf, sourceSize, target, targetSize } from "./pair";

const NOTHING: u32 = 0xffffffff;

/** State 0 is "nothing". */
const STATES: u32 = 16;
/** States 1 to 5 were the best some time ago; the others wait to be, and the oldest gives way to the next. */
const PROVEN: u32 = 6;
/** After so many bytes, as a power of two, what a diagonal made counts half. */
const DECAY_LOG: u32 = 11;
const NODES: u32 = 65536;
const NODE_BYTES: usize = 12;

export const COVER_WORK_BYTES: usize =
  CANDIDATES_BYTES + <usize>STATES * 4 * 6 + 16 + <usize>NODES * NODE_BYTES;

/** Of each state: its cost, where its segment begins in the target, its diagonal, what was before. */
let costs: usize = 0;
let begins: usize = 0;
let diagonals: usize = 0;
let befores: usize = 0;
/** The node that stands for its segment, once somebody needed one. */
let owns: usize = 0;
/** Of a proven state how much it made lately, of another one where in the target it came in. */
let uses: usize = 0;
/** Where the last copies began to read. */
let near: usize = 0;
let nearSlot: u32 = 0;
let lastBest: u32 = 0;
let decayed: u32 = 0;

/** A node: what was before, where the segment begins in the target, its diagonal. */
let nodes: usize = 0;
let nodeCount: u32 = 0;

let at: u32 = 0;

let out: usize = 0;
let outCount: u32 = 0;
let outEnd: u32 = 0;

/** The target stands right behind the source, and for VCDIFF is a source too. */
export function openCover(
  sourceAt: usize,
  size: u32,
  targetAt: usize,
  length: u32,
  work: usize,
  forVcdiff: bool,
): void {
  if (forVcdiff) costsOfVcdiff();
  else costsOfBsdiff();
  openPair(sourceAt, size, targetAt, length);
  openCandidates(work);
  costs = work + CANDIDATES_BYTES;
  begins = costs + <usize>STATES * 4;
  diagonals = begins + <usize>STATES * 4;
  befores = diagonals + <usize>STATES * 4;
  owns = befores + <usize>STATES * 4;
  uses = owns + <usize>STATES * 4;
  near = uses + <usize>STATES * 4;
  memory.fill(near, 0, 16);
  nearSlot = 0;
  lastBest = 0;
  decayed = 0;
  nodes = near + 16;
  nodeCount = 0;
  at = 0;
  outEnd = 0;
  // States that nobody proposed yet are neighbours of the first diagonal.
  for (let s: u32 = 0; s < STATES; s++) {
    set(costs, s, s == 0 ? 0 : NEVER);
    set(begins, s, 0);
    set(befores, s, NOTHING);
    set(owns, s, NOTHING);
    set(uses, s, 0);
    set(diagonals, s, 0 - s);
  }
  // The beginning of both files is a candidate by itself.
  if (size > 0) addState(0);
}

/** Room for what one call of nextCovers may tell. */
export const COVER_OUT_BYTES: usize = <usize>NODES * 12;

/**
 * The next segments: three cells each, where it begins in the target, where in the source (or NOTHING),
 * its length. The result is their number, 0 at the end.
 */
export function nextCovers(segments: usize): u32 {
  out = segments;
  outCount = 0;
  while (at < targetSize) {
    if (nodeCount + STATES + 2 >= NODES) {
      commit();
      if (outCount > 0) return outCount;
    }
    lookAhead(at);
    step();
  }
  if (outEnd < targetSize) commit();
  return outCount;
}

function addState(diagonal: u32): void {
  for (let s: u32 = 1; s < STATES; s++) if (get(diagonals, s) == diagonal) return;
  const best = bestState();
  let slot = PROVEN;
  for (let s = PROVEN; s < STATES; s++) if (get(uses, s) < get(uses, slot)) slot = s;
  const before = nodeOf(best);
  set(diagonals, slot, diagonal);
  set(uses, slot, at);
  set(costs, slot, <i32>get(costs, best) + enterCost(slot));
  set(begins, slot, at);
  set(befores, slot, before);
  set(owns, slot, NOTHING);
}

/** What it costs to come to a state from another one. */
// @ts-ignore: decorator
@inline
function enterCost(state: u32): i32 {
  if (state == 0) return toExtraCost;
  return exact ? changeCost + (addressBytes(sourceOf(at, get(diagonals, state))) << 5) : changeCost;
}

/** About what RFC 3284, section 5.3 needs: behind one of the last four copies, before here, or as it is. */
function addressBytes(there: u32): u32 {
  let distance = min(there, sourceSize + at - there);
  for (let i: u32 = 0; i < 4; i++) distance = min(distance, there - get(near, i));
  return distance < 128 ? 1 : distance < 16384 ? 2 : distance < 2097152 ? 3 : 4;
}

/**
 * The best is a proven one; the result is where it is then. It makes `run` bytes, which count half after
 * each DECAY bytes: what carried the last function is not given up for what fits a few bytes of it.
 */
function remember(best: u32, run: u32): u32 {
  let slot = best;
  if (best >= PROVEN) {
    slot = 1;
    for (let s: u32 = 2; s < PROVEN; s++) if (get(uses, s) < get(uses, slot)) slot = s;
    for (let array = costs; array < near; array += <usize>STATES * 4) {
      const value = get(array, slot);
      set(array, slot, get(array, best));
      set(array, best, value);
    }
    set(uses, slot, 0);
    set(uses, best, at);
    if (lastBest == slot) lastBest = NOTHING;
  }
  if (at >> DECAY_LOG != decayed) {
    decayed = at >> DECAY_LOG;
    for (let s: u32 = 1; s < PROVEN; s++) set(uses, s, get(uses, s) >> 1);
  }
  set(uses, slot, get(uses, slot) + run);
  if (slot != lastBest && slot > 0) {
    set(near, nearSlot, sourceOf(get(begins, slot), get(diagonals, slot)));
    nearSlot = (nearSlot + 1) & 3;
  }
  lastBest = slot;
  return slot;
}

function bestState(): u32 {
  let best: u32 = 0;
  for (let s: u32 = 1; s < STATES; s++) {
    if (<i32>get(costs, s) < <i32>get(costs, best)) best = s;
  }
  return best;
}

/** The node that stands for a state's segment so far. */
function nodeOf(state: u32): u32 {
  if (get(begins, state) == at) return get(befores, state);
  if (get(owns, state) != NOTHING) return get(owns, state);
  const diagonal = state == 0 ? NOTHING : get(diagonals, state);
  const node = nodes + (<usize>nodeCount) * NODE_BYTES;
  store<u32>(node, get(befores, state));
  store<u32>(node + 4, get(begins, state));
  store<u32>(node + 8, state == 0 ? NOTHING : sourceOf(get(begins, state), diagonal));
  set(owns, state, nodeCount);
  return nodeCount++;
}

function step(): void {
  while (nextBegin() <= at) addState(takeDiagonal());
  const best = bestState();
  if (best > 0) {
    const there = sourceOf(at, get(diagonals, best));
    let limit = reachOf(there, at, targetSize - at);
    if (limit > 0) {
      limit = min(limit, nextBegin() - at);
      if (scan < targetSize) limit = min(limit, scan > at ? scan - at : 1);
      const run = matchForward(target + at, source + there, limit);
      if (run > 0) {
        takeRun(best, run);
        return;
      }
    }
  }
  oneByte();
}

/** The best state runs on without a difference, so nobody overtakes it; the others fall behind or come along. */
function takeRun(state: u32, run: u32): void {
  const best = remember(state, run);
  const least = <i32>get(costs, best);
  const start = at;
  at += run;
  for (let s: u32 = 0; s < STATES; s++) {
    if (s == best) continue;
    let behind = <i32>get(costs, s) - least;
    let begin = NOTHING;
    const limit = enterCost(s);
    if (s == 0) {
      behind += run * (extraCost - equalCost);
      if (behind >= limit) begin = at;
      behind = min(behind, limit);
    } else {
      const there = sourceOf(start, get(diagonals, s));
      if (reachOf(there, start, run) < run) {
        behind = limit;
        begin = at;
      } else {
        let done: u32 = 0;
        while (done < run) {
          const part = min(run - done, 16);
          const equal = i8x16.eq(v128.load(target + start + done), v128.load(source + there + done));
          const differ = ~(<u32>i8x16.bitmask(equal)) & ((1 << part) - 1);
          if (differ != 0) {
            behind += popcnt(differ) * (unequalCost - equalCost);
            if (behind >= limit) {
              behind = limit;
              // From here on every difference is a new beginning: the last one counts.
              const rest = run - done;
              const common = matchBackward(target + start + run, source + there + run, rest);
              begin = start + run - common;
              break;
            }
          }
          done += part;
        }
      }
    }
    set(costs, s, least + behind + run * equalCost);
    if (begin != NOTHING) {
      set(begins, s, begin);
      set(befores, s, nodeOf(best));
      set(owns, s, NOTHING);
    }
  }
  set(costs, best, least + run * equalCost);
  lower(least);
}

function oneByte(): void {
  const value = load<u8>(target + at);
  set(costs, 0, get(costs, 0) + extraCost);
  for (let s: u32 = 1; s < STATES; s++) {
    const there = sourceOf(at, get(diagonals, s));
    if (reachOf(there, at, 1) > 0) {
      set(costs, s, get(costs, s) + (load<u8>(source + there) == value ? equalCost : unequalCost));
    } else set(costs, s, get(costs, s) + NEVER);
  }
  at++;
  settle(remember(bestState(), 1));
}

/** Who is further behind than a change costs has changed from the best. */
function settle(best: u32): void {
  const least = <i32>get(costs, best);
  let before = NOTHING;
  let known = false;
  for (let s: u32 = 0; s < STATES; s++) {
    if (s == best) continue;
    const limit = least + enterCost(s);
    if (<i32>get(costs, s) < limit) continue;
    if (!known) {
      before = nodeOf(best);
      known = true;
    }
    set(costs, s, limit);
    set(begins, s, at);
    set(befores, s, before);
    set(owns, s, NOTHING);
  }
  lower(least);
}

/** Only differences count. */
function lower(least: i32): void {
  if (least < 0x20000000) return;
  for (let s: u32 = 0; s < STATES; s++) set(costs, s, get(costs, s) - least);
}

/** The best way so far becomes the only one. */
function commit(): void {
  const best = bestState();
  const last = nodeOf(best);
  let count: u32 = 0;
  for (let node = last; node != NOTHING; node = load<u32>(nodes + (<usize>node) * NODE_BYTES)) count++;
  let end = at;
  let slot = outCount + count;
  outCount = slot;
  for (let node = last; node != NOTHING; ) {
    const cell = nodes + (<usize>node) * NODE_BYTES;
    slot--;
    const segment = out + (<usize>slot) * 12;
    store<u32>(segment, load<u32>(cell + 4));
    store<u32>(segment + 4, load<u32>(cell + 8));
    store<u32>(segment + 8, end - load<u32>(cell + 4));
    end = load<u32>(cell + 4);
    node = load<u32>(cell);
  }
  outEnd = at;
  nodeCount = 0;
  const least = get(costs, best);
  for (let s: u32 = 0; s < STATES; s++) {
    if (s != best) set(costs, s, min(<i32>get(costs, s), <i32>least + enterCost(s)));
    set(begins, s, at);
    set(befores, s, NOTHING);
    set(owns, s, NOTHING);
  }
}
