/**
 * The Merkle tree of a log (RFC 9162, section 2.1, the same as RFC 6962's).
 *
 *   leaf      SHA-256(00 || entry)
 *   node      SHA-256(01 || left || right)        the two prefixes keep an entry from posing as a node
 *   tree      left: the largest power of two of leaves below the size; right: the rest; empty: SHA-256()
 *
 * A tree that only grows is kept as its frontier: the roots of the perfect trees that its size is the sum of,
 * the largest first. To append is to put a leaf behind and to join what has become equal in size.
 *
 *   size 6 = 4 + 2   ->   [ root of 0..3, root of 4..5 ]
 */
import { createHash } from "node:crypto";

export const HASH_BYTES = 32;

/** 32 bytes. */
export type Hash = Uint8Array;

export type Frontier = readonly Hash[];

export const NO_LEAVES: Frontier = [];

/** SHA-256 of an entry as a leaf. */
export function leafHash(entry: Uint8Array): Hash {
  return createHash("sha256").update(Uint8Array.of(0)).update(entry).digest();
}

export function nodeHash(left: Hash, right: Hash): Hash {
  return createHash("sha256").update(Uint8Array.of(1)).update(left).update(right).digest();
}

/** @param size how many leaves there were before */
export function appendLeaf(frontier: Frontier, size: number, leaf: Hash): Frontier {
  const grown = [...frontier];
  let hash = leaf;
  // Each trailing one of the size is a perfect tree as large as what is put behind it.
  for (let rest = size; rest % 2 === 1; rest = Math.floor(rest / 2)) hash = nodeHash(grown.pop()!, hash);
  grown.push(hash);
  return grown;
}

export function rootOf(frontier: Frontier): Hash {
  if (frontier.length === 0) return createHash("sha256").digest();
  return frontier.reduceRight((right, left) => nodeHash(left, right));
}

/** How many perfect trees a size is the sum of. */
export function frontierLength(size: number): number {
  let ones = 0;
  for (let rest = size; rest > 0; rest = Math.floor(rest / 2)) ones += rest % 2;
  return ones;
}

export function frontierOf(leaves: readonly Hash[]): Frontier {
  return leaves.reduce<Frontier>((frontier, leaf, size) => appendLeaf(frontier, size, leaf), NO_LEAVES);
}

/** The root over all of them. */
export function treeRoot(leaves: readonly Hash[]): Hash {
  return rootOf(frontierOf(leaves));
}

export function equalHashes(one: Hash, other: Hash): boolean {
  return Buffer.compare(one, other) === 0;
}

/** The largest power of two below `size`, which is 2 or more. */
export function splitOf(size: number): number {
  let split = 1;
  while (split * 2 < size) split *= 2;
  return split;
}
