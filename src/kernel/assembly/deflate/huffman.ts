/**
 * Huffman codes as zlib's trees.c makes them, with its way of keeping lengths below a limit; and how many bits
 * a block takes by them and by the fixed codes.
 */
import { countOf, lengthOf, setCount, setLength } from "./tree-node";

/** Nodes in heap order, from 1, as u32; from the far end those that have left it. */
const HEAP: usize = 0x84000;
const HEAP_NODES: u32 = 573;
/** How deep each subtree is, a byte each. */
const DEPTH: usize = 0x85000;
/** How many codes have each length, and the next code of each, as u16. */
const LENGTH_COUNTS: usize = 0x85400;
const NEXT_CODES: usize = 0x85440;
const MAX_BITS: u32 = 15;

let heapLength: u32 = 0;
let heapTop: u32 = 0;
let optimal: u32 = 0;
let fixed: u32 = 0;

export function resetBits(): void {
  optimal = 0;
  fixed = 0;
}

export function takeBits(bits: u32): void {
  optimal += bits;
}

export function optimalBits(): u32 {
  return optimal;
}

export function staticBits(): u32 {
  return fixed;
}

// @ts-ignore: decorator
@inline
function inHeap(at: u32): u32 {
  return load<u32>(HEAP + (<usize>at << 2));
}

// @ts-ignore: decorator
@inline
function putInHeap(at: u32, node: u32): void {
  store<u32>(HEAP + (<usize>at << 2), node);
}

// @ts-ignore: decorator
@inline
function isBefore(tree: usize, one: u32, other: u32): bool {
  const a = countOf(tree, one);
  const b = countOf(tree, other);
  return a < b || (a == b && load<u8>(DEPTH + one) <= load<u8>(DEPTH + other));
}

function siftDown(tree: usize, place: u32): void {
  const node = inHeap(place);
  let at = place;
  for (let child = at << 1; child <= heapLength; child <<= 1) {
    if (child < heapLength && isBefore(tree, inHeap(child + 1), inHeap(child))) child++;
    if (isBefore(tree, node, inHeap(child))) break;
    putInHeap(at, inHeap(child));
    at = child;
  }
  putInHeap(at, node);
}

/**
 * @param symbols how many there are; their counts stand in the tree
 * @param fixedTree the fixed codes of the same symbols, or 0
 * @param extra how many bits stand behind a symbol from `extraFrom` on
 * @returns the last symbol that has a code
 */
export function buildTree(
  tree: usize,
  symbols: u32,
  maxLength: u32,
  fixedTree: usize,
  extra: usize,
  extraFrom: u32,
): u32 {
  heapLength = 0;
  heapTop = HEAP_NODES;
  let last: i32 = -1;
  for (let n: u32 = 0; n < symbols; n++) {
    if (countOf(tree, n) != 0) {
      putInHeap(++heapLength, n);
      last = <i32>n;
      store<u8>(DEPTH + n, 0);
    } else setLength(tree, n, 0);
  }
  // Two codes at the least: some decoders want a code of one bit for each side.
  while (heapLength < 2) {
    const node: u32 = last < 2 ? <u32>++last : 0;
    putInHeap(++heapLength, node);
    setCount(tree, node, 1);
    store<u8>(DEPTH + node, 0);
    optimal--;
    if (fixedTree != 0) fixed -= lengthOf(fixedTree, node);
  }
  for (let n = heapLength / 2; n >= 1; n--) siftDown(tree, n);
  let node = symbols;
  do {
    const one = inHeap(1);
    putInHeap(1, inHeap(heapLength--));
    siftDown(tree, 1);
    const other = inHeap(1);
    putInHeap(--heapTop, one);
    putInHeap(--heapTop, other);
    setCount(tree, node, countOf(tree, one) + countOf(tree, other));
    store<u8>(DEPTH + node, max(load<u8>(DEPTH + one), load<u8>(DEPTH + other)) + 1);
    setLength(tree, one, node);
    setLength(tree, other, node);
    putInHeap(1, node++);
    siftDown(tree, 1);
  } while (heapLength >= 2);
  putInHeap(--heapTop, inHeap(1));
  makeLengths(tree, <u32>last, maxLength, fixedTree, extra, extraFrom);
  makeCodes(tree, <u32>last);
  return <u32>last;
}

/** From parents to lengths, from the root on; what would be longer than allowed is moved up as zlib moves it. */
function makeLengths(
  tree: usize,
  last: u32,
  maxLength: u32,
  fixedTree: usize,
  extra: usize,
  extraFrom: u32,
): void {
  memory.fill(LENGTH_COUNTS, 0, 2 * (MAX_BITS + 1));
  setLength(tree, inHeap(heapTop), 0);
  let tooLong: i32 = 0;
  for (let at = heapTop + 1; at < HEAP_NODES; at++) {
    const node = inHeap(at);
    let bits = lengthOf(tree, lengthOf(tree, node)) + 1;
    if (bits > maxLength) {
      bits = maxLength;
      tooLong++;
    }
    setLength(tree, node, bits);
    if (node > last) continue;
    addLength(bits, 1);
    const more: u32 = extra != 0 && node >= extraFrom ? <u32>load<u8>(extra + node - extraFrom) : 0;
    const count = countOf(tree, node);
    optimal += count * (bits + more);
    if (fixedTree != 0) fixed += count * (lengthOf(fixedTree, node) + more);
  }
  if (tooLong == 0) return;
  do {
    let bits = maxLength - 1;
    while (lengthCount(bits) == 0) bits--;
    addLength(bits, -1);
    addLength(bits + 1, 2);
    addLength(maxLength, -1);
    tooLong -= 2;
  } while (tooLong > 0);
  let at = HEAP_NODES;
  for (let bits = maxLength; bits != 0; bits--) {
    for (let n = lengthCount(bits); n != 0; ) {
      const node = inHeap(--at);
      if (node > last) continue;
      if (lengthOf(tree, node) != bits) {
        optimal += (bits - lengthOf(tree, node)) * countOf(tree, node);
        setLength(tree, node, bits);
      }
      n--;
    }
  }
}

function lengthCount(bits: u32): u32 {
  return load<u16>(LENGTH_COUNTS + (<usize>bits << 1));
}

function addLength(bits: u32, count: i32): void {
  store<u16>(LENGTH_COUNTS + (<usize>bits << 1), <u16>(<i32>lengthCount(bits) + count));
}

/** Canonical codes of the lengths in a tree (RFC 1951, 3.2.2), turned around for being sent. */
export function makeCodes(tree: usize, last: u32): void {
  memory.fill(LENGTH_COUNTS, 0, 2 * (MAX_BITS + 1));
  for (let n: u32 = 0; n <= last; n++) {
    if (lengthOf(tree, n) != 0) addLength(lengthOf(tree, n), 1);
  }
  let code: u32 = 0;
  for (let bits: u32 = 1; bits <= MAX_BITS; bits++) {
    code = (code + lengthCount(bits - 1)) << 1;
    store<u16>(NEXT_CODES + (<usize>bits << 1), <u16>code);
  }
  for (let n: u32 = 0; n <= last; n++) {
    const length = lengthOf(tree, n);
    if (length == 0) continue;
    const next = load<u16>(NEXT_CODES + (<usize>length << 1));
    store<u16>(NEXT_CODES + (<usize>length << 1), next + 1);
    setCount(tree, n, reversed(next, length));
  }
}

function reversed(code: u32, length: u32): u32 {
  let result: u32 = 0;
  let rest = code;
  for (let n: u32 = 0; n < length; n++) {
    result = (result << 1) | (rest & 1);
    rest >>= 1;
  }
  return result;
}
