/**
 * Lengths of Huffman codes, none longer than a limit (Huffman 1952), and the canonical codes of them.
 *
 * When a code comes out too long the weights are flattened and all is done again, as bzip2 does it. Two
 * queues make the tree: leaves by weight, and joined nodes, which come out by weight by themselves.
 */
import { get, set } from "../cells";

const MAX_SYMBOLS: usize = 260;
/** Work space: weights of nodes, their parents, and their depths. */
const PARENTS: usize = 8 * MAX_SYMBOLS;
const DEPTHS: usize = 16 * MAX_SYMBOLS;
export const CODE_WORK_BYTES: u32 = <u32>(24 * MAX_SYMBOLS);

/**
 * @param weights how often each symbol occurs; are flattened
 * @param order the symbols in any order, best as the last call left them; are put in order by weight
 * @param lengths gets a byte for each symbol; one that does not occur has a code too
 */
export function codeLengths(
  weights: usize,
  symbols: u32,
  maxLength: u32,
  order: usize,
  lengths: usize,
  work: usize,
): void {
  for (let i: u32 = 0; i < symbols; i++) set(weights, i, max(1, get(weights, i)));
  while (longestLength(weights, symbols, order, lengths, work) > maxLength) {
    for (let i: u32 = 0; i < symbols; i++) set(weights, i, get(weights, i) / 2 + 1);
  }
}

function longestLength(weights: usize, count: u32, order: usize, lengths: usize, work: usize): u32 {
  sortByWeight(weights, count, order);
  for (let i: u32 = 0; i < count; i++) set(work, i, get(weights, load<u16>(order + (<usize>i << 1))));
  let leaf: u32 = 0;
  let joined = count;
  let end = count;
  while (end < 2 * count - 1) {
    let sum: u32 = 0;
    for (let half = 0; half < 2; half++) {
      const isLeaf = leaf < count && (joined == end || get(work, leaf) <= get(work, joined));
      const node = isLeaf ? leaf++ : joined++;
      set(work + PARENTS, node, end);
      sum += get(work, node);
    }
    set(work, end, sum);
    end++;
  }
  const root = end - 1;
  set(work + DEPTHS, root, 0);
  let longest: u32 = 1;
  for (let node = <i32>root - 1; node >= 0; node--) {
    const depth = get(work + DEPTHS, get(work + PARENTS, node)) + 1;
    set(work + DEPTHS, node, depth);
    if (node >= <i32>count) continue;
    store<u8>(lengths + load<u16>(order + (<usize>node << 1)), <u8>depth);
    longest = max(longest, depth);
  }
  return longest;
}

/** By weight, then by symbol; insertion, because from one round to the next little changes. */
function sortByWeight(weights: usize, count: u32, order: usize): void {
  for (let i: u32 = 1; i < count; i++) {
    const symbol = <u32>load<u16>(order + (<usize>i << 1));
    const weight = get(weights, symbol);
    let at = i;
    for (; at > 0; at--) {
      const before = <u32>load<u16>(order + (<usize>(at - 1) << 1));
      const other = get(weights, before);
      if (other < weight || (other == weight && before < symbol)) break;
      store<u16>(order + (<usize>at << 1), <u16>before);
    }
    store<u16>(order + (<usize>at << 1), <u16>symbol);
  }
}

/** Shorter codes first, then by symbol; each cell is code * 32 + length. */
export function canonicalCodes(lengths: usize, symbols: u32, maxLength: u32, codes: usize): void {
  let code: u32 = 0;
  for (let length: u32 = 1; length <= maxLength; length++) {
    for (let symbol: u32 = 0; symbol < symbols; symbol++) {
      if (load<u8>(lengths + symbol) == length) set(codes, symbol, code++ * 32 + length);
    }
    code *= 2;
  }
}
