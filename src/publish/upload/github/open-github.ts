/** What publishes on GitHub, put together: the API, where uploads go, and how bytes are read back. */

import type { RemoteRelease } from "./answers.ts";
import { GitHubApi, type Repository } from "./api.ts";
import { GitHubError } from "./github-error.ts";
import { octokitSend } from "./octokit.ts";
import type { GitHubTools } from "./publish-to-github.ts";
import { hashAsset, readAssetBytes } from "./read-asset.ts";
import { UPLOAD_LIMITS, type UploadLimits, uploadAsset } from "./upload-asset.ts";

export type GitHubAccess = {
  /** Of the API. */
  readonly base: URL;
  readonly repository: Repository;
  /** The header, "Bearer …". */
  readonly authorization: string;
  readonly userAgent: string;
  readonly signal: AbortSignal;
  readonly notice: (words: string) => void;
  /** Bytes of an asset that went out. */
  readonly sent: (asset: string, bytes: number) => void;
  readonly limits?: UploadLimits;
};

/** Two publishers at once give each other this long for one asset. */
const PATIENCE_MS = 60_000;

export function openGitHub(access: GitHubAccess): GitHubTools {
  const { authorization, userAgent, signal, repository, notice } = access;
  const base = access.base.href.replace(/\/$/, "");
  const api = new GitHubApi({
    ...{ repository, signal, notice, host: access.base.host, secret: authorization.replace(/^\S+ /, "") },
    send: octokitSend({ base, authorization, userAgent, signal }),
  });
  const bytes = { base, authorization, userAgent };
  return {
    api,
    patienceMs: PATIENCE_MS,
    upload: (release, asset) =>
      uploadAsset({
        ...{ asset, authorization, userAgent, signal, limits: access.limits ?? UPLOAD_LIMITS },
        url: uploadUrl(access.base, release, asset.name),
        sent: (sent) => access.sent(asset.name, sent),
      }),
    hash: (id, maxBytes) => hashAsset(api, bytes, id, maxBytes),
    readBytes: (id, maxBytes) => readAssetBytes(api, bytes, id, maxBytes),
  };
}

/**
 * The URL is the release's own, never built by hand; but the token goes with it. So its host is the API's, or the one
 * that GitHub has for uploads beside it, and it is reached as the API is.
 *
 * @throws GitHubError API_ANSWER_INVALID
 */
export function uploadUrl(base: URL, { uploadUrl: template }: RemoteRelease, name: string): URL {
  const url = URL.canParse(template) ? new URL(template) : undefined;
  const hosts = [base.hostname, base.hostname.replace(/^api\./, "uploads.")];
  if (
    !url ||
    url.protocol !== base.protocol ||
    !hosts.includes(url.hostname) ||
    url.username ||
    url.password
  ) {
    throw new GitHubError(
      "API_ANSWER_INVALID",
      `${base.host} wants uploads sent to ${url?.host ?? "nowhere"}, and the token does not go there`,
      { hint: "look at GITHUB_API_URL, and at what a proxy on the way answers instead; nothing was sent" },
    );
  }
  url.searchParams.set("name", name);
  return url;
}
