/**
 * Releases on GitHub by plain URLs, which ask no API and cost nothing of its rate limit.
 *
 *   github:OWNER/REPO
 *   https://github.com/OWNER/REPO/releases/latest/download/ASSET      the offered one
 *   https://github.com/OWNER/REPO/releases/download/TAG/ASSET         this one, for good
 *   https://github.com/OWNER/REPO/releases/download/channel-NAME/channel-NAME.json    a channel's document, replaced
 *
 * `latest` may move while an update runs, so that only the manifest and its signature are read there; all
 * else is read below the tag that the proven manifest names. GITHUB_SERVER_URL names another server (GHES).
 */
import { FetchError } from "../fetch-error.ts";
import { type PAGE_FOLDERS, quotedPlace } from "./source.ts";

const SERVER = "https://github.com";
/** What GitHub allows in the names of owners and repositories. */
const REPOSITORY = /^github:([A-Za-z0-9][A-Za-z0-9-]{0,38}\/([A-Za-z0-9._-]{1,100}))$/;

export function isGitHub(location: string): boolean {
  return /^github:/i.test(location);
}

/** "OWNER/REPO". @throws FetchError SOURCE_INVALID */
export function githubRepository(location: string): string {
  const [, path, repository] = REPOSITORY.exec(location) ?? [];
  if (path === undefined || repository === undefined || /^\.+$/.test(repository)) {
    throw new FetchError("SOURCE_INVALID", `${quotedPlace(location)} is not github:OWNER/REPO`);
  }
  return path;
}

/** @throws FetchError SOURCE_INVALID */
export function githubServer(environment: NodeJS.ProcessEnv): URL {
  return serverOf("GITHUB_SERVER_URL", environment.GITHUB_SERVER_URL || SERVER);
}

/** A server that a variable names. @throws FetchError SOURCE_INVALID */
export function serverOf(variable: string, text: string): URL {
  if (!/^https?:\/\//i.test(text) || !URL.canParse(text))
    throw new FetchError("SOURCE_INVALID", `${variable} is not an http(s) URL`);
  const url = new URL(text);
  for (const part of ["username", "password", "search", "hash"] as const) url[part] = "";
  return url;
}

/** The base URL of a repository's releases. @throws FetchError SOURCE_INVALID */
export function githubReleases(location: string, environment: NodeJS.ProcessEnv): URL {
  const repository = githubRepository(location);
  return below(githubServer(environment), `${repository}/releases`);
}

export function below(base: URL, path: string): URL {
  const url = new URL(base);
  url.pathname = `${base.pathname.replace(/\/$/, "")}/${path}`;
  return url;
}

export const GITHUB_FOLDERS: typeof PAGE_FOLDERS = {
  foldersOf: (version) =>
    version === ""
      ? ["latest/download"]
      : [`v${version}`, version].map((tag) => `download/${encodeURIComponent(tag)}`),
  folderOfTag: (tag) => (tag === "" ? undefined : `download/${encodeURIComponent(tag)}`),
  folderOfChannel: (channel) => `download/channel-${encodeURIComponent(channel)}`,
};
