/** Repositories, releases and assets as the API tells them. */
import { example } from "./contract.ts";
import type { FakeAsset, FakeRelease, FakeRepository, Right } from "./state.ts";

export type Origins = { readonly api: string; readonly web: string; readonly uploads: string };

export function repositoryDocument(
  { name, fullName, isPrivate, isArchived }: FakeRepository,
  right: Right,
): object {
  const push = right === "contents: write";
  // The example is older than what the description asks for.
  const newer = { has_discussions: false };
  return {
    ...example("full-repository"),
    ...newer,
    ...{ name, full_name: fullName, private: isPrivate, archived: isArchived, default_branch: "main" },
    permissions: { admin: false, maintain: false, push, triage: push, pull: true },
  };
}

/** @param embedded how many assets a release lists by itself */
export function releaseDocument(
  release: FakeRelease,
  repository: FakeRepository,
  origins: Origins,
  embedded: number,
): object {
  const { id, tag, draft, prerelease, immutable, name, body, target, assets, published } = release;
  const url = `${origins.api}/repos/${repository.fullName}/releases/${id}`;
  const uploads = `${origins.uploads}/repos/${repository.fullName}/releases/${id}/assets`;
  const page = `${origins.web}/${repository.fullName}/releases/tag/${placeOf(release)}`;
  return {
    ...example("release"),
    ...{ id, url, html_url: page, assets_url: `${url}/assets`, upload_url: `${uploads}{?name,label}` },
    ...{ tag_name: tag, name, body, target_commitish: target, draft, prerelease, immutable },
    published_at: draft ? null : new Date(Date.UTC(2026, 2, 2) + published * 1000).toISOString(),
    assets: assets
      .slice(0, embedded)
      .map((asset) => assetDocument(asset, placeOf(release), repository, origins)),
  };
}

/** What stands in URLs; of a draft it changes with its publication. */
export function placeOf({ id, tag, draft }: FakeRelease): string {
  return draft ? `untagged-${id.toString(16).padStart(20, "0")}` : tag;
}

export function assetDocument(
  { id, name, label, contentType, state, digest, bytes, downloads }: FakeAsset,
  place: string,
  { fullName }: FakeRepository,
  origins: Origins,
): object {
  return {
    ...example("release-asset"),
    ...{
      id,
      name,
      state,
      digest,
      size: bytes.length,
      label,
      content_type: contentType,
      download_count: downloads,
    },
    url: `${origins.api}/repos/${fullName}/releases/assets/${id}`,
    browser_download_url: `${origins.web}/${fullName}/releases/download/${place}/${name}`,
  };
}
