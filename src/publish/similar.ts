/**
 * How much two files have in common, without comparing each with each.
 *
 * Each file is summed up by the smallest hashes of its contents at places that the contents choose (Broder,
 * "On the resemblance and containment of documents", 1997): what two files share of these is about what
 * they share of their bytes, wherever in them it stands.
 */
import { open } from "node:fs/promises";
import { basename, join } from "node:path";
import type { TreeEntry } from "./tree.ts";

const CHUNK_BYTES = 1 << 20;
/** Of the hashes that qualify, so many of the smallest are kept. */
const SKETCH_SIZE = 256;
/** One place in so many qualifies. */
const SAMPLE_MASK = 31;
/** A smaller file is cheaper whole. */
const LEAST_BYTES = 512;
/** Of two that are as like, the one of the same name. */
const SAME_NAME = 0.01;

export type Sketch = Uint32Array;

export function isWorthSketching({ sizeBytes }: TreeEntry): boolean {
  return sizeBytes >= LEAST_BYTES;
}

/** The files of one release, each read when it is first asked for and never again. */
export class SketchedFiles {
  readonly #root: string;
  readonly #files: readonly TreeEntry[];
  readonly #signal: AbortSignal | undefined;
  readonly #sketches = new Map<string, Sketch>();

  constructor(root: string, files: readonly TreeEntry[], signal?: AbortSignal) {
    this.#root = root;
    this.#files = files.filter(isWorthSketching);
    this.#signal = signal;
  }

  async of({ path }: TreeEntry): Promise<Sketch> {
    const known = this.#sketches.get(path);
    if (known) return known;
    this.#signal?.throwIfAborted();
    const sketch = await sketchOf(join(this.#root, path));
    this.#sketches.set(path, sketch);
    return sketch;
  }

  /** The file that is most like this one, if it is so by more than `above`; of equals the first. */
  async mostLike(sketch: Sketch, target: TreeEntry, above: number): Promise<TreeEntry | undefined> {
    let best = above;
    let found: TreeEntry | undefined;
    for (const entry of this.#files) {
      const named = basename(entry.path) === basename(target.path) ? SAME_NAME : 0;
      const likeness = similarity(sketch, await this.of(entry)) + named;
      if (likeness <= best) continue;
      best = likeness;
      found = entry;
    }
    return found;
  }
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
