/**
 * Releases on GitHub by plain URLs, which ask no API and cost nothing of its rate limit.
 *
 *   github:OWNER/REPO
 *   https://github.com/OWNER/REPO/releases/latest/download/ASSET      the offered one
 *   https://github.com/OWNER/REPO/releases/download/TAG/ASSET         this one, for good
 *
 * `latest` may move while an update runs, so that only the manifest and its signature are read there; all
 * else is read below the tag that the proven manifest names. GITHUB_SERVER_URL names another server (GHES).
 */
import { FetchError } from "../fetch-error.ts";
import type { PAGE_FOLDERS } from "./source.ts";

const SERVER = "https://github.com";
/** What GitHub allows in the names of owners and repositories. */
const REPOSITORY = /^github:([A-Za-z0-9][A-Za-z0-9-]{0,38})\/([A-Za-z0-9._-]{1,100})$/;

/** The base URL of a repository's releases. @throws FetchError SOURCE_INVALID */
export function githubReleases(location: string, environment: NodeJS.ProcessEnv): URL {
  const [, owner, repository] = REPOSITORY.exec(location) ?? [];
  if (owner === undefined || repository === undefined || /^\.+$/.test(repository)) {
    throw new FetchError("SOURCE_INVALID", `${JSON.stringify(location)} is not github:OWNER/REPO`);
  }
  const server = environment.GITHUB_SERVER_URL || SERVER;
  if (!/^https?:\/\//i.test(server) || !URL.canParse(server))
    throw new FetchError("SOURCE_INVALID", "GITHUB_SERVER_URL is not an http(s) URL");
  const url = new URL(server);
  url.pathname = `${url.pathname.replace(/\/$/, "")}/${owner}/${repository}/releases`;
  return url;
}

export const GITHUB_FOLDERS: typeof PAGE_FOLDERS = {
  foldersOf: (version) =>
    version === ""
      ? ["latest/download"]
      : [`v${version}`, version].map((tag) => `download/${encodeURIComponent(tag)}`),
  folderOfTag: (tag) => (tag === "" ? undefined : `download/${encodeURIComponent(tag)}`),
};
