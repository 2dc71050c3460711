/** What can be known before anything is changed: whether it may be done at all, and how long it takes at the least. */
import { MAX_ASSET_BYTES } from "../../../format/manifest/blob.ts";
import { PublishError } from "../../publish-error.ts";
import type { GitHubApi } from "./api.ts";
import { PERMISSIONS } from "./explain.ts";
import { GitHubError } from "./github-error.ts";
import { leastMs } from "./pace.ts";
import type { WantedAsset } from "./wanted-assets.ts";

/** docs: About releases. */
const MAX_ASSETS = 1000;
/** Calls besides uploads: looking, making, publishing, proving. */
const OTHER_CALLS = 20;

export type Surroundings = {
  /** undefined where only administrators may know. */
  readonly immutable: boolean | undefined;
};

/** @throws GitHubError RELEASE_LIMIT, REPOSITORY_ABSENT, REPOSITORY_ARCHIVED, TOKEN_INSUFFICIENT, API_RATE_LIMITED */
export async function preFlight(
  api: GitHubApi,
  assets: readonly WantedAsset[],
  commit: { readonly tag: string; readonly target: string },
): Promise<Surroundings> {
  refuseTooMuch(assets);
  const { owner, repo } = api.repository;
  const place = `${owner}/${repo}`;
  const found = await api.find("GET ");
  if (found === "absent") {
    throw new GitHubError(
      "REPOSITORY_ABSENT",
      `${api.host} shows no repository ${place} to this token (404)`,
      {
        hint: `check the name; the token needs "contents: write" for it, in a workflow:\n${PERMISSIONS}`,
      },
    );
  }
  const { archived, permissions } = (found.data ?? {}) as {
    archived?: unknown;
    permissions?: { push?: unknown };
  };
  if (archived === true) {
    throw new GitHubError("REPOSITORY_ARCHIVED", `${place} is archived, and takes no releases`, {
      hint: "unarchive it, or publish elsewhere",
    });
  }
  // Only of a person's token do scopes and this say what it may; a workflow's is known when it first writes.
  const scopes = found.headers["x-oauth-scopes"];
  const lacks = scopes !== undefined && !/\b(public_)?repo\b/.test(scopes);
  if (lacks || (scopes !== undefined && permissions?.push === false)) {
    const why = lacks ? `its scopes are ${JSON.stringify(scopes)}` : "its owner may not push there";
    throw new GitHubError("TOKEN_INSUFFICIENT", `the token may not change the releases of ${place}: ${why}`, {
      hint: `use one with the scope repo, or in a workflow:\n${PERMISSIONS}`,
    });
  }
  const { left, resetsAt } = api.count;
  if (left !== undefined && left < assets.length + OTHER_CALLS) {
    api.notice(`${left} calls are left before ${resetsAt.toISOString().slice(0, 19)}Z; it may have to wait`);
  }
  const ms = leastMs(assets.length + 2);
  if (ms > 0)
    api.notice(`${assets.length} assets take ${ms / 60_000} min at the least: GitHub limits changes`);
  await refuseMovedTag(api, commit);
  return { immutable: await isImmutable(api) };
}

function refuseTooMuch(assets: readonly WantedAsset[]): void {
  if (assets.length > MAX_ASSETS) {
    throw new GitHubError(
      "RELEASE_LIMIT",
      `the bundle has ${assets.length} assets, a release at most ${MAX_ASSETS}`,
      {
        hint: "build with packs, or with deltas from fewer releases",
      },
    );
  }
  const large = assets.find(({ sizeBytes }) => sizeBytes > MAX_ASSET_BYTES);
  if (large) {
    throw new GitHubError(
      "RELEASE_LIMIT",
      `${large.name} has ${large.sizeBytes} bytes, an asset must have under 2 GiB`,
      {
        facts: { asset: large.name, sizeBytes: large.sizeBytes },
      },
    );
  }
}

/** A tag that stands at another commit would say of this release that it was built from there. */
async function refuseMovedTag(
  api: GitHubApi,
  { tag, target }: { readonly tag: string; readonly target: string },
): Promise<void> {
  if (!/^[0-9a-f]{40}$/.test(target)) return;
  const found = await api.find("GET /git/ref/{ref}", { ref: `tags/${tag}` });
  if (found === "absent") return;
  const { object } = found.data as { object?: { type?: unknown; sha?: unknown } };
  // An annotated tag is an object of its own.
  if (object?.type !== "commit" || object.sha === target) return;
  throw new PublishError(
    "PAGE_CONFLICT",
    `the tag ${tag} stands at the commit ${object.sha}, and the bundle was built from ${target}`,
    { hint: "build from the tagged commit, or give the release another --tag" },
  );
}

async function isImmutable(api: GitHubApi): Promise<boolean | undefined> {
  try {
    const found = await api.find("GET /immutable-releases");
    return found === "absent" ? undefined : (found.data as { enabled?: unknown }).enabled === true;
  } catch (error) {
    if (error instanceof GitHubError && error.code === "TOKEN_INSUFFICIENT") return undefined;
    throw error;
  }
}
