/** Repositories, releases and assets as the API tells them. */
import { example } from "./contract.ts";
import type { FakeAsset, FakeRelease, FakeRepository } from "./state.ts";

export type Origins = { readonly api: string; readonly web: string };

export function repositoryDocument({ name, fullName, isPrivate }: FakeRepository): object {
  // The example is older than what the description asks for.
  const newer = { has_discussions: false };
  return { ...example("full-repository"), ...newer, name, full_name: fullName, private: isPrivate };
}

/** @param embedded how many assets a release lists by itself */
export function releaseDocument(
  { id, tag, draft, prerelease, assets }: FakeRelease,
  repository: FakeRepository,
  origins: Origins,
  embedded: number,
): object {
  const url = `${origins.api}/repos/${repository.fullName}/releases/${id}`;
  return {
    ...example("release"),
    ...{ id, url, assets_url: `${url}/assets`, upload_url: `${url}/assets{?name,label}` },
    ...{ tag_name: tag, name: tag, draft, prerelease },
    published_at: draft ? null : "2026-03-02T10:00:00Z",
    assets: assets.slice(0, embedded).map((asset) => assetDocument(asset, tag, repository, origins)),
  };
}

export function assetDocument(
  { id, name, state, digest, bytes }: FakeAsset,
  tag: string,
  { fullName }: FakeRepository,
  origins: Origins,
): object {
  return {
    ...example("release-asset"),
    ...{ id, name, state, digest, size: bytes.length, label: null },
    url: `${origins.api}/repos/${fullName}/releases/assets/${id}`,
    browser_download_url: `${origins.web}/${fullName}/releases/download/${tag}/${name}`,
  };
}
