/**
 * The states of the search for the cheapest way, and the ways that lead to them.
 *
 * State 0 is "nothing", each other one a diagonal: the distance between a place of the source and one of the
 * target. A state knows what the cheapest way costs that ends in it, where its segment begins in the
 * target, and the node that stands for all that was before.
 */
import { get, set } from "./cells";
import { changeCost, exact, NEVER, toExtraCost } from "./costs";
import { placeOf, reachOf, sourceOf, sourceSize, targetSize } from "./pair";

export const NOTHING: u32 = 0xffffffff;
/** The cost of a state that nobody is in; whoever enters it comes from the best. */
export const NOBODY: i32 = 0x7fffffff;

export const STATES: u32 = 32;
/** Of these the first were the best some time ago; the others wait to be, and the oldest gives way. */
const PROVEN: u32 = 12;

/** After so many bytes, as a power of two, what a diagonal made counts half. */
const DECAY_LOG: u32 = 11;
const NODES: u32 = 65536;
const NODE_BYTES: usize = 12;
const FIELD_BYTES: usize = <usize>STATES * 4;

/** Kept together, so that two states can change places. */
const FIELDS: usize = 8;
/** Slots of the cache of exact addresses (RFC 3284, section 5.1). */
const SAME: u32 = 768;
export const STATES_BYTES: usize = FIELD_BYTES * FIELDS + 16 + <usize>SAME * 4 + <usize>NODES * NODE_BYTES;
/** Room for the segments of one call. */
export const COVER_OUT_BYTES: usize = <usize>NODES * 12;

export let costs: usize = 0;
let begins: usize = 0;
let diagonals: usize = 0;
let befores: usize = 0;
/** The node that stands for its segment, once somebody needed one. */
let owns: usize = 0;
/** Of a proven state how much it made lately, of another one where in the target it came in. */
let uses: usize = 0;
/** Its byte for a place of the target is at base + place, for places before the end; base 0 is none. */
let bases: usize = 0;
let ends: usize = 0;

/** Where the last copies began to read. */
let near: usize = 0;
let same: usize = 0;
let nearSlot: u32 = 0;
let lastBest: u32 = 0;
let decayed: u32 = 0;

/** A node: what was before, where the segment begins in the target, where in the source. */
let nodes: usize = 0;
let nodeCount: u32 = 0;

/** How far the target is decided, but for which of the states. */
export let at: u32 = 0;
let told: u32 = 0;

export function openStates(work: usize): void {
  costs = work;
  begins = costs + FIELD_BYTES;
  diagonals = begins + FIELD_BYTES;
  befores = diagonals + FIELD_BYTES;
  owns = befores + FIELD_BYTES;
  uses = owns + FIELD_BYTES;
  bases = uses + FIELD_BYTES;
  ends = bases + FIELD_BYTES;
  near = ends + FIELD_BYTES;
  same = near + 16;
  nodes = same + <usize>SAME * 4;
  memory.fill(near, 0, 16 + <usize>SAME * 4);
  nearSlot = 0;
  lastBest = 0;
  decayed = 0;
  nodeCount = 0;
  at = 0;
  told = 0;
  // States that nobody proposed yet are neighbours of the first diagonal.
  for (let s: u32 = 0; s < STATES; s++) {
    set(costs, s, s == 0 ? 0 : exact ? NOBODY : NEVER);
    set(begins, s, 0);
    set(befores, s, NOTHING);
    set(owns, s, NOTHING);
    set(uses, s, 0);
    set(diagonals, s, 0 - s);
    set(ends, s, 0);
  }
  // The beginning of both files is a candidate by itself.
  if (sourceSize > 0) addState(0);
}

export function addState(diagonal: u32): void {
  if (isState(diagonal)) return;
  const best = bestState();
  let slot = PROVEN;
  for (let s = PROVEN; s < STATES; s++) if (get(uses, s) < get(uses, slot)) slot = s;
  const before = nodeOf(best, at);
  set(diagonals, slot, diagonal);
  set(uses, slot, at);
  set(ends, slot, 0);
  enter(slot, costOf(best) + enterCost(slot), at, before);
}

/** Whether one of the states but "nothing" is that diagonal. */
function isState(diagonal: u32): bool {
  const lanes = i32x4.splat(diagonal);
  let found = i32x4.bitmask(i32x4.eq(lanes, v128.load(diagonals))) & 0xe;
  for (let place = diagonals + 16; place < diagonals + FIELD_BYTES; place += 16) {
    found |= i32x4.bitmask(i32x4.eq(lanes, v128.load(place)));
  }
  return found != 0;
}

// @ts-ignore: decorator
@inline
export function costOf(state: u32): i32 {
  return <i32>get(costs, state);
}

/** Somebody comes from another state, of which `before` is the node. */
export function enter(state: u32, cost: i32, begin: u32, before: u32): void {
  set(costs, state, cost);
  set(begins, state, begin);
  set(befores, state, before);
  set(owns, state, NOTHING);
}

/** What it costs to come to a state from another one. */
// @ts-ignore: decorator
@inline
export function enterCost(state: u32): i32 {
  if (state == 0) return toExtraCost;
  return exact ? changeCost + (addressBytes(sourceOf(at, get(diagonals, state))) << 5) : changeCost;
}

/** About what RFC 3284, section 5.3 needs: behind one of the last four copies, before here, or as it is. */
function addressBytes(there: u32): u32 {
  if (get(same, there % SAME) == there) return 1;
  let distance = min(there, sourceSize + at - there);
  for (let i: u32 = 0; i < 4; i++) distance = min(distance, there - get(near, i));
  return distance < 128 ? 1 : distance < 16384 ? 2 : distance < 2097152 ? 3 : 4;
}

/** What is added to a place of the target to find the state's byte for it; 0 when there is none at `at`. */
// @ts-ignore: decorator
@inline
export function baseOf(state: u32): usize {
  if (at >= get(ends, state)) locate(state);
  return get(bases, state);
}

/** How far from `at` on the base holds. */
// @ts-ignore: decorator
@inline
export function reach(state: u32): u32 {
  return get(ends, state) - at;
}

function locate(state: u32): void {
  const there = sourceOf(at, get(diagonals, state));
  const length = reachOf(there, at, targetSize - at);
  set(bases, state, length > 0 ? <u32>(placeOf(there) - at) : 0);
  set(ends, state, at + max(length, 1));
}

/** The target has moved in memory. */
export function forgetBases(): void {
  for (let s: u32 = 0; s < STATES; s++) set(ends, s, 0);
}

export function advance(bytes: u32): void {
  at += bytes;
}

/**
 * The best is a proven one; the result is where it is then. It makes `run` bytes, which count half after
 * each DECAY bytes: what carried the last function is not given up for what fits a few bytes of it.
 */
export function remember(best: u32, run: u32): u32 {
  let slot = best;
  if (best >= PROVEN) {
    slot = 1;
    for (let s: u32 = 2; s < PROVEN; s++) if (get(uses, s) < get(uses, slot)) slot = s;
    for (let array = costs; array < near; array += FIELD_BYTES) {
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
    const there = sourceOf(get(begins, slot), get(diagonals, slot));
    set(near, nearSlot, there);
    set(same, there % SAME, there);
    nearSlot = (nearSlot + 1) & 3;
  }
  lastBest = slot;
  return slot;
}

/** The first of those that cost least. */
export function bestState(): u32 {
  let lanes = v128.load(costs);
  for (let place = costs + 16; place < costs + FIELD_BYTES; place += 16) {
    lanes = i32x4.min_s(lanes, v128.load(place));
  }
  const least = min(
    min(i32x4.extract_lane(lanes, 0), i32x4.extract_lane(lanes, 1)),
    min(i32x4.extract_lane(lanes, 2), i32x4.extract_lane(lanes, 3)),
  );
  lanes = i32x4.splat(least);
  let s: u32 = 0;
  let found: i32 = 0;
  while (true) {
    found = i32x4.bitmask(i32x4.eq(lanes, v128.load(costs + ((<usize>s) << 2))));
    if (found != 0) break;
    s += 4;
  }
  return s + ctz(found);
}

/** Whether any of the four states from here on costs so much. */
// @ts-ignore: decorator
@inline
export function anyAbove(state: u32, cost: i32): bool {
  const lanes = v128.load(costs + ((<usize>state) << 2));
  return v128.any_true(i32x4.ge_s(lanes, i32x4.splat(cost)));
}

/** The node that stands for a state's segment up to a place of the target; where that is empty, for what was before. */
export function nodeOf(state: u32, end: u32): u32 {
  if (get(begins, state) == end) return get(befores, state);
  if (get(owns, state) != NOTHING) return get(owns, state);
  const node = nodes + (<usize>nodeCount) * NODE_BYTES;
  const begin = get(begins, state);
  store<u32>(node, get(befores, state));
  store<u32>(node + 4, begin);
  store<u32>(node + 8, state == 0 ? NOTHING : sourceOf(begin, get(diagonals, state)));
  set(owns, state, nodeCount);
  return nodeCount++;
}

/** Only differences count. */
export function lower(least: i32): void {
  if (least < 0x20000000) return;
  for (let s: u32 = 0; s < STATES; s++) {
    if (costOf(s) != NOBODY) set(costs, s, costOf(s) - least);
  }
}

/** Each byte of the target makes at most one node for each state. */
export function nodesAreFull(): bool {
  return nodeCount + STATES + 2 >= NODES;
}

/** The best way so far becomes the only one; its segments go to `out`, and their number is the result. */
export function commit(out: usize): u32 {
  const best = bestState();
  const last = nodeOf(best, at);
  let count: u32 = 0;
  for (let node = last; node != NOTHING; node = load<u32>(nodes + (<usize>node) * NODE_BYTES)) count++;
  let end = at;
  let slot = count;
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
  told = at;
  nodeCount = 0;
  const least = costOf(best);
  for (let s: u32 = 0; s < STATES; s++) {
    const cost = costOf(s);
    if (s != best && cost != NOBODY) set(costs, s, min(cost, least + enterCost(s)));
    set(begins, s, at);
    set(befores, s, NOTHING);
    set(owns, s, NOTHING);
  }
  return count;
}

/** Whether a commit would have something to tell. */
export function isUntold(): bool {
  return told < at;
}
