/**
 * Which part of the source stands behind each byte of the target.
 *
 * A cover is a diagonal, the distance between a place of the source and one of the target. Candidates come
 * from the longest matches a little ahead. Between them the cheapest way through the target is kept, as
 * Viterbi (1967) keeps it: every state, a diagonal or "nothing", costs something for each byte, and so does
 * the change to another state. Unlike a greedy choice this leaves a diagonal only when all that follows
 * pays for it.
 *
 * Patches of the bsdiff family add a difference to the source, so a byte that differs is only dear. VCDIFF
 * copies, so a byte that differs must be left out. Costs are in 1/32 byte of a patch: those of bsdiff after
 * compression, measured on executables, those of VCDIFF as RFC 3284 writes them.
 */
import { get, set } from "./cells";
import { matchBackward, matchForward } from "./match";
import { foundAt, longestMatch } from "./suffix-search";

export const NOTHING: u32 = 0xffffffff;

const NEVER: i32 = 0x08000000;

let EQUAL_COST: i32;
let UNEQUAL_COST: i32;
let EXTRA_COST: i32;
/** Of the first byte of nothing. */
let TO_EXTRA_COST: i32;
/** To a diagonal that was used a moment ago, a while ago, or never. */
let NEAR_COST: i32;
let BACK_COST: i32;
let CHANGE_COST: i32;
let MIN_MATCH: u32;
/** Where the diagonal goes on for so long, no better one is looked for. */
let SKIP_RUN: u32;
let exact: bool = false;

const NEAR: u32 = 120;
const BACK: u32 = 16000;

function costsOfBsdiff(): void {
  exact = false;
  EQUAL_COST = 1;
  UNEQUAL_COST = 50;
  EXTRA_COST = 29;
  TO_EXTRA_COST = 8;
  NEAR_COST = 500;
  BACK_COST = 500;
  CHANGE_COST = 500;
  MIN_MATCH = 8;
  SKIP_RUN = 16;
}

function costsOfVcdiff(): void {
  exact = true;
  EQUAL_COST = 0;
  UNEQUAL_COST = NEVER;
  EXTRA_COST = 32;
  TO_EXTRA_COST = 20;
  NEAR_COST = 70;
  BACK_COST = 100;
  CHANGE_COST = 140;
  MIN_MATCH = 5;
  SKIP_RUN = 24;
}
export function tune(a: i32, b: i32, c: i32, d: i32, e: u32, f: u32): void {
  TO_EXTRA_COST = a;
  NEAR_COST = b;
  BACK_COST = c;
  CHANGE_COST = d;
  MIN_MATCH = e;
  SKIP_RUN = f;
}

/** State 0 is "extra". */
const STATES: u32 = 12;
const AHEAD: u32 = 512;
const RING: u32 = 1024;
/** Of VCDIFF: a copy from the target reads the same window. */
const WINDOW: u32 = 1 << 23;
const RECENT_LOG: u32 = 16;
const RECENT_BYTES: u32 = 5;
const NODES: u32 = 65536;
const NODE_BYTES: usize = 12;
export const COVER_WORK_BYTES: usize =
  (<usize>4 << RECENT_LOG) + <usize>STATES * 4 * 6 + <usize>RING * 8 + <usize>NODES * NODE_BYTES;

let source: usize = 0;
let sourceSize: u32 = 0;
let target: usize = 0;
let targetSize: u32 = 0;

/** Of each state: its cost, where its segment begins in the target, its diagonal, what was before. */
let costs: usize = 0;
let begins: usize = 0;
let diagonals: usize = 0;
let befores: usize = 0;
/** The node that stands for its segment, once somebody needed one. */
let owns: usize = 0;
/** Where in the target it was last the best. */
let uses: usize = 0;
let states: u32 = 0;

/** By the hash of five bytes, where the target had them last. */
let recent: usize = 0;
let ring: usize = 0;
let ringHead: u32 = 0;
let ringCount: u32 = 0;

/** A node: what was before, where the segment begins in the target, its diagonal. */
let nodes: usize = 0;
let nodeCount: u32 = 0;

let at: u32 = 0;
let scan: u32 = 0;
let scanDiagonal: u32 = 0;
let scanKnows: bool = false;

let out: usize = 0;
let outCount: u32 = 0;
let outEnd: u32 = 0;

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
  source = sourceAt;
  sourceSize = size;
  target = targetAt;
  targetSize = length;
  recent = work;
  memory.fill(recent, 0xff, <usize>4 << RECENT_LOG);
  costs = work + (<usize>4 << RECENT_LOG);
  begins = costs + <usize>STATES * 4;
  diagonals = begins + <usize>STATES * 4;
  befores = diagonals + <usize>STATES * 4;
  owns = befores + <usize>STATES * 4;
  uses = owns + <usize>STATES * 4;
  ring = uses + <usize>STATES * 4;
  nodes = ring + <usize>RING * 8;
  ringHead = 0;
  ringCount = 0;
  nodeCount = 0;
  at = 0;
  scan = 0;
  scanKnows = false;
  outEnd = 0;
  states = 1;
  set(costs, 0, 0);
  set(begins, 0, 0);
  set(befores, 0, NOTHING);
  set(owns, 0, NOTHING);
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
    if (scan < targetSize && scan < at + AHEAD && ringCount < RING) look();
    else step();
  }
  if (outEnd < targetSize) commit();
  return outCount;
}

/** How far a diagonal can be followed from `there`, at most `wanted`: not over the end of what it is in. */
// @ts-ignore: decorator
@inline
function reachOf(there: u32, position: u32, wanted: u32): u32 {
  if (there < sourceSize) return min(wanted, sourceSize - there);
  // Behind the source lies the target, of which a copy may read what is there by then.
  return exact && there < sourceSize + position && there >= sourceSize + windowStart(position)
    ? min(wanted, windowStart(position) + WINDOW - position)
    : 0;
}

// @ts-ignore: decorator
@inline
function windowStart(position: u32): u32 {
  return position & ~(WINDOW - 1);
}

// @ts-expect-error: decorator
@inline
function sourceOf(position: u32, diagonal: u32): u32 {
  return position + diagonal;
}

/** Looks for candidates at one place, and moves to the next that is worth a look. */
function look(): void {
  if (scanKnows) {
    const there = sourceOf(scan, scanDiagonal);
    const run = matchForward(target + scan, source + there, reachOf(there, scan, targetSize - scan));
    if (run >= SKIP_RUN) {
      scan += run;
      return;
    }
  }
  if (exact) lookBehind();
  const length = longestMatch(target + scan, targetSize - scan);
  if (length < MIN_MATCH) {
    scan++;
    return;
  }
  const found = foundAt;
  const diagonal = found - scan;
  // A match may have begun before, with a few bytes that differ.
  propose(scan - reachBack(scan, found), diagonal);
  if (length >= SKIP_RUN || (scanKnows && diagonal == scanDiagonal)) {
    scanDiagonal = diagonal;
    scanKnows = true;
    scan += length;
  } else scan++;
}

function propose(begin: u32, diagonal: u32): void {
  const tail = ring + ((<usize>((ringHead + ringCount) % RING)) << 3);
  store<u32>(tail, begin);
  store<u32>(tail + 4, diagonal);
  ringCount++;
}

/** What the target itself had before, in the same window. */
function lookBehind(): void {
  if (targetSize - scan < 8) return;
  const value = load<u64>(target + scan) << (64 - 8 * RECENT_BYTES);
  const slot = <u32>((value * 0x9e3779b97f4a7c15) >> (64 - RECENT_LOG));
  const before = get(recent, slot);
  set(recent, slot, scan);
  if (before == NOTHING || before < windowStart(scan)) return;
  const common = matchForward(target + before, target + scan, reachOf(sourceSize + before, scan, targetSize - scan));
  if (common >= MIN_MATCH && ringCount + 1 < RING) propose(scan, sourceSize + before - scan);
}

/** How far back the diagonal pays, at most 64 bytes. */
function reachBack(position: u32, there: u32): u32 {
  const limit = min(min(position, there), <u32>64);
  if (exact) return matchBackward(target + position, source + there, limit);
  let score: i32 = 0;
  let best: i32 = 0;
  let reach: u32 = 0;
  for (let i: u32 = 1; i <= limit; i++) {
    score += load<u8>(target + position - i) == load<u8>(source + there - i) ? 1 : -1;
    if (score > best) {
      best = score;
      reach = i;
    }
  }
  return reach;
}

function addState(diagonal: u32): void {
  for (let s: u32 = 1; s < states; s++) if (get(diagonals, s) == diagonal) return;
  const best = bestState();
  let slot = states;
  if (states < STATES) states++;
  else {
    slot = best == 1 ? 2 : 1;
    for (let s = slot + 1; s < STATES; s++) {
      if (s != best && <i32>get(costs, s) > <i32>get(costs, slot)) slot = s;
    }
  }
  const before = nodeOf(best);
  set(diagonals, slot, diagonal);
  set(uses, slot, NOTHING);
  set(costs, slot, <i32>get(costs, best) + enterCost(slot));
  set(begins, slot, at);
  set(befores, slot, before);
  set(owns, slot, NOTHING);
}

/** What it costs to come to a state from another one. */
// @ts-ignore: decorator
@inline
function enterCost(state: u32): i32 {
  if (state == 0) return TO_EXTRA_COST;
  const used = get(uses, state);
  if (used == NOTHING) return CHANGE_COST;
  return at - used < NEAR ? NEAR_COST : at - used < BACK ? BACK_COST : CHANGE_COST;
}

function bestState(): u32 {
  let best: u32 = 0;
  for (let s: u32 = 1; s < states; s++) {
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
  while (ringCount > 0) {
    const head = ring + ((<usize>ringHead) << 3);
    if (load<u32>(head) > at) break;
    addState(load<u32>(head + 4));
    ringHead = (ringHead + 1) % RING;
    ringCount--;
  }
  const best = bestState();
  if (best > 0) {
    const there = sourceOf(at, get(diagonals, best));
    let limit = reachOf(there, at, targetSize - at);
    if (limit > 0) {
      if (ringCount > 0) limit = min(limit, load<u32>(ring + ((<usize>ringHead) << 3)) - at);
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
function takeRun(best: u32, run: u32): void {
  const least = <i32>get(costs, best);
  const start = at;
  at += run;
  set(uses, best, at);
  for (let s: u32 = 0; s < states; s++) {
    if (s == best) continue;
    let behind = <i32>get(costs, s) - least;
    let begin = NOTHING;
    const limit = enterCost(s);
    if (s == 0) {
      behind += run * (EXTRA_COST - EQUAL_COST);
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
            behind += popcnt(differ) * (UNEQUAL_COST - EQUAL_COST);
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
    set(costs, s, least + behind + run * EQUAL_COST);
    if (begin != NOTHING) {
      set(begins, s, begin);
      set(befores, s, nodeOf(best));
      set(owns, s, NOTHING);
    }
  }
  set(costs, best, least + run * EQUAL_COST);
  lower(least);
}

function oneByte(): void {
  const value = load<u8>(target + at);
  set(costs, 0, get(costs, 0) + EXTRA_COST);
  for (let s: u32 = 1; s < states; s++) {
    const there = sourceOf(at, get(diagonals, s));
    if (reachOf(there, at, 1) > 0) {
      set(costs, s, get(costs, s) + (load<u8>(source + there) == value ? EQUAL_COST : UNEQUAL_COST));
    } else set(costs, s, get(costs, s) + NEVER);
  }
  at++;
  const best = bestState();
  set(uses, best, at);
  settle(best);
}

/** Who is further behind than a change costs has changed from the best. */
function settle(best: u32): void {
  const least = <i32>get(costs, best);
  let before = NOTHING;
  let known = false;
  for (let s: u32 = 0; s < states; s++) {
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
  for (let s: u32 = 0; s < states; s++) set(costs, s, get(costs, s) - least);
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
  for (let s: u32 = 0; s < states; s++) {
    if (s != best) set(costs, s, min(<i32>get(costs, s), <i32>least + enterCost(s)));
    set(begins, s, at);
    set(befores, s, NOTHING);
    set(owns, s, NOTHING);
  }
}
