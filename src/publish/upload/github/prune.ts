/**
 * Takes the deltas of old releases off a page: devices follow the newest, and who asks for an old one by its version
 * gets it whole. The release itself stays: its manifest, its signature, its targets.
 *
 *   kept        the latest, and the last `keep` that were published
 *   left alone  drafts, what holds no bundle, what is immutable
 */
import { type RemoteAsset, type RemoteRelease, readRelease, readReleases } from "./answers.ts";
import type { GitHubApi } from "./api.ts";
import { listAssets } from "./fill.ts";

export type PruneRequest = { readonly keep: number; readonly isDryRun: boolean };

export type Pruned = {
  readonly tag: string;
  /** Removed, or in a dry run to be removed. */
  readonly assets: readonly string[];
  readonly bytes: number;
};

export type PruneResult = {
  readonly pruned: readonly Pruned[];
  /** Tags of releases that would be pruned, and that GitHub lets nobody change. */
  readonly immutable: readonly string[];
  readonly kept: readonly string[];
};

/** @throws GitHubError; run again, it goes on */
export async function prune(api: GitHubApi, { keep, isDryRun }: PruneRequest): Promise<PruneResult> {
  const found = await api.find("GET /releases/latest");
  const latest = found === "absent" ? 0 : readRelease(found).id;
  const releases = (await bundlesOn(api)).sort((a, b) => (a.publishedAt < b.publishedAt ? 1 : -1));
  const isKept = (release: RemoteRelease, place: number): boolean => place < keep || release.id === latest;
  const immutable: string[] = [];
  const pruned: Pruned[] = [];
  for (const release of releases.filter((each, place) => !isKept(each, place))) {
    const listed = await listAssets(api, release.id);
    const deltas = listed === "gone" ? [] : listed.filter(isDelta);
    if (deltas.length === 0) continue;
    if (release.isImmutable) {
      immutable.push(release.tag);
      continue;
    }
    // Packs first: a device that finds the delta manifest and no pack takes the whole targets.
    for (const { id } of isDryRun ? [] : deltas) {
      const route = "DELETE /releases/assets/{asset_id}";
      const answered = await api.ask(route, { asset_id: id });
      if (answered.status !== 404) api.must(answered, route);
    }
    const bytes = deltas.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    pruned.push({ tag: release.tag, assets: deltas.map(({ name }) => name), bytes });
  }
  return { pruned, immutable, kept: releases.filter(isKept).map(({ tag }) => tag) };
}

async function bundlesOn(api: GitHubApi): Promise<RemoteRelease[]> {
  const found: RemoteRelease[] = [];
  for await (const page of api.pages("GET /releases")) found.push(...readReleases(page));
  return found.filter(
    ({ isDraft, assets }) => !isDraft && assets.some(({ name }) => name === "manifest.json.p7s"),
  );
}

/** The packs of patches. The delta manifests stay: the signed manifest names them, and devices read them. */
function isDelta({ name }: RemoteAsset): boolean {
  return /^delta-[A-Za-z0-9._-]+-\d+\.pack$/.test(name);
}
