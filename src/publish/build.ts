/**
 * From release trees to an unsigned bundle: tree -> targets -> deltas -> describe.
 *
 * Everything grows in a folder beside the output and takes its name with one rename at the end, so a
 * build that fails leaves nothing that looks like a bundle. The order of files decides the order of
 * bytes; the number of jobs decides only how long it takes.
 */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { writeFileAtomically } from "../base/atomic-file.ts";
import { sha256 } from "../base/digest.ts";
import { encodeManifest, type Manifest } from "../format/manifest/manifest.ts";
import type { BuildProgress, BuildRequest, Previous } from "./build-request.ts";
import { compare, removedFiles, sameTree } from "./compare-trees.ts";
import { cachedMakers } from "./delta-cache.ts";
import type { DeltaOutcome } from "./delta-report.ts";
import { createDeltas, type DeltaRequest } from "./deltas.ts";
import { describeRelease } from "./describe-release.ts";
import type { Makers } from "./makers.ts";
import {
  localFailure,
  refuseOutputInTree,
  refuseUsedOutput,
  startFolder,
  takeName,
} from "./output-folder.ts";
import { PublishError } from "./publish-error.ts";
import { checkRelease } from "./release.ts";
import { packTargets } from "./targets.ts";
import { indexTree, type Tree } from "./tree.ts";

export type BuildResult = {
  readonly out: string;
  readonly manifest: Manifest;
  readonly manifestSha256: string;
  readonly outcomes: readonly DeltaOutcome[];
  readonly unchanged: readonly { readonly from: string; readonly files: number }[];
};

/** @throws PublishError, PathError, DocumentError */
export async function build(request: BuildRequest, progress: BuildProgress = () => {}): Promise<BuildResult> {
  const { tree, previous } = await indexTrees(request);
  const makers = cachedMakers(request);
  try {
    return await writeBundle(request, tree, previous, makers, progress);
  } finally {
    await makers.close();
  }
}

/** What of a request a bundle's bytes depend on, besides the trees and what is made of them. */
export type BundleRequest = DeltaRequest & Pick<BuildRequest, "out" | "release" | "signal">;

/** The bundle of trees that are indexed, from wherever its bytes come. @throws PublishError, DocumentError */
export async function writeBundle(
  request: BundleRequest,
  tree: Tree,
  previous: readonly Previous[],
  makers: Makers,
  progress: BuildProgress,
): Promise<BuildResult> {
  const growing = await startFolder(request.out);
  try {
    const targets = await packTargets(request, tree, makers, growing, progress);
    const deltas = await createDeltas(request, previous, tree, targets, growing, makers, progress);
    const manifest = describeRelease(request, tree, targets, deltas);
    const bytes = encodeManifest(manifest);
    await writeFileAtomically(join(growing, "manifest.json"), bytes);
    await takeName(growing, request.out);
    return {
      out: request.out,
      manifest,
      manifestSha256: sha256(bytes),
      outcomes: deltas.outcomes,
      unchanged: deltas.unchanged,
    };
  } catch (error) {
    await rm(growing, { recursive: true, force: true });
    throw localFailure(error, request.out);
  }
}

/** Everything that is refused before the first byte is made. @throws PublishError, PathError */
export async function indexTrees(
  request: BuildRequest,
): Promise<{ readonly tree: Tree; readonly previous: readonly Previous[] }> {
  checkRelease(
    request.release,
    request.from.map(({ version }) => version),
  );
  await refuseOutputInTree(request.out, [request.root, ...request.from.map(({ root }) => root)]);
  await refuseUsedOutput(request.out);
  const tree = await indexTree(request.root, request.signal);
  return { tree, previous: await indexPrevious(request, tree) };
}

/** What build would do, without writing: the files, and which of them each older release shares. */
export async function planBuild(request: BuildRequest): Promise<{
  readonly files: number;
  readonly bytes: number;
  readonly from: readonly {
    readonly version: string;
    readonly changed: readonly string[];
    readonly unchanged: number;
    readonly removed: readonly string[];
  }[];
}> {
  const { tree, previous } = await indexTrees(request);
  return {
    files: tree.entries.length,
    bytes: tree.entries.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    from: previous.map(({ version, tree: old }) => {
      const { changed, unchanged } = compare(old, tree);
      return {
        version,
        changed: changed.map(({ path }) => path),
        unchanged,
        removed: removedFiles(old, tree).map(({ path }) => path),
      };
    }),
  };
}

async function indexPrevious(request: BuildRequest, tree: Tree): Promise<Previous[]> {
  const previous: Previous[] = [];
  for (const { version, root } of request.from) {
    const old = await indexTree(root, request.signal);
    if (sameTree(old, tree)) {
      throw new PublishError(
        "FROM_IDENTICAL",
        `the tree of --from ${version} is the same as the new one: ${root}`,
        {
          hint: "check that the two paths are the two releases",
        },
      );
    }
    previous.push({ version, tree: old });
  }
  return previous;
}
