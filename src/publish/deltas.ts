/**
 * Deltas from each older release: every changed file is diffed in the pool, proven there, and kept when it pays.
 */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { sha256 } from "../base/digest.ts";
import { mapInOrder } from "../base/parallel.ts";
import { type Delta, type DeltaManifest, encodeDeltaManifest } from "../format/manifest/delta-manifest.ts";
import type { DeltaManifestReference, Pack } from "../format/manifest/manifest.ts";
import type { BuildProgress, BuildRequest, Previous } from "./build-request.ts";
import { compare, removedFiles } from "./compare-trees.ts";
import { assetSafe, type DeltaOutcome, judge, writeReport } from "./delta-report.ts";
import type { Makers } from "./makers.ts";
import { PackWriter } from "./pack-writer.ts";
import type { PackedTargets } from "./targets.ts";
import type { Tree } from "./tree.ts";

export type CreatedDeltas = {
  readonly references: readonly DeltaManifestReference[];
  readonly packs: readonly Pack[];
  readonly outcomes: readonly DeltaOutcome[];
  readonly unchanged: readonly { readonly from: string; readonly files: number }[];
};

export type DeltaRequest = Pick<BuildRequest, "jobs"> & {
  readonly release: Pick<BuildRequest["release"], "product" | "version">;
  readonly diff: Pick<BuildRequest["diff"], "budget">;
};

export async function createDeltas(
  request: DeltaRequest,
  previous: readonly Previous[],
  tree: Tree,
  targets: PackedTargets,
  folder: string,
  makers: Makers,
  progress: BuildProgress,
): Promise<CreatedDeltas> {
  const made = [];
  for (const older of previous)
    made.push(await createDeltasFrom(request, older, tree, targets, folder, makers, progress));
  return {
    references: made.map(({ reference }) => reference),
    packs: made.flatMap(({ packs }) => packs),
    outcomes: made.flatMap(({ outcomes }) => outcomes),
    unchanged: made.map(({ from, unchanged }) => ({ from, files: unchanged })),
  };
}

async function createDeltasFrom(
  request: DeltaRequest,
  older: Previous,
  tree: Tree,
  targets: PackedTargets,
  folder: string,
  makers: Makers,
  progress: BuildProgress,
) {
  const { version, tree: old } = older;
  const { unchanged } = compare(old, tree);
  const chosen = await makers.sources(older, tree);
  const writer = new PackWriter(folder, `delta-${assetSafe(version)}`);
  const deltas: Delta[] = [];
  const outcomes: DeltaOutcome[] = [];
  const totalBytes = chosen.reduce((sum, { target: { sizeBytes } }) => sum + sizeBytes, 0);
  let doneBytes = 0;
  const results = mapInOrder(chosen, request.jobs, async ({ target, source, reason }) => {
    const wholeBytes = targets.blobs.get(target.sha256)?.length ?? 0;
    const result = await makers.diff(older, tree, { target, source, reason }, wholeBytes);
    const outcome = judge(version, { target, source, reason }, wholeBytes, result);
    return { source, target, result, outcome };
  });
  try {
    for await (const { source, target, result, outcome } of results) {
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
          apply_memory: result.winner.cost.memoryBytes,
          blob: await writer.add(result.winner.patch, "identity"),
        });
      }
      doneBytes += target.sizeBytes;
      progress({
        phase: "deltas",
        done: outcomes.length,
        total: chosen.length,
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
  await writeReport(folder, document, sha256(bytes), outcomes, request.diff.budget);
  const reference = { from_version: version, asset, size_bytes: bytes.length, sha256_hash: sha256(bytes) };
  return { from: version, reference, packs: await writer.finish(), outcomes, unchanged };
}
