/**
 * What deltas from an older release would come to, without making them: from what is the same, and by sketches.
 *
 * The pairs are those that the build will compare (sources.ts). Of a changed file a delta takes about the share that the
 * two have not in common, and a little for saying where the rest is; a whole one takes what it compresses to, told by
 * the fastest level. An estimate, meant for weighing releases against each other; the build measures.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { constants, zstdCompress } from "node:zlib";
import type { Previous } from "../build-request.ts";
import { isFile } from "../compare-trees.ts";
import { isWorthSketching, similarity, sketchOf } from "../similar.ts";
import { chooseSources } from "../sources.ts";
import { distinctTargets } from "../targets.ts";
import type { Tree, TreeEntry } from "../tree.ts";

export type Estimate = {
  readonly version: string;
  /** Of what this release's devices lack: compressed whole, and with deltas. */
  readonly wholeBytes: number;
  readonly deltaBytes: number;
  /** Of the patches alone, which the page would hold. */
  readonly patchBytes: number;
  readonly cpuSeconds: number;
  readonly comparisons: number;
};

/** Of one core, all algorithms (bench/results/delta.md: 12 s for two files of 10 MiB). */
const BYTES_PER_SECOND = 1.6e6;
/** Where the rest stands. */
const LEAST_SHARE = 0.02;
/** A level-19 frame beside one of level 1, on trees of programs. */
const BETTER = 0.85;

/** Sizes of compressed targets, by digest: the same for every older release. */
export async function compressedSizes(
  tree: Tree,
  signal?: AbortSignal,
): Promise<ReadonlyMap<string, number>> {
  const sizes = new Map<string, number>();
  for (const entry of distinctTargets(tree)) {
    signal?.throwIfAborted();
    const bytes = await readFile(join(tree.root, entry.path));
    const frame = await promisify(zstdCompress)(bytes, {
      params: { [constants.ZSTD_c_compressionLevel]: 1 },
    });
    const length = Math.min(bytes.length, Math.ceil(frame.length * BETTER));
    sizes.set(entry.sha256, length);
  }
  return sizes;
}

export async function estimateFrom(
  { version, tree: old }: Previous,
  tree: Tree,
  compressed: ReadonlyMap<string, number>,
  signal?: AbortSignal,
): Promise<Estimate> {
  const has = new Set(old.entries.filter(isFile).map(({ sha256 }) => sha256));
  const lacking = distinctTargets(tree).filter(({ sha256 }) => !has.has(sha256));
  const sizeOf = ({ sha256 }: TreeEntry): number => compressed.get(sha256) ?? 0;
  const wholeBytes = lacking.reduce((sum, entry) => sum + sizeOf(entry), 0);
  let [patchBytes, savedBytes, comparedBytes, comparisons] = [0, 0, 0, 0];
  const seen = new Set<string>();
  for (const { source, target } of await chooseSources(old, tree, signal)) {
    if (seen.has(target.sha256)) continue;
    seen.add(target.sha256);
    comparisons++;
    comparedBytes += target.sizeBytes;
    const whole = sizeOf(target);
    const share = await differing(old, source, tree, target);
    const patch = Math.ceil(whole * Math.min(1, share + LEAST_SHARE));
    if (patch >= whole) continue;
    patchBytes += patch;
    savedBytes += whole - patch;
  }
  const cpuSeconds = Math.ceil(comparedBytes / BYTES_PER_SECOND);
  return {
    ...{ version, wholeBytes, patchBytes, cpuSeconds, comparisons },
    deltaBytes: wholeBytes - savedBytes,
  };
}

/** From 0 to 1. A file that is too small for a sketch counts as another one. */
async function differing(old: Tree, source: TreeEntry, tree: Tree, target: TreeEntry): Promise<number> {
  if (!isWorthSketching(source) || !isWorthSketching(target)) return 1;
  const [a, b] = [await sketchOf(join(old.root, source.path)), await sketchOf(join(tree.root, target.path))];
  // Of two sets with so much of both in common, this is what the second has alone.
  const common = similarity(a, b);
  return 1 - (2 * common) / (1 + common);
}
