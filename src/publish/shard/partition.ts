/**
 * Who makes what, when several machines share a build: every distinct target belongs to one of them, with all its deltas.
 *
 * A delta has to be smaller than the compressed target, so both are made in one place. The largest work is given away
 * first, each time to whoever has least; digests decide between equals, so that every machine comes to the same shares.
 */

import type { Previous } from "../build-request.ts";
import { isFile } from "../compare-trees.ts";
import { distinctTargets } from "../targets.ts";
import type { Tree, TreeEntry } from "../tree.ts";

export type Share = {
  /** From 1 on. */
  readonly shard: number;
  readonly targets: readonly TreeEntry[];
  /** In bytes that are looked at: of one machine, in proportion to its time. */
  readonly cost: number;
};

/** Jobs that a matrix of GitHub's may have. */
export const MAX_SHARDS = 256;

/** Comparing two files takes so many times what compressing one takes. */
const DELTA_COST = 4;
/** Of a file that is nearly empty: threads, processes, folders. */
const LEAST_COST = 4096;

/** As many as were asked for; the last may be without work. */
export function partition(tree: Tree, previous: readonly Previous[], shards: number): readonly Share[] {
  const olds = previous.map(
    ({ tree: old }) => new Set(old.entries.filter(isFile).map(({ sha256 }) => sha256)),
  );
  const work = distinctTargets(tree).map((target) => {
    const deltas = olds.filter((digests) => !digests.has(target.sha256)).length;
    return { target, cost: Math.max(LEAST_COST, target.sizeBytes) * (1 + DELTA_COST * deltas) };
  });
  work.sort((a, b) => b.cost - a.cost || (a.target.sha256 < b.target.sha256 ? -1 : 1));
  const shares = Array.from({ length: shards }, (_, index) => ({
    shard: index + 1,
    targets: [] as TreeEntry[],
    cost: 0,
  }));
  for (const { target, cost } of work) {
    const least = shares.reduce((best, each) => (each.cost < best.cost ? each : best));
    least.targets.push(target);
    least.cost += cost;
  }
  return shares;
}
