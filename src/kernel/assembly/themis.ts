/**
 * THEMIS: the walk through a target, in both directions; called by ../themis-kernel.ts.
 *
 * Nothing here believes a patch: covers are bounded when they are read, everything else is a prediction, which
 * costs bytes when it is wrong and never reads or writes elsewhere.
 */
import { openSource } from "./device/source-pages";
import { openCoder } from "./themis/coder";
import { codeCovers, coverBytes, openCovers, sortCovers } from "./themis/covers";
import { learnedBytes, openLearned } from "./themis/learned";
import { layLiterals, literalBytes } from "./themis/literals";
import { buildCosts, buildLogistic } from "./themis/logistic";
import { BUCKETS, openModels } from "./themis/models";
import { openRanges } from "./themis/ranges";
import { openState, pieceAt } from "./themis/state";
import { openWalk, walk } from "./themis/walk";
import { layWords, wordBytes } from "./themis/words";
import { buildOpcodes } from "./themis/x86";

export { maskArm64, maskX86 } from "./themis/mask";
export { NEW_BASES, NEW_RANGES, OLD_BASES, OLD_RANGES, SPENT, TARGET } from "./themis/places";
export { walk } from "./themis/walk";
export { pieceAt } from "./themis/state";

export function prepare(): void {
  buildLogistic();
  buildCosts();
  buildOpcodes();
}

/** Where covers stand when the tables have so many entries, as powers of two. */
export function coversPlace(bucketLog: u32, learnedLog: u32): usize {
  return BUCKETS + (<usize>32 << bucketLog) + learnedBytes(learnedLog) + wordBytes(learnedLog) + literalBytes(learnedLog) + 1024;
}

export function bytesFor(bucketLog: u32, learnedLog: u32, covers: u32): usize {
  return coversPlace(bucketLog, learnedLog) + coverBytes(covers) + 1024;
}

export function open(
  encoding: bool,
  sourceSize: u32,
  targetSize: u32,
  bucketLog: u32,
  learnedLog: u32,
  covers: u32,
  oldRanges: u32,
  newRanges: u32,
): void {
  openSource(<f64>sourceSize);
  openCoder(encoding);
  openModels(bucketLog);
  let place = BUCKETS + (<usize>32 << bucketLog);
  openLearned(place, learnedLog);
  place += learnedBytes(learnedLog);
  layWords(place, learnedLog);
  place += wordBytes(learnedLog);
  layLiterals(place, learnedLog);
  openCovers(coversPlace(bucketLog, learnedLog), covers);
  openRanges(oldRanges, newRanges);
  openState(targetSize);
  codeCovers(sourceSize, targetSize);
  sortCovers();
  openWalk();
}
