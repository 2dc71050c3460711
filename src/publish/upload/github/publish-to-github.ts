/**
 * A bundle on a repository's release page: pre-flight, one draft, every asset proven in it, and only then published.
 *
 * A device never sees a release that is not whole, because a draft is shown to nobody. Whatever stops this, the next
 * run finds what is there and goes on; what is already as it should be is left alone. When somebody else publishes the
 * same meanwhile, both end with his release.
 */

import { sha256 } from "../../../base/digest.ts";
import { ThemisError } from "../../../base/error.ts";
import { decodeLogProof, LOG_PROOF, MAX_LOG_PROOF_BYTES } from "../../../format/log/log-proof.ts";
import { checkInclusion, proveLogged } from "../../../trust/transparency.ts";
import type { TrustPolicy } from "../../../trust/trust-policy.ts";
import { checkSignedContent, verifySignature } from "../../../trust/verify-signature.ts";
import type { SignedBundle } from "../../prove-bundle.ts";
import { PublishError } from "../../publish-error.ts";
import { errorWords, type RemoteAsset, type RemoteRelease, readRelease } from "./answers.ts";
import type { GitHubApi } from "./api.ts";
import { oneDraft, publishedRelease } from "./draft.ts";
import { explain } from "./explain.ts";
import { compare, type Filled, type FillTools, fill, listAssets } from "./fill.ts";
import { GitHubError } from "./github-error.ts";
import { type Latest, whoIsLatest } from "./latest.ts";
import { preFlight } from "./pre-flight.ts";
import { SIGNATURE, type WantedAsset, wantedAssets } from "./wanted-assets.ts";

export type GitHubRequest = {
  /** Proven: nothing is asked of it again. */
  readonly bundle: SignedBundle;
  /** False leaves a complete draft. */
  readonly isPublished: boolean;
  readonly isPrerelease: boolean;
  /** undefined when nobody said what devices pin. */
  readonly policy: TrustPolicy | undefined;
  readonly now: Date;
};

export type GitHubTools = FillTools & {
  readonly readBytes: (id: number, maxBytes: number) => Promise<Uint8Array>;
};

export type GitHubPublication = {
  readonly state: "published" | "draft";
  /** False when the page already had exactly this release. */
  readonly changed: boolean;
  readonly releaseId: number;
  readonly location: string;
  readonly tag: string;
  readonly isImmutable: boolean;
  readonly assets: readonly Pick<RemoteAsset, "name" | "sizeBytes" | "sha256" | "url">[];
  readonly uploaded: readonly string[];
  readonly removed: readonly string[];
  /** The version that `latest` names instead of this one; "" when it is this one, or that was not asked. */
  readonly latest: string;
  readonly calls: number;
};

/** How often somebody else may come in between. */
const MAX_TURNS = 6;

/** @throws GitHubError, PublishError PAGE_CONFLICT, BUNDLE_INCOMPLETE */
export async function publishToGitHub(
  request: GitHubRequest,
  tools: GitHubTools,
): Promise<GitHubPublication> {
  const { api } = tools;
  const { manifest, manifestBytes } = request.bundle;
  const wanted = wantedAssets(request.bundle);
  const target = /^[0-9a-f]{40}$/.test(manifest.build_commit) ? manifest.build_commit : "";
  await preFlight(api, wanted, { tag: manifest.tag_name, target });
  const draftOf = {
    manifest,
    target,
    manifestSha256: sha256(manifestBytes),
    isPrerelease: request.isPrerelease,
  };
  let done: Work = NOTHING;
  let latest: Latest | undefined;
  for (let turn = 0; turn < MAX_TURNS; turn++) {
    const published = await publishedRelease(api, manifest.tag_name);
    if (published) return finish(request, published, wanted, done, latest, tools);
    latest ??= await whoIsLatest(api, manifest, tools.readBytes);
    const draft = await oneDraft(api, draftOf);
    if (!draft.isDraft) return finish(request, draft, wanted, done, latest, tools);
    const filled = await fill(draft, wanted, tools);
    if (typeof filled === "string") continue;
    done = { changed: done.changed, ...both(done, filled) };
    if (!request.isPublished) return told("draft", draft, filled, done, latest, api);
    if (await offer(api, draft, { target, latest, isPrerelease: request.isPrerelease })) {
      done = { ...done, changed: true };
    }
  }
  throw new GitHubError(
    "UPLOAD_FAILED",
    `somebody else changes the release ${manifest.tag_name} at the same time`,
    {
      hint: "let one job publish a version, such as by `concurrency:` in the workflow, then run it again",
    },
  );
}

type Work = {
  readonly changed: boolean;
  readonly uploaded: readonly string[];
  readonly removed: readonly string[];
};
const NOTHING: Work = { changed: false, uploaded: [], removed: [] };

function both(before: Work, { uploaded, removed }: Pick<Filled, "uploaded" | "removed">) {
  return {
    uploaded: [...new Set([...before.uploaded, ...uploaded])],
    removed: [...new Set([...before.removed, ...removed])],
  };
}

/** Makes the draft visible. @returns false when somebody else was first, or took it away */
async function offer(
  api: GitHubApi,
  draft: RemoteRelease,
  how: { readonly target: string; readonly latest: Latest; readonly isPrerelease: boolean },
): Promise<boolean> {
  const route = "PATCH /releases/{release_id}";
  const { target, latest, isPrerelease } = how;
  const answered = await api.ask(route, {
    ...{ release_id: draft.id, draft: false, prerelease: isPrerelease, make_latest: latest.makeLatest },
    ...(target !== "" && target !== draft.target && { target_commitish: target }),
  });
  if (answered.status === 404) return false;
  const words = errorWords(answered);
  if (answered.status === 422 && /already_exists/.test(words)) {
    // The same tag was published from another draft: ours is one too many.
    await api.ask("DELETE /releases/{release_id}", { release_id: draft.id });
    return false;
  }
  // Our own request may have been the one, when its answer was lost.
  if (answered.status === 422 && /immutable$/.test(words)) return true;
  if (answered.status !== 200) throw explain(answered, route, { host: api.host, repository: api.repository });
  return !readRelease(answered).isDraft;
}

/** A release that everybody sees: is it this one, and whole? */
async function finish(
  request: GitHubRequest,
  release: RemoteRelease,
  wanted: readonly WantedAsset[],
  done: Work,
  latest: Latest | undefined,
  tools: GitHubTools,
): Promise<GitHubPublication> {
  const { api } = tools;
  const listed = await listAssets(api, release.id);
  if (listed === "gone") throw vanished(release);
  const { right, missing } = await compare(wanted, listed, new Map(), tools);
  const lacks = new Set(missing.map(({ name }) => name));
  if (lacks.has("manifest.json")) throw conflict(release, listed);
  const kept: RemoteAsset[] = [];
  for (const earlier of listed.filter(({ name, state }) => lacks.has(name) && state === "uploaded")) {
    if (!(await vouches(earlier, release.isImmutable, request, tools))) continue;
    api.notice(
      `${release.tag} was published with an earlier ${earlier.name} for the same manifest, which is good`,
    );
    lacks.delete(earlier.name);
    kept.push(earlier);
  }
  if (lacks.size === 0)
    return told(
      "published",
      release,
      { assets: [...right, ...kept], uploaded: [], removed: [] },
      done,
      latest,
      api,
    );
  if (release.isImmutable) {
    throw new GitHubError(
      "RELEASE_IMMUTABLE",
      `the published release ${release.url} lacks ${[...lacks].join(", ")}, and is immutable`,
      { hint: "GitHub lets nobody mend it: build under a new version", facts: { lacks: [...lacks] } },
    );
  }
  const stillWanted = wanted.filter(({ name }) => !kept.some((earlier) => earlier.name === name));
  const filled = await fill(release, stillWanted, tools);
  if (typeof filled === "string") throw vanished(release);
  return told("published", release, filled, { ...done, ...both(done, filled), changed: true }, latest, api);
}

const MAX_VOUCHER_BYTES = Math.max(64 * 1024, MAX_LOG_PROOF_BYTES);

/**
 * Every signing gives other bytes, and a log that has grown another proof; what counts is whether these are good for
 * this manifest now.
 */
async function vouches(
  { id, name, sizeBytes }: RemoteAsset,
  isFinal: boolean,
  { bundle, policy, now }: GitHubRequest,
  { readBytes }: GitHubTools,
): Promise<boolean> {
  if ((name !== SIGNATURE && name !== LOG_PROOF) || sizeBytes > MAX_VOUCHER_BYTES) return false;
  const bytes = await readBytes(id, MAX_VOUCHER_BYTES);
  const { manifest, manifestBytes: content } = bundle;
  try {
    if (name === LOG_PROOF && policy?.logKeys)
      proveLogged({ proofBytes: bytes, keys: policy.logKeys, manifest, manifestBytes: content });
    else if (name === LOG_PROOF) checkInclusion(decodeLogProof(bytes), manifest, content);
    // Of a log that has grown the newer proof is better: a device may have seen it larger.
    if (name === LOG_PROOF) return isFinal || sizeOfLog(bytes) >= sizeOfLog(bundle.logProof!);
    if (policy) verifySignature({ ...policy, content, signature: bytes, now });
    else checkSignedContent({ content, signature: bytes, now });
    return true;
  } catch (error) {
    if (error instanceof ThemisError) return false;
    throw error;
  }
}

function sizeOfLog(proof: Uint8Array): number {
  return decodeLogProof(proof).checkpoint.size;
}

function conflict({ url, tag }: RemoteRelease, listed: readonly RemoteAsset[]): PublishError {
  const other = listed.some(({ name }) => name === "manifest.json");
  return new PublishError(
    "PAGE_CONFLICT",
    other
      ? `${url} is published with another release under the tag ${tag}`
      : `${url} is published, and holds no bundle`,
    {
      facts: { url },
      hint: other
        ? "a published version never changes: build under a new version"
        : "what is published without its assets may have been fetched: make it a draft again, or use another tag",
    },
  );
}

function vanished({ url }: RemoteRelease): GitHubError {
  return new GitHubError("UPLOAD_FAILED", `the release ${url} was taken away meanwhile`, {
    hint: "let one job publish a version, then run it again",
  });
}

function told(
  state: GitHubPublication["state"],
  { id, url, tag, isImmutable }: RemoteRelease,
  { assets }: Filled,
  { changed, uploaded, removed }: Work,
  latest: Latest | undefined,
  api: GitHubApi,
): GitHubPublication {
  return {
    ...{ state, releaseId: id, location: url, tag, isImmutable, uploaded, removed },
    changed: changed || uploaded.length > 0 || removed.length > 0,
    assets: assets.map(({ name, sizeBytes, sha256, url }) => ({ name, sizeBytes, sha256, url })),
    latest: latest?.stays ?? "",
    calls: api.count.made,
  };
}
