/**
 * Releases and assets as the API tells them, read for what is needed.
 *
 * A number, a name, a digest is taken when it has the shape of one; whatever else an answer holds is not looked at.
 */

import { GitHubError } from "./github-error.ts";
import type { Answered } from "./octokit.ts";

export type RemoteAsset = {
  readonly id: number;
  readonly name: string;
  /** `uploaded`; `starter` is what an upload that failed leaves behind. */
  readonly state: string;
  readonly sizeBytes: number;
  /** SHA-256 in hex; "" where the server does not tell. */
  readonly sha256: string;
  readonly url: string;
  readonly downloads: number;
};

export type RemoteRelease = {
  readonly id: number;
  readonly tag: string;
  readonly isDraft: boolean;
  readonly isPrerelease: boolean;
  readonly isImmutable: boolean;
  /** RFC 3339; "" for a draft. */
  readonly publishedAt: string;
  readonly body: string;
  readonly target: string;
  /** The page for people. */
  readonly url: string;
  /** Where assets go, without the template's end. */
  readonly uploadUrl: string;
  /** As far as the release lists them by itself. */
  readonly assets: readonly RemoteAsset[];
};

type Record = Readonly<globalThis.Record<string, unknown>>;

export function readRelease({ data }: Answered): RemoteRelease {
  const release = object(data, "a release");
  return {
    id: number(release, "id"),
    tag: text(release, "tag_name"),
    isDraft: boolean(release, "draft"),
    isPrerelease: boolean(release, "prerelease"),
    isImmutable: release.immutable === true,
    publishedAt: typeof release.published_at === "string" ? release.published_at : "",
    body: typeof release.body === "string" ? release.body : "",
    target: typeof release.target_commitish === "string" ? release.target_commitish : "",
    url: text(release, "html_url"),
    uploadUrl: text(release, "upload_url").replace(/\{[^}]*\}$/, ""),
    assets: list(release.assets).map((asset) => readAsset({ data: asset })),
  };
}

export function readReleases({ data }: Answered): readonly RemoteRelease[] {
  return list(data).map((each) => readRelease({ data: each, status: 200, headers: {} }));
}

export function readAssets({ data }: Answered): readonly RemoteAsset[] {
  return list(data).map((each) => readAsset({ data: each }));
}

export function readAsset({ data }: Pick<Answered, "data">): RemoteAsset {
  const asset = object(data, "an asset");
  const [, sha256 = ""] = /^sha256:([0-9a-f]{64})$/.exec(String(asset.digest ?? "")) ?? [];
  return {
    id: number(asset, "id"),
    name: text(asset, "name"),
    state: text(asset, "state"),
    sizeBytes: number(asset, "size"),
    sha256,
    url: text(asset, "browser_download_url"),
    downloads: number(asset, "download_count"),
  };
}

/** What an error says, in one line: `Validation Failed (ReleaseAsset name already_exists)`. */
export function errorWords({ data }: Answered): string {
  if (typeof data !== "object" || data === null) return "";
  const { message = "", errors = [] } = data as { message?: unknown; errors?: unknown };
  const parts = (Array.isArray(errors) ? errors : []).map((each: unknown) =>
    typeof each === "object" && each !== null
      ? ["resource", "field", "code", "message"].map((key) => (each as Record)[key] ?? "").join(" ")
      : String(each),
  );
  const words = `${message}${parts.length > 0 ? ` (${parts.join("; ")})` : ""}`;
  return words.replaceAll(/\s+/g, " ").trim().slice(0, 500);
}

function invalid(why: string): GitHubError {
  return new GitHubError("API_ANSWER_INVALID", `what answers is not GitHub's API: ${why}`, {
    hint: "look at GITHUB_API_URL, and at what a proxy on the way answers instead",
  });
}

function object(value: unknown, what: string): Record {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw invalid(`${what} is no object`);
  return value as Record;
}

function list(value: unknown): readonly unknown[] {
  if (!Array.isArray(value)) throw invalid("a list is none");
  return value;
}

function number(record: Record, key: string): number {
  const value = record[key];
  if (!Number.isSafeInteger(value) || Number(value) < 0) throw invalid(`${key} is no number`);
  return Number(value);
}

function text(record: Record, key: string): string {
  const value = record[key];
  if (typeof value !== "string" || value.length > 4096) throw invalid(`${key} is no text`);
  return value;
}

function boolean(record: Record, key: string): boolean {
  const value = record[key];
  if (typeof value !== "boolean") throw invalid(`${key} says neither true nor false`);
  return value;
}
