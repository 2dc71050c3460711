/** A signed bundle, a GitHub on loopback with a repository for it, and the publisher as a process. */
import { type ChildProcess, spawn } from "node:child_process";
import { resolve } from "node:path";
import { expect } from "vitest";
import { openBundle } from "../../../../src/publish/bundle.ts";
import type { SignedBundle } from "../../../../src/publish/prove-bundle.ts";
import { openGitHub } from "../../../../src/publish/upload/github/open-github.ts";
import {
  type GitHubPublication,
  type GitHubRequest,
  type GitHubTools,
  publishToGitHub,
} from "../../../../src/publish/upload/github/publish-to-github.ts";
import type { UploadLimits } from "../../../../src/publish/upload/github/upload-asset.ts";
import { type FakeGitHub, fakeGitHub } from "../../../kit/github/server.ts";
import type { FakeRelease, FakeRepository } from "../../../kit/github/state.ts";
import type { Answer } from "../../../kit/world.ts";

export const TOKEN = "ghp_0123456789SECRETabcdef";
const program = resolve(import.meta.dirname, "../../../../src/bin/themis-bundle.ts");

export type Page = {
  readonly github: FakeGitHub;
  readonly repository: FakeRepository;
  /** Runs `themis-bundle publish BUNDLE --to github:acme/app`. */
  readonly publish: (bundle: string, ...more: string[]) => Promise<Answer>;
  readonly start: (bundle: string, ...more: string[]) => { child: ChildProcess; done: Promise<Answer> };
  readonly run: (args: readonly string[], env?: Record<string, string>) => ReturnType<Page["start"]>;
};

export async function makePage(options: { ghes?: boolean } = {}): Promise<Page> {
  const github = await fakeGitHub(options);
  const repository = github.state.addRepository("acme/app");
  github.state.addToken(TOKEN, { "acme/app": "contents: write" });
  const run: Page["run"] = (args, env = {}) => {
    const {
      GH_TOKEN: _,
      GITHUB_TOKEN: __,
      GITHUB_API_URL: ___,
      GITHUB_SERVER_URL: ____,
      ...rest
    } = process.env;
    const child = spawn(process.execPath, [program, ...args], {
      env: { ...rest, ...github.environment, GH_TOKEN: TOKEN, ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let [stdout, stderr] = ["", ""];
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      stderr += text;
    });
    const done = new Promise<Answer>((settle, reject) => {
      child.on("error", reject).on("close", (status) => {
        // Whatever happened, nobody may read the token afterwards.
        expect(stdout + stderr).not.toContain(TOKEN);
        settle({ status, stdout, stderr });
      });
    });
    return { child, done };
  };
  const start: Page["start"] = (bundle, ...more) =>
    run(["publish", bundle, "--to", "github:acme/app", "--json", ...more]);
  return { github, repository, run, start, publish: (bundle, ...more) => start(bundle, ...more).done };
}

/** All that a release page shows of a release, without numbers that differ from run to run. */
export function shown({ tag, draft, prerelease, name, body, target, assets }: FakeRelease): object {
  return {
    ...{ tag, draft, prerelease, name, body, target },
    assets: assets
      .map(({ name, state, digest, bytes }) => ({ name, state, digest, size: bytes.length }))
      .sort((a, b) => (a.name < b.name ? -1 : 1)),
  };
}

/** What a finished page is: one release, published, whole. */
export function expectWhole({ repository }: Page, expected: object): void {
  expect(repository.releases.map(shown)).toEqual([expected]);
}

/** Nobody may ever see a release that is not whole. */
export function expectNothingHalf({ repository }: Page, expected: Shown): void {
  for (const release of repository.releases.filter(({ draft }) => !draft))
    expect(shown(release)).toEqual(expected);
}

export type Shown = ReturnType<typeof shown>;

/** The same in this process, for what is tried a hundred times. @throws ThemisError */
export async function publishHere(
  { github }: Page,
  bundle: SignedBundle,
  more: Partial<GitHubRequest> & {
    readonly tools?: Partial<GitHubTools>;
    readonly limits?: UploadLimits;
  } = {},
): Promise<GitHubPublication> {
  const { tools, limits, ...request } = more;
  const opened = openGitHub({
    base: new URL(github.urls.api),
    repository: { owner: "acme", repo: "app" },
    authorization: `Bearer ${TOKEN}`,
    userAgent: "themis-bundle/test",
    signal: new AbortController().signal,
    notice: () => {},
    sent: () => {},
    ...(limits && { limits }),
  });
  return publishToGitHub(
    { bundle, isPublished: true, isPrerelease: false, policy: undefined, now: new Date(), ...request },
    { ...opened, patienceMs: 2000, ...tools },
  );
}

export async function openSigned(folder: string): Promise<SignedBundle> {
  const opened = await openBundle(folder);
  return { ...opened, signature: opened.signature! };
}
