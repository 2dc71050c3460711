/**
 * The blocks of deflate (RFC 1951, 3.2): symbols are gathered, their Huffman codes made as zlib's trees.c
 * makes them, and the shortest of stored, fixed and dynamic is written.
 *
 * Which of several best codes is taken depends on the order in which equals leave the heap, so the heap here
 * is zlib's: smaller count first, then smaller depth, with the same steps.
 */
import { alignToByte, OUT, putBits, putStored } from "./output";
import { buildStaticTables, LENGTH_CODES, STATIC_DISTANCES, STATIC_LITERALS } from "./static-tables";
import { BASE_DISTANCE, BASE_LENGTH, EXTRA_DISTANCE, EXTRA_LENGTH, distanceCode } from "./static-tables";
import { codeOf, countOf, lengthOf, setCount, setLength } from "./tree-node";
import { buildTree, optimalBits, resetBits, staticBits, takeBits } from "./huffman";

export { OUT };

/** Symbols as they come: the distance (0 for a literal) as u16, the literal or length - 3 behind it. */
const SYMBOLS: usize = 0x60000;
const LITERAL_TREE: usize = 0x82000;
const DISTANCE_TREE: usize = 0x83000;
const LENGTH_TREE: usize = 0x83800;

const END_OF_BLOCK: u32 = 256;
const LITERALS: u32 = 286;
const DISTANCES: u32 = 30;
const LENGTHS: u32 = 19;
/** Codes of the code lengths' alphabet (RFC 1951, 3.2.7): repeat 3-6 times, zeros 3-10 and 11-138. */
const REPEAT: u32 = 16;
const SHORT_ZEROS: u32 = 17;
const LONG_ZEROS: u32 = 18;
const EXTRA_REPEAT = memory.data<u8>([2, 3, 7]);
/** The order in which their lengths are written. */
const LENGTH_ORDER = memory.data<u8>([16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15]);

let gathered: u32 = 0;
let distancesGathered: u32 = 0;
let blockSymbols: u32 = 0;
let endsEarly: bool = false;
let literalMax: u32 = 0;
let distanceMax: u32 = 0;
let lengthMax: u32 = 0;

export function startTrees(symbols: u32, early: bool): void {
  buildStaticTables();
  blockSymbols = symbols - 1;
  endsEarly = early;
  startBlock();
}

function startBlock(): void {
  for (let n: u32 = 0; n < LITERALS; n++) setCount(LITERAL_TREE, n, 0);
  for (let n: u32 = 0; n < DISTANCES; n++) setCount(DISTANCE_TREE, n, 0);
  for (let n: u32 = 0; n < LENGTHS; n++) setCount(LENGTH_TREE, n, 0);
  setCount(LITERAL_TREE, END_OF_BLOCK, 1);
  resetBits();
  gathered = 0;
  distancesGathered = 0;
}

/** @returns whether the block is full */
export function gatherLiteral(byte: u32): bool {
  store<u32>(SYMBOLS + (<usize>gathered << 2), byte << 16);
  gathered++;
  setCount(LITERAL_TREE, byte, countOf(LITERAL_TREE, byte) + 1);
  return gathered == blockSymbols;
}

/** @param length the match's, less 3 */
export function gatherMatch(distance: u32, length: u32): bool {
  store<u32>(SYMBOLS + (<usize>gathered << 2), distance | (length << 16));
  gathered++;
  distancesGathered++;
  const literal = <u32>load<u8>(LENGTH_CODES + length) + 257;
  setCount(LITERAL_TREE, literal, countOf(LITERAL_TREE, literal) + 1);
  const code = distanceCode(distance - 1);
  setCount(DISTANCE_TREE, code, countOf(DISTANCE_TREE, code) + 1);
  return gathered == blockSymbols;
}

/** GNU gzip 1.x, ct_tally: enough was gathered, and it does so well that its codes should not change. */
export function isEarlyEnd(inputBytes: u32): bool {
  if (!endsEarly || (gathered & 0xfff) != 0) return false;
  let bits = gathered * 8;
  for (let code: u32 = 0; code < DISTANCES; code++) {
    bits += countOf(DISTANCE_TREE, code) * (5 + <u32>load<u8>(EXTRA_DISTANCE + code));
  }
  return distancesGathered < gathered / 2 && bits >> 3 < inputBytes / 2;
}

export function isEmptyBlock(): bool {
  return gathered == 0;
}

/** @param input 0 when the input is no longer there @param last of the stream */
export function writeBlock(input: usize, inputBytes: u32, last: bool): void {
  literalMax = buildTree(LITERAL_TREE, LITERALS, 15, STATIC_LITERALS, EXTRA_LENGTH, 257);
  distanceMax = buildTree(DISTANCE_TREE, DISTANCES, 15, STATIC_DISTANCES, EXTRA_DISTANCE, 0);
  lengthMax = buildLengthTree();
  const dynamic = (optimalBits() + 3 + 7) >> 3;
  const fixed = (staticBits() + 3 + 7) >> 3;
  const best = min(dynamic, fixed);
  const end: u32 = last ? 1 : 0;
  if (input != 0 && inputBytes + 4 <= best) {
    putBits(end, 3);
    putStored(input, inputBytes);
  } else if (fixed <= dynamic) {
    putBits(2 + end, 3);
    writeSymbols(STATIC_LITERALS, STATIC_DISTANCES);
  } else {
    putBits(4 + end, 3);
    writeTrees();
    writeSymbols(LITERAL_TREE, DISTANCE_TREE);
  }
  startBlock();
  if (last) alignToByte();
}

function buildLengthTree(): u32 {
  walkLengths(LITERAL_TREE, literalMax, false);
  walkLengths(DISTANCE_TREE, distanceMax, false);
  buildTree(LENGTH_TREE, LENGTHS, 7, 0, EXTRA_REPEAT, REPEAT);
  let most: u32 = LENGTHS - 1;
  while (most >= 3 && lengthOf(LENGTH_TREE, load<u8>(LENGTH_ORDER + most)) == 0) most--;
  takeBits(3 * (most + 1) + 5 + 5 + 4);
  return most;
}

function writeTrees(): void {
  putBits(literalMax + 1 - 257, 5);
  putBits(distanceMax, 5);
  putBits(lengthMax + 1 - 4, 4);
  for (let rank: u32 = 0; rank <= lengthMax; rank++) {
    putBits(lengthOf(LENGTH_TREE, load<u8>(LENGTH_ORDER + rank)), 3);
  }
  walkLengths(LITERAL_TREE, literalMax, true);
  walkLengths(DISTANCE_TREE, distanceMax, true);
}

/** The lengths of a tree in runs: counted, or written. */
function walkLengths(tree: usize, most: u32, writes: bool): void {
  let before: u32 = 0xffffffff;
  let next = lengthOf(tree, 0);
  let count: u32 = 0;
  let mostRun: u32 = next == 0 ? 138 : 7;
  let leastRun: u32 = next == 0 ? 3 : 4;
  // Behind the last stands a length that none is equal to.
  setLength(tree, most + 1, 0xffff);
  for (let n: u32 = 0; n <= most; n++) {
    const length = next;
    next = lengthOf(tree, n + 1);
    if (++count < mostRun && length == next) continue;
    if (count < leastRun) {
      if (writes) {
        for (; count != 0; count--) putCode(LENGTH_TREE, length);
      } else setCount(LENGTH_TREE, length, countOf(LENGTH_TREE, length) + count);
    } else if (length != 0) {
      if (length != before) {
        putOrCount(length, writes);
        count--;
      }
      putOrCount(REPEAT, writes);
      if (writes) putBits(count - 3, 2);
    } else if (count <= 10) {
      putOrCount(SHORT_ZEROS, writes);
      if (writes) putBits(count - 3, 3);
    } else {
      putOrCount(LONG_ZEROS, writes);
      if (writes) putBits(count - 11, 7);
    }
    count = 0;
    before = length;
    mostRun = next == 0 ? 138 : length == next ? 6 : 7;
    leastRun = next == 0 || length == next ? 3 : 4;
  }
}

function putOrCount(code: u32, writes: bool): void {
  if (writes) putCode(LENGTH_TREE, code);
  else setCount(LENGTH_TREE, code, countOf(LENGTH_TREE, code) + 1);
}

// @ts-ignore: decorator
@inline
function putCode(tree: usize, symbol: u32): void {
  putBits(codeOf(tree, symbol), lengthOf(tree, symbol));
}

function writeSymbols(literals: usize, distances: usize): void {
  for (let i: u32 = 0; i < gathered; i++) {
    const symbol = load<u32>(SYMBOLS + (<usize>i << 2));
    const value = symbol >> 16;
    const distance = symbol & 0xffff;
    if (distance == 0) {
      putCode(literals, value);
      continue;
    }
    const length = <u32>load<u8>(LENGTH_CODES + value);
    putCode(literals, length + 257);
    const lengthBits = <u32>load<u8>(EXTRA_LENGTH + length);
    if (lengthBits != 0) putBits(value - load<u16>(BASE_LENGTH + (<usize>length << 1)), lengthBits);
    const code = distanceCode(distance - 1);
    putCode(distances, code);
    const distanceBits = <u32>load<u8>(EXTRA_DISTANCE + code);
    if (distanceBits != 0) {
      putBits(distance - 1 - load<u16>(BASE_DISTANCE + (<usize>code << 1)), distanceBits);
    }
  }
  putCode(literals, END_OF_BLOCK);
}
