/** How github:OWNER/REPO is reached, for every command that takes a source. */
import type { Command } from "commander";
import { ThemisError } from "../../base/error.ts";
import { AccessToken } from "../../fetch/transfer/access-token.ts";
import { isGitHub } from "../../fetch/transfer/github-page.ts";
import type { GitHubAccess } from "../../fetch/transfer/open-source.ts";

export type GitHubOptions = { readonly api?: boolean; readonly tokenFile?: string };

export function withGitHub(made: Command): Command {
  return made
    .option("--api", "reach github:OWNER/REPO by GitHub's API, not by plain URLs, which cost no call")
    .option("--token-file <file>", "a token for the API, one line (default: GH_TOKEN or GITHUB_TOKEN)");
}

/** @param places what is named as sources. @throws ThemisError USAGE; FetchError TOKEN_INVALID */
export async function githubAccess(
  { api = false, tokenFile }: GitHubOptions,
  places: readonly string[],
): Promise<GitHubAccess> {
  if ((api || tokenFile !== undefined) && !places.some(isGitHub)) {
    const option = api ? "--api" : "--token-file";
    throw new ThemisError("USAGE", "usage", `${option} is for github:OWNER/REPO, and no source is one`, {
      hint: `leave ${option} out, or name the repository`,
    });
  }
  return { api, token: tokenFile === undefined ? undefined : await AccessToken.fromFile(tokenFile) };
}
