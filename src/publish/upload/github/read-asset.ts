/**
 * An asset's bytes read back: the API sends them itself (200) or names a storage (302), which never gets the token.
 */
import { createHash } from "node:crypto";
import type { GitHubApi } from "./api.ts";
import { GitHubError } from "./github-error.ts";
import { apiHeaders, rootCause, unreachable } from "./octokit.ts";

export type BytesAccess = {
  /** Of the API, without a slash at the end. */
  readonly base: string;
  readonly authorization: string;
  readonly userAgent: string;
};

/** @throws GitHubError; one that is longer than `maxBytes` is API_ANSWER_INVALID */
export async function readAssetBytes(
  api: GitHubApi,
  access: BytesAccess,
  id: number,
  maxBytes: number,
): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  await streamAsset(api, access, id, maxBytes, (piece) => pieces.push(piece));
  return Buffer.concat(pieces);
}

export async function hashAsset(
  api: GitHubApi,
  access: BytesAccess,
  id: number,
  maxBytes: number,
): Promise<string> {
  const hash = createHash("sha256");
  await streamAsset(api, access, id, maxBytes, (piece) => hash.update(piece));
  return hash.digest("hex");
}

async function streamAsset(
  api: GitHubApi,
  { base, authorization, userAgent }: BytesAccess,
  id: number,
  maxBytes: number,
  take: (piece: Uint8Array) => void,
): Promise<void> {
  const { owner, repo } = api.repository;
  const url = `${base}/repos/${owner}/${repo}/releases/assets/${id}`;
  const headers = {
    ...apiHeaders(authorization),
    "user-agent": userAgent,
    accept: "application/octet-stream",
  };
  let answer = await ask(url, { headers, redirect: "manual", signal: api.signal });
  const location = answer.headers.get("location");
  if (answer.status === 302 && location) {
    await answer.body?.cancel();
    answer = await ask(new URL(location, url).href, { signal: api.signal });
  }
  if (answer.status !== 200) {
    await answer.body?.cancel();
    throw new GitHubError("API_STATUS", `${api.host} answers an asset with ${answer.status}`, {
      facts: { status: answer.status },
      hint: "run it again: it goes on where it stopped",
    });
  }
  let length = 0;
  for await (const piece of answer.body ?? []) {
    length += piece.length;
    if (length > maxBytes)
      throw new GitHubError("API_ANSWER_INVALID", `an asset has more than the ${maxBytes} bytes it may have`);
    take(piece);
  }
}

async function ask(url: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(url, init);
  } catch (error) {
    init.signal?.throwIfAborted();
    throw unreachable(url, rootCause(error));
  }
}
