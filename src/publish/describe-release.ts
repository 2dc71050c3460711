/** The manifest of a release, from its tree and what was made of it. */
import { NO_BLOB } from "../format/manifest/blob.ts";
import type { Manifest, Target } from "../format/manifest/manifest.ts";
import type { BuildRequest } from "./build-request.ts";
import { isFile } from "./compare-trees.ts";
import type { CreatedDeltas } from "./deltas.ts";
import { type ReleaseFacts, sequenceOf, wireDate } from "./release.ts";
import type { PackedTargets } from "./targets.ts";
import type { Tree, TreeEntry } from "./tree.ts";

export function describeRelease(
  request: Pick<BuildRequest, "release">,
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
