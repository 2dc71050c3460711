/**
 * Finds in an older release what a new file was made from, when no file of that path is there.
 *
 * Each file is summed up by the smallest hashes of its contents at places that the contents choose (Broder,
 * "On the resemblance and containment of documents", 1997): what two files share of these is about what
 * they share of their bytes, wherever in them it stands.
 */
import { open } from "node:fs/promises";
import { basename, join } from "node:path";
import type { Tree, TreeEntry } from "./tree.ts";

const CHUNK_BYTES = 1 << 20;
/** Of the hashes that qualify, so many of the smallest are kept. */
const SKETCH_SIZE = 256;
/** One place in so many qualifies. */
const SAMPLE_MASK = 31;
/** Less in common than this saves next to nothing. */
const LEAST_SIMILARITY = 0.1;
/** A smaller file is cheaper whole. */
const LEAST_BYTES = 512;

export type Sketch = Uint32Array;

/** The older file that is most like each of these, if any is. */
export async function findSimilar(
  old: Tree,
  tree: Tree,
  targets: readonly TreeEntry[],
  candidates: readonly TreeEntry[],
): Promise<Map<string, TreeEntry>> {
  const similar = new Map<string, TreeEntry>();
  const worth = targets.filter(({ sizeBytes }) => sizeBytes >= LEAST_BYTES);
  if (worth.length === 0) return similar;
  const sketches: { readonly entry: TreeEntry; readonly sketch: Sketch }[] = [];
  for (const entry of candidates) {
    if (entry.sizeBytes >= LEAST_BYTES)
      sketches.push({ entry, sketch: await sketchOf(join(old.root, entry.path)) });
  }
  for (const target of worth) {
    const sketch = await sketchOf(join(tree.root, target.path));
    let best = LEAST_SIMILARITY;
    for (const { entry, sketch: other } of sketches) {
      // Of two that are as like, the one of the same name.
      const likeness =
        similarity(sketch, other) + (basename(entry.path) === basename(target.path) ? 0.01 : 0);
      if (likeness <= best) continue;
      best = likeness;
      similar.set(target.path, entry);
    }
  }
  return similar;
}

/** From 0 to 1: the share of the smallest hashes of both that each of them has. */
export function similarity(a: Sketch, b: Sketch): number {
  let i = 0;
  let j = 0;
  let common = 0;
  let all = 0;
  while (all < SKETCH_SIZE && (i < a.length || j < b.length)) {
    const x = i < a.length ? a[i]! : Number.POSITIVE_INFINITY;
    const y = j < b.length ? b[j]! : Number.POSITIVE_INFINITY;
    if (x === y) common++;
    if (x <= y) i++;
    if (y <= x) j++;
    all++;
  }
  return all === 0 ? 0 : common / all;
}

/** The smallest hashes in order, each once. */
export async function sketchOf(path: string): Promise<Sketch> {
  const file = await open(path, "r");
  try {
    const chunk = new Uint8Array(CHUNK_BYTES);
    const kept = new Set<number>();
    let limit = 2 ** 32;
    let hash = 0;
    for (;;) {
      const { bytesRead } = await file.read(chunk, 0, CHUNK_BYTES);
      if (bytesRead === 0) break;
      for (let i = 0; i < bytesRead; i++) {
        // A byte leaves the hash after 32 more.
        hash = (hash << 1) + GEAR[chunk[i]!]!;
        if (((hash >>> 16) & SAMPLE_MASK) !== 0) continue;
        const mixed = Math.imul(hash, 0x9e3779b1) >>> 0;
        if (mixed >= limit || kept.has(mixed)) continue;
        kept.add(mixed);
        if (kept.size >= 4 * SKETCH_SIZE) limit = keepSmallest(kept);
      }
    }
    keepSmallest(kept);
    return Uint32Array.from(kept);
  } finally {
    await file.close();
  }
}

/** The result is what a hash must be below to matter from now on. */
function keepSmallest(kept: Set<number>): number {
  const smallest = Uint32Array.from(kept).sort().subarray(0, SKETCH_SIZE);
  kept.clear();
  for (const hash of smallest) kept.add(hash);
  return smallest.length < SKETCH_SIZE ? 2 ** 32 : smallest[SKETCH_SIZE - 1]!;
}

/** A random number for each byte, the same on every machine (xorshift, Marsaglia 2003). */
const GEAR = new Int32Array(256);
let seed = 0x2545f491;
for (let byte = 0; byte < 256; byte++) {
  seed ^= seed << 13;
  seed ^= seed >>> 17;
  seed ^= seed << 5;
  GEAR[byte] = seed;
}
