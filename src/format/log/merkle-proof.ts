/**
 * That a leaf is in a tree, and that a tree has only grown (RFC 9162, sections 2.1.3 and 2.1.4).
 *
 *   inclusion     a leaf, and the sibling of each node on its way up              -> the root
 *   consistency   nodes from which the root of the old tree follows, and that of the new one
 *
 * Proofs are read from strangers. A path that is longer than the way up is refused where the way ends, so the work is
 * bounded by the size that the checkpoint has, 53 steps at most. Sizes are halved as numbers and never shifted:
 * JavaScript shifts 32 bits.
 */
import { equalHashes, type Hash, nodeHash, splitOf, treeRoot } from "./merkle-tree.ts";

/** As many steps as a way up can have: sizes are integers within 2^53 - 1. */
export const MAX_PROOF_HASHES = 53;

/** @param index below the number of leaves */
export function inclusionProof(leaves: readonly Hash[], index: number): Hash[] {
  if (leaves.length <= 1) return [];
  const split = splitOf(leaves.length);
  const [left, right] = [leaves.slice(0, split), leaves.slice(split)];
  return index < split
    ? [...inclusionProof(left, index), treeRoot(right)]
    : [...inclusionProof(right, index - split), treeRoot(left)];
}

export type Inclusion = {
  readonly index: number;
  readonly size: number;
  readonly leaf: Hash;
  readonly path: readonly Hash[];
};

/** The root that follows from it; undefined where the path does not fit index and size. RFC 9162, 2.1.3.2. */
export function rootByInclusion({ index, size, leaf, path }: Inclusion): Hash | undefined {
  if (index >= size) return undefined;
  let [fn, sn, hash] = [index, size - 1, leaf];
  for (const sibling of path) {
    if (sn === 0) return undefined;
    if (fn % 2 === 1 || fn === sn) {
      hash = nodeHash(sibling, hash);
      while (fn % 2 === 0 && fn !== 0) [fn, sn] = [half(fn), half(sn)];
    } else hash = nodeHash(hash, sibling);
    [fn, sn] = [half(fn), half(sn)];
  }
  return sn === 0 ? hash : undefined;
}

/** Empty for an old size that is 0 or that of the leaves. */
export function consistencyProof(leaves: readonly Hash[], oldSize: number): Hash[] {
  if (oldSize === 0 || oldSize === leaves.length) return [];
  return subProof(leaves, oldSize, true);
}

/** @param isOldTree the old tree is a node of the new one here, and whoever checks knows its root */
function subProof(leaves: readonly Hash[], oldSize: number, isOldTree: boolean): Hash[] {
  if (oldSize === leaves.length) return isOldTree ? [] : [treeRoot(leaves)];
  const split = splitOf(leaves.length);
  const [left, right] = [leaves.slice(0, split), leaves.slice(split)];
  return oldSize <= split
    ? [...subProof(left, oldSize, isOldTree), treeRoot(right)]
    : [...subProof(right, oldSize - split, false), treeRoot(left)];
}

export type Tree = { readonly size: number; readonly root: Hash };

/** RFC 9162, 2.1.4.2; an empty tree is the beginning of every other. */
export function isConsistent(old: Tree, grown: Tree, proof: readonly Hash[]): boolean {
  if (old.size > grown.size) return false;
  if (old.size === grown.size) return proof.length === 0 && equalHashes(old.root, grown.root);
  if (old.size === 0) return proof.length === 0;
  const path = isPowerOfTwo(old.size) ? [old.root, ...proof] : proof;
  const [first, ...rest] = path;
  if (first === undefined) return false;
  let [fn, sn] = [old.size - 1, grown.size - 1];
  while (fn % 2 === 1) [fn, sn] = [half(fn), half(sn)];
  let [oldRoot, newRoot] = [first, first];
  for (const hash of rest) {
    if (sn === 0) return false;
    if (fn % 2 === 1 || fn === sn) {
      oldRoot = nodeHash(hash, oldRoot);
      newRoot = nodeHash(hash, newRoot);
      while (fn % 2 === 0 && fn !== 0) [fn, sn] = [half(fn), half(sn)];
    } else newRoot = nodeHash(newRoot, hash);
    [fn, sn] = [half(fn), half(sn)];
  }
  return sn === 0 && equalHashes(oldRoot, old.root) && equalHashes(newRoot, grown.root);
}

function half(n: number): number {
  return Math.floor(n / 2);
}

function isPowerOfTwo(n: number): boolean {
  return n === 1 || splitOf(n) * 2 === n;
}
