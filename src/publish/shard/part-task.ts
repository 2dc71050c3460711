/** The whole task as every part tells it, and back. */
import { decodeCanonicalJson, encodeCanonicalJson, type Json } from "../../base/canonical-json.ts";
import { sha256 } from "../../base/digest.ts";
import type { RelativePath } from "../../base/relative-path.ts";
import type { PartFile, PartTask } from "../../format/manifest/build-part.ts";
import type { BuildRequest, Previous } from "../build-request.ts";
import { PublishError } from "../publish-error.ts";
import { checkRelease, type ReleaseFacts, sequenceOf } from "../release.ts";
import type { Tree, TreeEntry } from "../tree.ts";

export function taskOf(
  request: BuildRequest,
  tree: Tree,
  previous: readonly Previous[],
  { shards, program }: { readonly shards: number; readonly program: string },
): PartTask {
  const { algorithms, diff, release } = request;
  const facts = { ...release, sequence: release.sequence ?? sequenceOf(release.version) };
  return {
    made_by: madeBy(program),
    settings: settingsDigest({ algorithms, diff }),
    release: Buffer.from(encodeCanonicalJson(facts as Json)).toString(),
    apply_memory: diff.budget?.applyMemory ?? 0,
    apply_time_ms: Math.round(1000 * (diff.budget?.applySeconds ?? 0)),
    shards,
    files: tree.entries.map(partFile),
    previous: previous.map(({ version, tree: old }) => ({ version, files: old.entries.map(partFile) })),
  };
}

/** Program and compressors: other versions may make other bytes. */
export function madeBy(program: string): string {
  const { zstd, brotli, zlib } = process.versions;
  return `${program}; zstd ${zstd}; brotli ${brotli}; zlib ${zlib}`;
}

/** Of all that decides what patches come out. */
export function settingsDigest({ algorithms, diff }: Pick<BuildRequest, "algorithms" | "diff">): string {
  const { engine = "kernel", container = "", memoryLimit = 0, budget = {} } = diff;
  const settings = {
    ...{ algorithms, engine, container, memory_limit: memoryLimit },
    apply_memory: budget.applyMemory ?? 0,
    apply_time_ms: Math.round(1000 * (budget.applySeconds ?? 0)),
  };
  return sha256(encodeCanonicalJson(settings as Json));
}

function partFile(entry: TreeEntry): PartFile {
  return {
    path: entry.path,
    type: entry.type,
    sha256_hash: entry.sha256,
    size_bytes: entry.sizeBytes,
    permissions: entry.permissions,
    link_target: entry.linkTarget,
  };
}

/** A tree that lies nowhere here: nothing of it is read. */
export function treeOf(files: readonly PartFile[]): Tree {
  const entries = files.map((file) => ({
    // Checked when the document was read.
    path: file.path as RelativePath,
    type: file.type,
    sha256: file.sha256_hash,
    sizeBytes: file.size_bytes,
    permissions: file.permissions,
    linkTarget: file.link_target,
  }));
  return { root: "", entries };
}

const TYPES: Readonly<Record<keyof ReleaseFacts, "string" | "number" | "boolean" | "list">> = {
  ...{ product: "string", version: "string", channel: "string", sequence: "number", expires: "string" },
  ...{ releaseDate: "string", releaseNotes: "string", tagName: "string", isCritical: "boolean" },
  ...{ platform: "string", architecture: "string", buildCommit: "string", buildDate: "string" },
  ...{ compilerVersion: "string", dependencies: "list", minUpgradeFrom: "string" },
};

/** @throws PublishError PART_INVALID, RELEASE_INVALID, FROM_VERSION; JsonError */
export function releaseOf({ release, previous }: PartTask): ReleaseFacts {
  const facts = decodeCanonicalJson(Buffer.from(release)) as Record<string, unknown>;
  const names = Object.keys(TYPES) as (keyof ReleaseFacts)[];
  const fits = (name: keyof ReleaseFacts): boolean => {
    const value = facts?.[name];
    if (TYPES[name] === "list")
      return Array.isArray(value) && value.every((each) => typeof each === "string");
    return typeof value === TYPES[name];
  };
  if (!names.every(fits) || Object.keys(facts).length !== names.length)
    throw new PublishError("PART_INVALID", "a part does not say what the release is");
  const read = facts as unknown as ReleaseFacts;
  checkRelease(
    read,
    previous.map(({ version }) => version),
  );
  return read;
}
