/**
 * Makes a release hold exactly a bundle: list, compare, mend, and list again until nothing is left to mend.
 *
 * Nothing is believed but a list: an upload that failed may have succeeded, one that succeeded may have other bytes, a
 * deleted asset may linger. So whatever happens to a single request, the next list says what is still to be done;
 * stopping anywhere and running again is the same as going on. The round that finds nothing to do is the proof, by
 * the digest that GitHub computed for each asset.
 */
import { setTimeout } from "node:timers/promises";
import { backOff } from "../../../base/retry.ts";
import { errorWords, type RemoteAsset, type RemoteRelease, readAsset, readAssets } from "./answers.ts";
import type { GitHubApi } from "./api.ts";
import { explain } from "./explain.ts";
import { GitHubError, isUnknownOutcome } from "./github-error.ts";
import type { Answered } from "./octokit.ts";
import type { WantedAsset } from "./wanted-assets.ts";

/** Rounds in a row in which nothing got better. */
const MAX_IDLE_ROUNDS = 6;

export type FillTools = {
  readonly api: GitHubApi;
  readonly upload: (release: RemoteRelease, asset: WantedAsset) => Promise<Answered>;
  /** For servers that tell no digests. */
  readonly hash: (id: number, maxBytes: number) => Promise<string>;
  /** How long an upload of somebody else may take before it counts as wreckage. */
  readonly patienceMs: number;
};

export type Filled = {
  readonly assets: readonly RemoteAsset[];
  readonly uploaded: readonly string[];
  /** Wreckage, wrong bytes, and what an earlier build left. */
  readonly removed: readonly string[];
};

/** "gone" when the release is no longer there, "final" when it became immutable. */
export async function fill(
  release: RemoteRelease,
  wanted: readonly WantedAsset[],
  tools: FillTools,
): Promise<Filled | "gone" | "final"> {
  const { api } = tools;
  const hashed = new Map<number, string>();
  const [uploaded, removed] = [new Set<string>(), new Set<string>()];
  /** Of uploads that are under way, and not ours: since when they are seen. */
  const foreign = new Map<number, number>();
  const ours = new Set<string>();
  let best = -1;
  let idle = 0;
  let trouble: unknown;
  for (let round = 0; ; round++) {
    const listed = await listAssets(api, release.id);
    if (listed === "gone") return listed;
    const found = await compare(wanted, listed, hashed, tools);
    if (found.missing.length === 0 && found.wrong.length === 0)
      return { assets: found.right, uploaded: [...uploaded], removed: [...removed] };
    idle = found.right.length > best ? 0 : idle + 1;
    best = Math.max(best, found.right.length);
    if (idle >= MAX_IDLE_ROUNDS) throw trouble ?? unfinished(release, found.missing);
    if (idle > 0) await backOff(idle, api.signal);

    const inTheWay = new Set<string>();
    for (const { id, name, state } of found.wrong) {
      const isForeign = state === "starter" && round > 0 && !ours.has(name);
      const since = foreign.get(id) ?? performance.now();
      foreign.set(id, since);
      if (isForeign && performance.now() - since < tools.patienceMs) {
        inTheWay.add(name);
        continue;
      }
      const answered = await api.ask("DELETE /releases/assets/{asset_id}", { asset_id: id });
      if (answered.status === 422) return "final";
      if (answered.status === 204) removed.add(name);
    }
    if (inTheWay.size > 0) {
      idle = 0;
      await setTimeout(Math.min(1000, tools.patienceMs / 4), undefined, { signal: api.signal });
    }
    for (const asset of found.missing.filter(({ name }) => !inTheWay.has(name))) {
      try {
        const outcome = await uploadOne(release, asset, tools);
        if (outcome === "final") return outcome;
        if (outcome === "done") uploaded.add(asset.name);
      } catch (error) {
        if (!isUnknownOutcome(error)) throw error;
        trouble = error;
        ours.add(asset.name);
        api.notice(`${(error as Error).message}; looking at what is there`);
        break;
      }
    }
  }
}

/** "gone" for a release that is not there. */
export async function listAssets(
  api: GitHubApi,
  releaseId: number,
): Promise<readonly RemoteAsset[] | "gone"> {
  const assets: RemoteAsset[] = [];
  const route = "GET /releases/{release_id}/assets";
  for (let page = 1; ; page++) {
    const answered = await api.ask(route, { release_id: releaseId, per_page: 100, page });
    if (answered.status === 404) return "gone";
    const some = readAssets(api.must(answered, route));
    assets.push(...some);
    if (some.length < 100) return assets;
  }
}

export type Comparison = {
  readonly right: readonly RemoteAsset[];
  /** Includes those that are there with other bytes. */
  readonly missing: readonly WantedAsset[];
  /** What must go: wreckage, other bytes, what an earlier build of this release left. */
  readonly wrong: readonly RemoteAsset[];
};

export async function compare(
  wanted: readonly WantedAsset[],
  listed: readonly RemoteAsset[],
  hashed: Map<number, string>,
  { hash }: Pick<FillTools, "hash">,
): Promise<Comparison> {
  const right: RemoteAsset[] = [];
  const missing: WantedAsset[] = [];
  const names = new Set(wanted.map(({ name }) => name));
  const wrong = listed.filter(({ name }) => !names.has(name) && OURS.test(name));
  for (const asset of wanted) {
    const same = listed.filter(({ name }) => name === asset.name);
    const good: RemoteAsset[] = [];
    for (const remote of same) {
      if (remote.state !== "uploaded" || remote.sizeBytes !== asset.sizeBytes) continue;
      let digest = remote.sha256 || hashed.get(remote.id);
      if (digest === undefined || digest === "") {
        digest = await hash(remote.id, asset.sizeBytes);
        hashed.set(remote.id, digest);
      }
      if (digest === asset.sha256) good.push(remote);
    }
    if (good.length > 0) right.push(good[0]!);
    else missing.push(asset);
    wrong.push(...same.filter((remote) => remote !== good[0]));
  }
  return { right, missing, wrong };
}

/** Names that only a bundle's assets have: from an earlier build of the same release, in a draft that nobody saw. */
const OURS =
  /^(targets-\d+\.pack|file-[0-9a-f]{16}-[A-Za-z0-9._-]+|delta-[A-Za-z0-9._-]+-\d+\.pack|delta-[A-Za-z0-9._-]+\.json|manifest-[0-9a-f]{64}\.patch)$/;

async function uploadOne(
  release: RemoteRelease,
  asset: WantedAsset,
  { api, upload }: FillTools,
): Promise<"done" | "again" | "final"> {
  const route = `POST ${asset.name}`;
  const answered = await api.patiently(false, true, route, () => upload(release, asset));
  const words = errorWords(answered);
  if (answered.status === 404 || /already_exists/.test(words)) return "again";
  if (answered.status === 422 && /immutable/i.test(words)) return "final";
  if (answered.status !== 201) throw explain(answered, route, { host: api.host, repository: api.repository });
  const made = readAsset(answered);
  if (made.name === asset.name) return "done";
  await api.ask("DELETE /releases/assets/{asset_id}", { asset_id: made.id });
  throw new GitHubError(
    "ASSET_RENAMED",
    `${api.host} calls the asset ${asset.name} ${JSON.stringify(made.name)}, and devices would not find it`,
    {
      facts: { asset: asset.name, renamed: made.name },
      hint: 'the draft is as it was before; build under a version of letters, digits, ".", "-" and "_"',
    },
  );
}

function unfinished({ url }: RemoteRelease, missing: readonly WantedAsset[]): GitHubError {
  return new GitHubError(
    "UPLOAD_FAILED",
    `the draft ${url} does not become complete: ${missing.map(({ name }) => name).join(", ")}`,
    { hint: "run it again: it goes on where it stopped" },
  );
}
