/**
 * One release for one tag: the published one, or the one draft that is filled before anybody sees it.
 *
 * Drafts are not unique: GitHub makes as many of one tag as it is asked for, and "release by tag" shows none of them.
 * So all are listed, and of several the first made is taken by everybody; who made a later one takes it back.
 */

import { backOff } from "../../../base/retry.ts";
import type { Manifest } from "../../../format/manifest/manifest.ts";
import { errorWords, type RemoteRelease, readRelease, readReleases } from "./answers.ts";
import type { GitHubApi } from "./api.ts";
import { isUnknownOutcome } from "./github-error.ts";

/** GitHub's bound on a release's text, in characters. */
const MAX_BODY = 125_000;
const ATTEMPTS = 5;

export type DraftRequest = {
  readonly manifest: Manifest;
  readonly manifestSha256: string;
  readonly target: string;
  readonly isPrerelease: boolean;
};

/** The published release with this tag; a draft is not one. */
export async function publishedRelease(api: GitHubApi, tag: string): Promise<RemoteRelease | undefined> {
  const found = await api.find("GET /releases/tags/{tag}", { tag });
  if (found === "absent") return undefined;
  const release = readRelease(found);
  return release.isDraft || release.tag !== tag ? undefined : release;
}

/** @returns the draft, or the release when the list knows that it is published meanwhile */
export async function oneDraft(api: GitHubApi, request: DraftRequest): Promise<RemoteRelease> {
  const tag = request.manifest.tag_name;
  for (let attempt = 0; ; attempt++) {
    const before = await releasesOf(api, tag);
    if (before.length > 0) return settle(api, before, undefined);
    try {
      const answered = await api.ask("POST /releases", {
        ...{ tag_name: tag, name: request.manifest.version, body: bodyOf(request), draft: true },
        ...{ prerelease: request.isPrerelease, ...(request.target && { target_commitish: request.target }) },
      });
      if (answered.status === 422 && /already_exists/.test(errorWords(answered)) && attempt < ATTEMPTS)
        continue;
      const made = readRelease(api.must(answered, "POST /releases"));
      const all = await releasesOf(api, tag);
      return settle(api, all.some(({ id }) => id === made.id) ? all : [...all, made], made);
    } catch (error) {
      // It may have been made: the list tells.
      if (!isUnknownOutcome(error) || attempt >= ATTEMPTS) throw error;
      await backOff(attempt, api.signal);
    }
  }
}

async function settle(
  api: GitHubApi,
  releases: readonly RemoteRelease[],
  made: RemoteRelease | undefined,
): Promise<RemoteRelease> {
  const published = releases.find(({ isDraft }) => !isDraft);
  const [first] = releases.toSorted((a, b) => a.id - b.id);
  const taken = published ?? first!;
  for (const other of releases) {
    if (other.id === taken.id || !other.isDraft) continue;
    // Of our making and empty, so nobody misses it.
    if (other.id === made?.id || isLeftOver(other)) {
      await api.ask("DELETE /releases/{release_id}", { release_id: other.id });
    } else api.notice(`another draft of the tag ${taken.tag} is left alone: ${other.url}`);
  }
  return taken;
}

async function releasesOf(api: GitHubApi, tag: string): Promise<readonly RemoteRelease[]> {
  const found: RemoteRelease[] = [];
  for await (const page of api.pages("GET /releases"))
    found.push(...readReleases(page).filter((release) => release.tag === tag));
  return found;
}

const MARK = "<!-- themis-bundle ";

/** What the page tells people, and a mark by which a draft is known as ours. */
function bodyOf({ manifest, manifestSha256 }: DraftRequest): string {
  const mark = `${MARK}${manifest.product} ${manifest.version} manifest sha256:${manifestSha256} -->`;
  const notes = manifest.release_notes.slice(0, MAX_BODY - mark.length - 2);
  return notes === "" ? mark : `${notes}\n\n${mark}`;
}

/** A second draft that was made by us and got no asset. */
function isLeftOver({ body, assets }: RemoteRelease): boolean {
  return body.includes(MARK) && assets.length === 0;
}
