/** A repository that a publisher's command works on: where its API is, and with which token. */
import * as http from "node:http";
import { AccessToken } from "../../fetch/transfer/access-token.ts";
import { githubApiBase, refuseInTheClear } from "../../fetch/transfer/github-api.ts";
import { githubRepository } from "../../fetch/transfer/github-page.ts";
import { GitHubError } from "../../publish/upload/github/github-error.ts";
import { openGitHub } from "../../publish/upload/github/open-github.ts";
import type { GitHubTools } from "../../publish/upload/github/publish-to-github.ts";
import type { Tools } from "../program.ts";
import { version } from "../version.ts";

export type PlaceOptions = { readonly to: string; readonly tokenFile?: string };

/** @throws GitHubError TOKEN_MISSING; FetchError SOURCE_INVALID, TOKEN_INVALID */
export async function openGitHubPlace(
  options: PlaceOptions,
  { say, signal }: Tools,
  sent: (asset: string, bytes: number) => void,
): Promise<GitHubTools> {
  const [owner, repo] = githubRepository(options.to).split("/") as [string, string];
  const token = await tokenOf(options);
  const base = githubApiBase(process.env);
  refuseInTheClear(base);
  useProxies();
  return openGitHub({
    base,
    repository: { owner, repo },
    authorization: token.authorization().authorization!,
    userAgent: `themis-bundle/${version()}`,
    signal,
    notice: (words) => say.note(words),
    sent,
  });
}

/** @throws GitHubError TOKEN_MISSING; FetchError TOKEN_INVALID */
async function tokenOf({ tokenFile }: PlaceOptions): Promise<AccessToken> {
  const token =
    tokenFile === undefined
      ? AccessToken.fromEnvironment(process.env)
      : await AccessToken.fromFile(tokenFile);
  if (token) return token;
  throw new GitHubError("TOKEN_MISSING", "GitHub is changed with a token only, and there is none", {
    hint: `give one in GH_TOKEN, GITHUB_TOKEN or by --token-file; in a workflow: env: { GH_TOKEN: \${{ github.token }} }`,
  });
}

/** HTTPS_PROXY and NO_PROXY, for Node's own fetch and https. */
function useProxies(): void {
  const proxied = ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"].some(
    (name) => process.env[name],
  );
  const { setGlobalProxyFromEnv } = http as { setGlobalProxyFromEnv?: () => void };
  if (proxied) setGlobalProxyFromEnv?.();
}
