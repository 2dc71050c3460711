/** Trees and proofs by the vectors that implementations of RFC 6962 share (transparency-dev/merkle, testonly), and by properties. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  consistencyProof,
  inclusionProof,
  isConsistent,
  rootByInclusion,
} from "../../../src/format/log/merkle-proof.ts";
import {
  appendLeaf,
  equalHashes,
  frontierLength,
  frontierOf,
  type Hash,
  leafHash,
  rootOf,
  treeRoot,
} from "../../../src/format/log/merkle-tree.ts";

const ENTRIES = [
  "",
  "00",
  "10",
  "2021",
  "3031",
  "40414243",
  "5051525354555657",
  "606162636465666768696a6b6c6d6e6f",
].map((hex) => Buffer.from(hex, "hex"));
const LEAVES = ENTRIES.map(leafHash);

const ROOTS = [
  "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
  "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
  "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
  "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
  "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
  "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
  "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
  "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
  "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

const NODE = {
  a: "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
  b: "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
  c: "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
  d: "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
  e: "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
  f: "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
} as const;

function hex(hash: Hash): string {
  return Buffer.from(hash).toString("hex");
}

describe("the shared vectors", () => {
  it.each(ROOTS.map((root, size) => ({ size, root })))("have the root of $size leaves", ({ size, root }) => {
    expect(hex(treeRoot(LEAVES.slice(0, size)))).toBe(root);
  });

  it.each([
    { index: 0, size: 1, path: [] },
    { index: 0, size: 8, path: [NODE.a, NODE.b, NODE.c] },
    { index: 5, size: 8, path: [NODE.d, NODE.e, ROOTS[4]!] },
    { index: 2, size: 3, path: [ROOTS[2]!] },
    { index: 1, size: 5, path: [ROOTS[1]!, NODE.b, NODE.d] },
  ])("have the path of leaf $index of $size", ({ index, size, path }) => {
    expect(inclusionProof(LEAVES.slice(0, size), index).map(hex)).toEqual(path);
  });

  it.each([
    { old: 1, size: 1, path: [] },
    { old: 1, size: 8, path: [NODE.a, NODE.b, NODE.c] },
    { old: 6, size: 8, path: [NODE.f, NODE.e, ROOTS[4]!] },
    { old: 2, size: 5, path: [NODE.b, NODE.d] },
  ])("have the way from $old to $size", ({ old, size, path }) => {
    expect(consistencyProof(LEAVES.slice(0, size), old).map(hex)).toEqual(path);
  });
});

/** A tree of up to 2,000 leaves, and a place in it. */
const trees = fc
  .tuple(fc.integer({ min: 1, max: 2000 }), fc.nat(), fc.nat(), fc.nat())
  .map(([size, seed, one, other]) => ({
    leaves: leavesOf(size, seed),
    index: one % size,
    oldSize: 1 + (other % size),
  }));

function leavesOf(size: number, seed: number): Hash[] {
  return Array.from({ length: size }, (_, i) => leafHash(Buffer.from(`${seed} ${i}`)));
}

const RUNS = { numRuns: 60 };

it("every leaf has its way up, and no other leaf, place, size or path leads to that root", () => {
  fc.assert(
    fc.property(trees, fc.nat(), ({ leaves, index }, dice) => {
      const root = treeRoot(leaves);
      const size = leaves.length;
      const leaf = leaves[index]!;
      const path = inclusionProof(leaves, index);
      const isRoot = (found: Hash | undefined): boolean => found !== undefined && equalHashes(found, root);
      expect(isRoot(rootByInclusion({ index, size, leaf, path }))).toBe(true);
      expect(isRoot(rootByInclusion({ index, size, leaf: leafHash(Buffer.from("forged")), path }))).toBe(
        false,
      );
      if (size > 1) {
        const other = (index + 1 + (dice % (size - 1))) % size;
        expect(isRoot(rootByInclusion({ index: other, size, leaf, path }))).toBe(false);
        expect(rootByInclusion({ index, size, leaf, path: path.slice(1) })).toBeUndefined();
      }
      expect(rootByInclusion({ index, size, leaf, path: [...path, root] })).toBeUndefined();
      expect(rootByInclusion({ index: size, size, leaf, path })).toBeUndefined();
    }),
    RUNS,
  );
});

it("every beginning of a tree is proven, and no other tree is", () => {
  fc.assert(
    fc.property(trees, ({ leaves, oldSize }) => {
      const grown = { size: leaves.length, root: treeRoot(leaves) };
      const old = { size: oldSize, root: treeRoot(leaves.slice(0, oldSize)) };
      const proof = consistencyProof(leaves, oldSize);
      expect(isConsistent(old, grown, proof)).toBe(true);
      const rewritten = [leafHash(Buffer.from("rewritten")), ...leaves.slice(1)];
      expect(
        isConsistent(old, { ...grown, root: treeRoot(rewritten) }, consistencyProof(rewritten, oldSize)),
      ).toBe(false);
      expect(isConsistent(old, grown, [...proof, grown.root])).toBe(false);
      expect(isConsistent({ ...old, size: grown.size + 1 }, grown, proof)).toBe(false);
      if (proof.length > 0) expect(isConsistent(old, grown, proof.slice(1))).toBe(false);
    }),
    RUNS,
  );
});

it("a frontier that grows leaf by leaf has the root of all leaves, and one hash for each one of its size", () => {
  const leaves = leavesOf(300, 1);
  let frontier = frontierOf([]);
  for (const [size, leaf] of leaves.entries()) {
    frontier = appendLeaf(frontier, size, leaf);
    expect(frontier.length).toBe(frontierLength(size + 1));
    expect(hex(rootOf(frontier))).toBe(hex(treeRoot(leaves.slice(0, size + 1))));
  }
});

it("sizes beyond 32 bits have paths as long as their way up", () => {
  const size = 2 ** 53 - 1;
  const leaf = leafHash(Buffer.from("x"));
  const path = Array.from({ length: 53 }, () => leaf);
  expect(rootByInclusion({ index: 0, size, leaf, path })).toBeDefined();
  expect(rootByInclusion({ index: 0, size, leaf, path: path.slice(1) })).toBeUndefined();
  expect(rootByInclusion({ index: 0, size, leaf, path: [...path, leaf] })).toBeUndefined();
});
