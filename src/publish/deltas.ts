/**
 * Deltas from each older release: every changed file is diffed in the pool, proven there, and kept when it pays.
 */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { sha256 } from "../base/digest.ts";
import { mapInOrder } from "../base/parallel.ts";
import {
  type Algorithm,
  type Delta,
  type DeltaManifest,
  encodeDeltaManifest,
} from "../format/manifest/delta-manifest.ts";
import type { DeltaManifestReference, Pack } from "../format/manifest/manifest.ts";
import type { BuildProgress, BuildRequest, Previous } from "./build-request.ts";
import { addedFiles, compare, isFile, removedFiles } from "./compare-trees.ts";
import { DiffPool, type DiffResult } from "./diff/diff-pool.ts";
import { PackWriter } from "./pack-writer.ts";
import { PublishError } from "./publish-error.ts";
import { findSimilar } from "./similar.ts";
import type { PackedTargets } from "./targets.ts";
import type { Tree, TreeEntry } from "./tree.ts";

export type DeltaOutcome = {
  readonly from: string;
  readonly path: string;
  /** What the older release has it as, or has like it. */
  readonly sourcePath: string;
  readonly sizeBytes: number;
  /** The compressed whole target, what a device without a delta would fetch. */
  readonly wholeBytes: number;
  /** undefined when the delta was dropped; `note` says why. */
  readonly algorithm: Algorithm | undefined;
  readonly patchBytes: number;
  readonly note: string;
};

export type CreatedDeltas = {
  readonly references: readonly DeltaManifestReference[];
  readonly packs: readonly Pack[];
  readonly outcomes: readonly DeltaOutcome[];
  readonly unchanged: readonly { readonly from: string; readonly files: number }[];
};

export async function createDeltas(
  request: BuildRequest,
  previous: readonly Previous[],
  tree: Tree,
  targets: PackedTargets,
  folder: string,
  progress: BuildProgress,
): Promise<CreatedDeltas> {
  const pool = new DiffPool({ jobs: request.jobs, ...(request.signal && { signal: request.signal }) });
  try {
    const made = [];
    for (const older of previous)
      made.push(await createDeltasFrom(request, older, tree, targets, folder, pool, progress));
    return {
      references: made.map(({ reference }) => reference),
      packs: made.flatMap(({ packs }) => packs),
      outcomes: made.flatMap(({ outcomes }) => outcomes),
      unchanged: made.map(({ from, unchanged }) => ({ from, files: unchanged })),
    };
  } finally {
    await pool.close();
  }
}

async function createDeltasFrom(
  request: BuildRequest,
  { version, tree: old }: Previous,
  tree: Tree,
  targets: PackedTargets,
  folder: string,
  pool: DiffPool,
  progress: BuildProgress,
) {
  const { changed: samePath, unchanged } = compare(old, tree);
  const sources = new Map<string, TreeEntry>(old.entries.map((entry) => [entry.path, entry]));
  const added = addedFiles(old, tree);
  const similar = await findSimilar(old, tree, added, old.entries.filter(isFile));
  for (const [path, source] of similar) sources.set(path, source);
  const changed = [...samePath, ...added.filter(({ path }) => similar.has(path))];
  const writer = new PackWriter(folder, `delta-${assetSafe(version)}`);
  const deltas: Delta[] = [];
  const outcomes: DeltaOutcome[] = [];
  const totalBytes = changed.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  let doneBytes = 0;
  const results = mapInOrder(changed, request.jobs, async (target) => {
    const source = sources.get(target.path)!;
    const result = await pool.diff({
      sourcePath: join(old.root, source.path),
      targetPath: join(tree.root, target.path),
      algorithms: [...request.algorithms],
      options: request.diff,
    });
    if (result.sourceSha256 !== source.sha256 || result.targetSha256 !== target.sha256) {
      throw new PublishError("TREE_CHANGED", `${target.path} changed while the bundle was built`);
    }
    return { source, target, result };
  });
  try {
    for await (const { source, target, result } of results) {
      const wholeBytes = targets.blobs.get(target.sha256)?.length ?? 0;
      const outcome = judge(version, source, target, wholeBytes, result);
      outcomes.push(outcome);
      if (outcome.algorithm !== undefined && result.winner !== undefined) {
        deltas.push({
          path: target.path,
          base_path: source.path,
          base_hash: source.sha256,
          base_size: source.sizeBytes,
          target_hash: target.sha256,
          target_size: target.sizeBytes,
          patch_size: result.winner.patch.length,
          algorithm: outcome.algorithm,
          blob: await writer.add(result.winner.patch, "identity"),
        });
      }
      doneBytes += target.sizeBytes;
      progress({
        phase: "deltas",
        done: outcomes.length,
        total: changed.length,
        doneBytes,
        totalBytes,
        path: target.path,
      });
    }
  } catch (error) {
    await writer.abandon();
    throw error;
  }
  const document: DeltaManifest = {
    schema_version: 1,
    product: request.release.product,
    from_version: version,
    to_version: request.release.version,
    deltas,
    removed: removedFiles(old, tree).map(({ path, sha256: base_hash }) => ({ path, base_hash })),
  };
  const bytes = encodeDeltaManifest(document);
  const asset = `delta-${assetSafe(version)}.json`;
  await writeFile(join(folder, asset), bytes, { flush: true });
  const reference = { from_version: version, asset, size_bytes: bytes.length, sha256_hash: sha256(bytes) };
  return { from: version, reference, packs: await writer.finish(), outcomes, unchanged };
}

/** A delta counts only when it is proven (the pool has applied it) and smaller than the whole. */
function judge(
  from: string,
  source: TreeEntry,
  target: TreeEntry,
  wholeBytes: number,
  result: DiffResult,
): DeltaOutcome {
  const common = {
    from,
    path: target.path,
    sourcePath: source.path,
    sizeBytes: target.sizeBytes,
    wholeBytes,
  };
  const tried = result.candidates
    .map(({ algorithm, sizeBytes, note }) => `${algorithm} ${sizeBytes ?? "none"}${note ? ` (${note})` : ""}`)
    .join(", ");
  if (!result.winner) return { ...common, algorithm: undefined, patchBytes: 0, note: `no delta: ${tried}` };
  const { algorithm, patch } = result.winner;
  if (patch.length >= wholeBytes) {
    return {
      ...common,
      algorithm: undefined,
      patchBytes: 0,
      note: `whole is smaller: ${wholeBytes} bytes; ${tried}`,
    };
  }
  return { ...common, algorithm, patchBytes: patch.length, note: tried };
}

/** "+" is legal in a version and not in an asset's name. */
function assetSafe(version: string): string {
  return version.replaceAll("+", "_");
}
