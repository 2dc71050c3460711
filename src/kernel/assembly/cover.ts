/**
 * Which part of the source stands behind each byte of the target.
 *
 * Between the candidates the cheapest way through the target is kept, as Viterbi (1967) keeps it: every
 * state, a diagonal or "nothing", costs something for each byte, and so does the change to another state.
 * Unlike a greedy choice this leaves a diagonal only when all that follows pays for it.
 */
import { takeByteToAdd, takeRunToAdd } from "./add";
import {
  CANDIDATES_BYTES,
  LOOK_BACK,
  lookAhead,
  nextBegin,
  openCandidates,
  scan,
  takeDiagonal,
} from "./candidates";
import { takeByteToCopy, takeRunToCopy } from "./copy";
import { costsOfBsdiff, costsOfVcdiff, exact } from "./costs";
import { matchForward } from "./match";
import { known, openPair, provideTarget, target, targetSize, windowStart } from "./pair";
import {
  addState,
  at,
  baseOf,
  bestState,
  commit,
  forgetBases,
  isUntold,
  nodesAreFull,
  openStates,
  reach,
  STATES_BYTES,
} from "./states";

export const COVER_WORK_BYTES: usize = CANDIDATES_BYTES + STATES_BYTES;

/** No segments yet: more of the target must be provided, from `oldestNeeded` on. */
export const MORE: u32 = 0xffffffff;
/** So much of the target must be known beyond what is decided, or all of it. */
const LOOK_AHEAD: u32 = 1 << 16;

/** What the costs are; before openSearch, which asks for the shortest match that counts. */
export function choosePurpose(forVcdiff: bool): void {
  if (forVcdiff) costsOfVcdiff();
  else costsOfBsdiff();
}

/** Before a target of `length` bytes comes, in parts (provide). */
export function openCover(sourceAt: usize, size: u32, length: u32, work: usize): void {
  openPair(sourceAt, size, length);
  openCandidates(work);
  openStates(work + CANDIDATES_BYTES);
}

/** The target from `first` to `end` stands at `place`. */
export function provide(place: usize, first: u32, end: u32): void {
  provideTarget(place, first, end);
  forgetBases();
}

/** The first byte of the target that is still to be read. */
export function oldestNeeded(): u32 {
  if (exact) return windowStart(at);
  return at > LOOK_BACK ? at - LOOK_BACK : 0;
}

/**
 * The next segments: three cells each, where it begins in the target, where in the source (or NOTHING),
 * its length. The result is their number, 0 at the end, or MORE.
 */
export function nextCovers(segments: usize): u32 {
  while (at < targetSize) {
    if (known < targetSize && known - at < LOOK_AHEAD) return MORE;
    if (nodesAreFull()) {
      const count = commit(segments);
      if (count > 0) return count;
    }
    lookAhead(at);
    step();
  }
  return isUntold() ? commit(segments) : 0;
}

function step(): void {
  while (nextBegin() <= at) addState(takeDiagonal());
  const best = bestState();
  if (best > 0) {
    const base = baseOf(best);
    if (base != 0) {
      let limit = min(min(reach(best), known - at), nextBegin() - at);
      // Where nobody has looked yet, a better diagonal may begin.
      if (scan < known) limit = min(limit, scan > at ? scan - at : 1);
      const run = matchForward(target + at, base + at, limit);
      if (run > 0) {
        if (exact) takeRunToCopy(best, run);
        else takeRunToAdd(best, run);
        return;
      }
    }
  }
  if (exact) takeByteToCopy(best);
  else takeByteToAdd();
}
