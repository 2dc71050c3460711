/** `publish --to github:OWNER/REPO`, loaded when it is asked for. */
import * as http from "node:http";
import { ThemisError } from "../../base/error.ts";
import { AccessToken } from "../../fetch/transfer/access-token.ts";
import { githubApiBase, refuseInTheClear } from "../../fetch/transfer/github-api.ts";
import { githubRepository } from "../../fetch/transfer/github-page.ts";
import type { SignedBundle } from "../../publish/prove-bundle.ts";
import { GitHubError } from "../../publish/upload/github/github-error.ts";
import { openGitHub } from "../../publish/upload/github/open-github.ts";
import { type GitHubPublication, publishToGitHub } from "../../publish/upload/github/publish-to-github.ts";
import type { Tools } from "../program.ts";
import type { Reporter } from "../reporter.ts";
import { size } from "../units.ts";
import { version as ownVersion } from "../version.ts";
import type { PublishOptions } from "./publish.ts";

export async function publishGitHub(
  prove: () => Promise<SignedBundle>,
  options: PublishOptions,
  { say, signal }: Tools,
): Promise<void> {
  const place = githubPlace(options.to, await tokenOf(options));
  const isPublished = readYes(options.publish);
  const bundle = await prove();
  useProxies();
  const { version } = bundle.manifest;
  const tools = openGitHub({
    ...place,
    signal,
    userAgent: `themis-bundle/${ownVersion()}`,
    notice: (words) => say.note(words),
    sent: uploadProgress(bundle, say),
  });
  const published = await publishToGitHub(
    { bundle, isPublished, isPrerelease: options.prerelease, now: new Date() },
    tools,
  );
  say.result(
    { schema: "themis-bundle/publish-github/1", version, ...published },
    publishedText(version, published),
  );
}

/** @throws GitHubError TOKEN_MISSING; FetchError TOKEN_INVALID */
export async function tokenOf({ tokenFile }: { readonly tokenFile?: string }): Promise<AccessToken> {
  const token =
    tokenFile === undefined
      ? AccessToken.fromEnvironment(process.env)
      : await AccessToken.fromFile(tokenFile);
  if (token) return token;
  throw new GitHubError("TOKEN_MISSING", "GitHub is changed with a token only, and there is none", {
    hint: `give one in GH_TOKEN, GITHUB_TOKEN or by --token-file; in a workflow: env: { GH_TOKEN: \${{ github.token }} }`,
  });
}

/** Where the API of a repository is, and what it is asked with. @throws FetchError SOURCE_INVALID, TOKEN_INVALID */
export function githubPlace(to: string, token: AccessToken) {
  const [owner, repo] = githubRepository(to).split("/") as [string, string];
  const base = githubApiBase(process.env);
  refuseInTheClear(base);
  return { base, repository: { owner, repo }, authorization: token.authorization().authorization! };
}

/** HTTPS_PROXY and NO_PROXY, for Node's own fetch and https. */
export function useProxies(): void {
  const proxied = ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"].some(
    (name) => process.env[name],
  );
  const { setGlobalProxyFromEnv } = http as { setGlobalProxyFromEnv?: () => void };
  if (proxied) setGlobalProxyFromEnv?.();
}

/** YAML 1.2's booleans, as a workflow writes them. @throws ThemisError USAGE */
function readYes(publish: boolean | string): boolean {
  if (typeof publish === "boolean") return publish;
  if (/^(true|false)$/.test(publish)) return publish === "true";
  throw new ThemisError("USAGE", "usage", `--publish takes true or false, not ${JSON.stringify(publish)}`);
}

function uploadProgress({ manifest }: SignedBundle, say: Reporter): (asset: string, bytes: number) => void {
  const files = [...manifest.packs, ...manifest.delta_manifests];
  const totalBytes = files.reduce((sum, { size_bytes }) => sum + size_bytes, 0);
  const seen = new Set<string>();
  let doneBytes = 0;
  return (asset, bytes) => {
    seen.add(asset);
    doneBytes = Math.min(totalBytes, doneBytes + bytes);
    const total = files.length + 2;
    say.progress({ label: "uploading", done: seen.size, total, doneBytes, totalBytes });
  };
}

function publishedText(
  version: string,
  { state, changed, location, assets, removed, latest, isImmutable }: GitHubPublication,
): string {
  const total = size(assets.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0));
  const older = latest === "" ? "" : `; latest stays at ${latest}, which has a higher sequence`;
  const mended = removed.length > 0 ? `; removed what was wrong: ${removed.join(", ")}` : "";
  const what = `${assets.length} assets, ${total}, every digest as GitHub has it`;
  if (state === "draft") return `a complete draft of ${version} is at ${location}: ${what}${mended}`;
  if (!changed) return `${version} is already published at ${location}; nothing to do`;
  return `published ${version} at ${location}${isImmutable ? ", for ever" : ""}: ${what}${mended}${older}`;
}
