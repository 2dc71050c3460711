/**
 * A node of a Huffman tree as zlib keeps it: four bytes, in which first a count and a parent stand, then a
 * code and its length.
 */

// @ts-ignore: decorator
@inline
export function countOf(tree: usize, node: u32): u32 {
  return load<u16>(tree + (<usize>node << 2));
}

// @ts-ignore: decorator
@inline
export function setCount(tree: usize, node: u32, count: u32): void {
  store<u16>(tree + (<usize>node << 2), <u16>count);
}

// @ts-ignore: decorator
@inline
export function codeOf(tree: usize, node: u32): u32 {
  return load<u16>(tree + (<usize>node << 2));
}

// @ts-ignore: decorator
@inline
export function lengthOf(tree: usize, node: u32): u32 {
  return load<u16>(tree + (<usize>node << 2), 2);
}

// @ts-ignore: decorator
@inline
export function setLength(tree: usize, node: u32, length: u32): void {
  store<u16>(tree + (<usize>node << 2), <u16>length, 2);
}
