/** What the API's refusals mean for a person, and the lines that a workflow lacks. */
import { errorWords } from "./answers.ts";
import { GitHubError } from "./github-error.ts";
import type { Answered } from "./octokit.ts";

export type Context = {
  readonly host: string;
  readonly repository: { readonly owner: string; readonly repo: string };
};

/** To be pasted into a job. */
export const PERMISSIONS = "permissions:\n  contents: write";

export function explain(answered: Answered, route: string, { host, repository }: Context): GitHubError {
  const { status } = answered;
  const words = errorWords(answered);
  const place = `${repository.owner}/${repository.repo}`;
  const said = words === "" ? "" : `: ${words}`;
  const facts = { status, route };
  if (status === 401) {
    return new GitHubError("TOKEN_REFUSED", `${host} refuses the token (401)${said}`, {
      facts,
      hint: "it has expired, was revoked, or is for another server",
    });
  }
  if (/used by an immutable release/i.test(words)) {
    return new GitHubError("TAG_BURNED", `the tag belonged to an immutable release of ${place} for ever`, {
      facts,
      hint: "GitHub never gives such a tag again, even when its release is deleted: build under a new version or --tag",
    });
  }
  if (/immutable release|release is immutable/i.test(words)) {
    return new GitHubError("RELEASE_IMMUTABLE", `the release of ${place} can no longer be changed${said}`, {
      facts,
      hint: "what is published there is final: build under a new version",
    });
  }
  const changes = !route.startsWith("GET ");
  if (status === 403 || (status === 404 && changes)) {
    return new GitHubError(
      "TOKEN_INSUFFICIENT",
      `the token may not ${changes ? "change" : "read"} the releases of ${place} (${status})${said}`,
      {
        facts,
        hint: `a workflow's job needs these lines, and a token of its own the same right:\n${PERMISSIONS}\nwhere the release's commit changes .github/workflows, no GITHUB_TOKEN has the right: use a token with "workflows: write" too`,
      },
    );
  }
  if (status >= 300 && status < 400) {
    return new GitHubError("API_STATUS", `${host} sends ${place} elsewhere (${status})`, {
      facts,
      hint: "the repository may have been renamed: publish under its new name",
    });
  }
  return new GitHubError("API_STATUS", `${host} answers ${route.split(" ")[0]} with ${status}${said}`, {
    facts,
    hint: "run it again: it goes on where it stopped",
  });
}
