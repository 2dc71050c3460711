/**
 * From release trees to an unsigned bundle: tree -> targets -> deltas -> describe.
 *
 * Everything grows in a folder beside the output and takes its name with one rename at the end, so a
 * build that fails leaves nothing that looks like a bundle. The order of files decides the order of
 * bytes; the number of jobs decides only how long it takes.
 */
import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { promisify } from "node:util";
import { constants, zstdCompress } from "node:zlib";
import { writeFileAtomically } from "../base/atomic-file.ts";
import { sha256 } from "../base/digest.ts";
import { systemCode } from "../base/error.ts";
import { mapInOrder } from "../base/parallel.ts";
import { type Blob, NO_BLOB } from "../format/manifest/blob.ts";
import {
  type Algorithm,
  type Delta,
  type DeltaManifest,
  encodeDeltaManifest,
} from "../format/manifest/delta-manifest.ts";
import {
  type DeltaManifestReference,
  encodeManifest,
  type Manifest,
  type Pack,
  type Target,
} from "../format/manifest/manifest.ts";
import { DiffPool, type DiffResult } from "./diff/diff-pool.ts";
import { PackWriter } from "./pack-writer.ts";
import { PublishError } from "./publish-error.ts";
import { checkRelease, type ReleaseFacts, sequenceOf, wireDate } from "./release.ts";
import { indexTree, type Tree, type TreeEntry } from "./tree.ts";

export type BuildRequest = {
  readonly release: ReleaseFacts;
  readonly root: string;
  readonly from: readonly { readonly version: string; readonly root: string }[];
  readonly out: string;
  readonly algorithms: readonly Algorithm[];
  readonly jobs: number;
  readonly signal?: AbortSignal;
};

export type BuildProgress = (event: {
  readonly phase: "index" | "targets" | "deltas";
  readonly done: number;
  readonly total: number;
  readonly doneBytes: number;
  readonly totalBytes: number;
  readonly path: string;
}) => void;

export type DeltaOutcome = {
  readonly from: string;
  readonly path: string;
  readonly sizeBytes: number;
  /** The compressed whole target, what a device without a delta would fetch. */
  readonly wholeBytes: number;
  /** undefined when the delta was dropped; `note` says why. */
  readonly algorithm: Algorithm | undefined;
  readonly patchBytes: number;
  readonly note: string;
};

export type BuildResult = {
  readonly out: string;
  readonly manifest: Manifest;
  readonly manifestSha256: string;
  readonly outcomes: readonly DeltaOutcome[];
  readonly unchanged: readonly { readonly from: string; readonly files: number }[];
};

/**
 * zstd 19 is where the size of a whole target stops paying for time; above 64 MiB its tables would not
 * fit beside the other jobs, so level 12 with a window over the file.
 */
const SMALL_TARGET_BYTES = 64 * 2 ** 20;

/** @throws PublishError, PathError, DocumentError */
export async function build(request: BuildRequest, progress: BuildProgress = () => {}): Promise<BuildResult> {
  checkRelease(
    request.release,
    request.from.map(({ version }) => version),
  );
  await refuseUsedOutput(request.out);
  const tree = await indexTree(request.root, request.signal);
  const previous = await indexPrevious(request, tree);
  const growing = await startFolder(request.out);
  try {
    const targets = await packTargets(request, tree, growing, progress);
    const deltas = await createDeltas(request, previous, tree, targets, growing, progress);
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
  checkRelease(
    request.release,
    request.from.map(({ version }) => version),
  );
  await refuseUsedOutput(request.out);
  const tree = await indexTree(request.root, request.signal);
  const previous = await indexPrevious(request, tree);
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

type Previous = { readonly version: string; readonly tree: Tree };
type PackedTargets = { readonly blobs: ReadonlyMap<string, Blob>; readonly packs: readonly Pack[] };
type CreatedDeltas = {
  readonly references: readonly DeltaManifestReference[];
  readonly packs: readonly Pack[];
  readonly outcomes: readonly DeltaOutcome[];
  readonly unchanged: readonly { readonly from: string; readonly files: number }[];
};

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

function sameTree(a: Tree, b: Tree): boolean {
  return JSON.stringify(a.entries) === JSON.stringify(b.entries);
}

/** Every distinct content once, compressed by itself, in the order of paths. */
async function packTargets(
  request: BuildRequest,
  tree: Tree,
  folder: string,
  progress: BuildProgress,
): Promise<PackedTargets> {
  const wanted = new Map<string, TreeEntry>();
  for (const entry of tree.entries) {
    if (isFile(entry) && entry.sizeBytes > 0 && !wanted.has(entry.sha256)) wanted.set(entry.sha256, entry);
  }
  const entries = [...wanted.values()];
  const totalBytes = entries.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const writer = new PackWriter(folder, "targets");
  const blobs = new Map<string, Blob>();
  let doneBytes = 0;
  try {
    for await (const { entry, bytes, encoding } of mapInOrder(entries, request.jobs, (item) =>
      compressTarget(tree, item),
    )) {
      request.signal?.throwIfAborted();
      blobs.set(entry.sha256, await writer.add(bytes, encoding));
      doneBytes += entry.sizeBytes;
      progress({
        phase: "targets",
        done: blobs.size,
        total: entries.length,
        doneBytes,
        totalBytes,
        path: entry.path,
      });
    }
    return { blobs, packs: await writer.finish() };
  } catch (error) {
    await writer.abandon();
    throw error;
  }
}

async function compressTarget(tree: Tree, entry: TreeEntry) {
  const bytes = await readFile(join(tree.root, entry.path));
  if (sha256(bytes) !== entry.sha256) {
    throw new PublishError(
      "TREE_CHANGED",
      `${join(tree.root, entry.path)} changed while the bundle was built`,
    );
  }
  const level = bytes.length <= SMALL_TARGET_BYTES ? 19 : 12;
  const frame = await promisify(zstdCompress)(bytes, {
    params: {
      [constants.ZSTD_c_compressionLevel]: level,
      [constants.ZSTD_c_contentSizeFlag]: 1,
      [constants.ZSTD_c_checksumFlag]: 0,
    },
    pledgedSrcSize: bytes.length,
  });
  const pays = frame.length < bytes.length;
  return { entry, bytes: pays ? frame : bytes, encoding: pays ? ("zstd" as const) : ("identity" as const) };
}

async function createDeltas(
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
  const { changed, unchanged } = compare(old, tree);
  const sources = new Map(old.entries.map((entry) => [entry.path, entry]));
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
    });
    if (result.sourceSha256 !== source.sha256 || result.targetSha256 !== target.sha256) {
      throw new PublishError("TREE_CHANGED", `${target.path} changed while the bundle was built`);
    }
    return { source, target, result };
  });
  try {
    for await (const { source, target, result } of results) {
      const wholeBytes = targets.blobs.get(target.sha256)?.length ?? 0;
      const outcome = judge(version, target, wholeBytes, result);
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
function judge(from: string, target: TreeEntry, wholeBytes: number, result: DiffResult): DeltaOutcome {
  const common = { from, path: target.path, sizeBytes: target.sizeBytes, wholeBytes };
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

function describeRelease(
  request: BuildRequest,
  tree: Tree,
  targets: PackedTargets,
  deltas: CreatedDeltas,
): Manifest {
  const { release } = request;
  return {
    schema_version: 1,
    product: release.product,
    version: release.version,
    tag_name: release.tagName || `v${release.version.replace(/^v/, "")}`,
    channel: release.channel,
    sequence: release.sequence ?? sequenceOf(release.version),
    release_notes: release.releaseNotes,
    release_date: wireDate(release.releaseDate),
    expires: wireDate(release.expires),
    is_critical: release.isCritical,
    min_upgrade_from: release.minUpgradeFrom,
    build_commit: release.buildCommit,
    build_date: wireDate(release.buildDate),
    compiler_version: release.compilerVersion,
    dependencies: release.dependencies,
    files: tree.entries.map((entry) => describeTarget(entry, release, targets)),
    packs: [...targets.packs, ...deltas.packs],
    delta_manifests: deltas.references,
  };
}

function describeTarget(entry: TreeEntry, release: ReleaseFacts, targets: PackedTargets): Target {
  return {
    path: entry.path,
    type: entry.type,
    sha256_hash: entry.sha256,
    size_bytes: entry.sizeBytes,
    permissions: entry.permissions,
    platform: release.platform,
    architecture: release.architecture,
    download_url: "",
    link_target: entry.linkTarget,
    blob: isFile(entry) ? (targets.blobs.get(entry.sha256) ?? NO_BLOB) : NO_BLOB,
  };
}

function compare(old: Tree, tree: Tree): { changed: TreeEntry[]; unchanged: number } {
  const before = new Map(old.entries.filter(isFile).map((entry) => [entry.path, entry]));
  const common = tree.entries.filter((entry) => isFile(entry) && before.has(entry.path));
  const changed = common.filter(
    (entry) => before.get(entry.path)!.sha256 !== entry.sha256 && entry.sizeBytes > 0,
  );
  return { changed, unchanged: common.length - changed.length };
}

function removedFiles(old: Tree, tree: Tree): TreeEntry[] {
  const now = new Set(tree.entries.map(({ path }) => path));
  return old.entries.filter(({ path, type }) => type !== "directory" && !now.has(path));
}

function isFile(entry: TreeEntry): boolean {
  return entry.type !== "directory" && entry.type !== "symlink";
}

/** "+" is legal in a version and not in an asset's name. */
function assetSafe(version: string): string {
  return version.replaceAll("+", "_");
}

async function refuseUsedOutput(out: string): Promise<void> {
  try {
    if ((await readdir(out)).length === 0) return;
  } catch (cause) {
    if (systemCode(cause) === "ENOENT") return;
    throw new PublishError("OUTPUT_NOT_EMPTY", `${out} is there and is not an empty folder`, { cause });
  }
  throw new PublishError("OUTPUT_NOT_EMPTY", `the output folder ${out} is not empty`, {
    hint: "name a new folder, or remove this one",
  });
}

async function startFolder(out: string): Promise<string> {
  const growing = join(dirname(resolve(out)), `.${basename(resolve(out))}.part-${process.pid}`);
  try {
    await mkdir(dirname(growing), { recursive: true });
    await removeAbandoned(growing);
    await mkdir(growing);
    return growing;
  } catch (cause) {
    throw new PublishError("OUTPUT_FAILED", `nothing can be written beside ${out} (${systemCode(cause)})`, {
      cause,
    });
  }
}

/** Folders of builds that were killed: the process in their name is gone. */
async function removeAbandoned(growing: string): Promise<void> {
  const [prefix] = growing.split(/\d+$/) as [string];
  for (const name of await readdir(dirname(growing))) {
    const path = join(dirname(growing), name);
    const pid = path.startsWith(prefix) ? Number(path.slice(prefix.length)) : Number.NaN;
    if (Number.isSafeInteger(pid) && (pid === process.pid || !isAlive(pid)))
      await rm(path, { recursive: true, force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return systemCode(error) === "EPERM";
  }
}

async function takeName(growing: string, out: string): Promise<void> {
  try {
    await rename(growing, out);
  } catch (cause) {
    throw new PublishError("OUTPUT_NOT_EMPTY", `${out} appeared while the bundle was built`, { cause });
  }
}

function localFailure(error: unknown, out: string): unknown {
  const code = systemCode(error);
  if (code !== "ENOSPC" && code !== "EROFS" && code !== "EDQUOT" && code !== "EIO") return error;
  return new PublishError("OUTPUT_FAILED", `writing the bundle ${out} failed (${code})`, { cause: error });
}
