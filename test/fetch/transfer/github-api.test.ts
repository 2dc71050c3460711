/** Updates from a GitHub that is private, slow to trust and forgetful: by its API, as the commands do it. */
import { spawn } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { examine } from "../../../src/fetch/doctor.ts";
import { githubApiBase } from "../../../src/fetch/transfer/github-api.ts";
import { type FakeGitHub, fakeGitHub } from "../../kit/github/server.ts";
import type { FakeRepository } from "../../kit/github/state.ts";
import { type Answer, makeWorld, run, snapshot, type World } from "../../kit/world.ts";

const TOKEN = "github_pat_11SECRET0abcDEF";
const ASSET = "GET /repos/{owner}/{repo}/releases/assets/{asset_id}";
const LATEST = "GET /repos/{owner}/{repo}/releases/latest";
const VARIABLES = ["GITHUB_API_URL", "GITHUB_SERVER_URL", "GITHUB_TOKEN", "GH_TOKEN"];

let world: World;
beforeAll(async () => {
  world = await makeWorld();
});
afterAll(() => world.remove());

let github: FakeGitHub;
let devices = 0;
beforeEach(async () => {
  for (const name of VARIABLES) delete process.env[name];
  await start();
});
afterEach(async () => {
  for (const name of VARIABLES) delete process.env[name];
  // Where it was never sent: no other origin, and no way of ours to ask the storage.
  expect(authorizations("web")).toEqual([]);
  expect(github.storage.ledger.requests().filter(({ headers }) => headers.authorization)).toEqual([]);
  await github.close();
});

async function start(options: { ghes?: boolean } = {}): Promise<void> {
  github = await fakeGitHub(options);
  Object.assign(process.env, github.environment);
}

function authorizations(origin: "api" | "web"): string[] {
  const heard = github.heard.filter((each) => each.origin === origin && each.authorization !== "");
  return [...new Set(heard.map(({ authorization }) => authorization))];
}

/** A private repository with the first release, and a token that may read it. */
function privateRepository(right: "contents: read" | "metadata: read" = "contents: read"): FakeRepository {
  const repository = github.state.addRepository("acme/app", { isPrivate: true });
  repository.addBundle("v1.0.0", world.at("bundle-1.0.0"));
  github.state.addToken(TOKEN, { "acme/app": right });
  return repository;
}

function fetchCommand(name: string, root: string, ...more: string[]): Promise<Answer> {
  const source = ["--source", "github:acme/app", "--root", root, "--trust-anchor", world.anchor];
  return run("themis-fetch", name, ...source, ...more);
}

function filesOf(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), "latin1"));
}

const newDevice = (): string => world.device(`api-${devices++}`);

describe("a private repository", () => {
  it("is installed and updated by delta, with one call for the release and one for each asset", async () => {
    const repository = privateRepository();
    process.env.GITHUB_TOKEN = TOKEN;
    const root = newDevice();
    const first = await fetchCommand("update", root, "--api", "--json");
    expect(first.status).toBe(0);
    expect(snapshot(root)).toEqual(snapshot(world.old));

    repository.addBundle("v1.1.0", world.at("bundle-1.1.0"));
    const callsBefore = github.heard.length;
    const second = await fetchCommand("update", root, "--api", "--json", "--debug");
    expect(second.status).toBe(0);
    expect(snapshot(root)).toEqual(snapshot(world.new));
    const { bytesFetched, bytesFull, fellBack } = JSON.parse(second.stdout);
    expect(fellBack).toEqual([]);
    expect(bytesFetched).toBeLessThan(bytesFull / 5);

    const calls = github.heard.slice(callsBefore);
    expect(calls.filter(({ operation }) => operation === LATEST)).toHaveLength(1);
    const assets = calls.filter(({ operation }) => operation === ASSET).map(({ path }) => path);
    expect(assets.length).toBe(new Set(assets).size);
    expect(calls).toHaveLength(1 + assets.length);
    expect(authorizations("api")).toEqual([`Bearer ${TOKEN}`]);
    for (const text of [first.stdout, first.stderr, second.stdout, second.stderr, ...filesOf(root)])
      expect(text).not.toContain(TOKEN);
  });

  it("costs two calls and no document when nothing has changed", async () => {
    privateRepository();
    process.env.GITHUB_TOKEN = TOKEN;
    const root = newDevice();
    expect((await fetchCommand("update", root, "--api")).status).toBe(0);
    const [callsBefore, bytesBefore] = [github.calls(), github.storage.ledger.bodyBytes()];
    expect((await fetchCommand("check", root, "--api", "--exit-code")).status).toBe(5);
    expect(github.calls() - callsBefore).toBe(2);
    expect(github.storage.ledger.bodyBytes()).toBe(bytesBefore);
  });

  it("is reached without --api when plain URLs say 404, and then by the API alone", async () => {
    privateRepository();
    process.env.GH_TOKEN = TOKEN;
    const root = newDevice();
    expect((await fetchCommand("update", root)).status).toBe(0);
    expect(snapshot(root)).toEqual(snapshot(world.old));
    expect(github.heard.filter(({ origin }) => origin === "web").map(({ path }) => path)).toEqual([
      "/acme/app/releases/latest/download/manifest.json.p7s",
    ]);
  });

  it("is reached with the bytes sent at once, where the API does not redirect", async () => {
    github.settings.delivery = "direct";
    privateRepository();
    process.env.GITHUB_TOKEN = TOKEN;
    const root = newDevice();
    expect((await fetchCommand("update", root, "--api")).status).toBe(0);
    expect(snapshot(root)).toEqual(snapshot(world.old));
    expect(github.storage.ledger.requests()).toEqual([]);
  });

  it("is reached below /api/v3 of a server of one's own", async () => {
    await github.close();
    delete process.env.GITHUB_API_URL;
    await start({ ghes: true });
    privateRepository();
    process.env.GITHUB_TOKEN = TOKEN;
    const root = newDevice();
    expect((await fetchCommand("update", root)).status).toBe(0);
    expect(github.calls(LATEST)).toBe(1);
  });

  it("is reached by a version's tag, though another is the latest", async () => {
    const repository = privateRepository();
    repository.addBundle("v1.1.0", world.at("bundle-1.1.0"));
    process.env.GITHUB_TOKEN = TOKEN;
    const root = newDevice();
    expect((await fetchCommand("update", root, "--api", "--version", "1.0.0")).status).toBe(0);
    expect(snapshot(root)).toEqual(snapshot(world.old));
    expect(github.calls(LATEST)).toBe(0);
  });

  it.each([
    { why: "nobody is known", right: undefined, token: "", says: /GITHUB_TOKEN/, status: 3 },
    {
      why: "by the API, nobody is known",
      right: undefined,
      token: "",
      says: /contents: read/,
      status: 3,
      api: true,
    },
    {
      why: "the token is unknown",
      right: undefined,
      token: "ghp_other",
      says: /refuses the token \(401\)/,
      status: 3,
    },
    { why: "the token is of somebody else", right: "none", token: TOKEN, says: /contents: read/, status: 3 },
    {
      why: "the token lacks a right",
      right: "metadata: read",
      token: TOKEN,
      says: /contents: read/,
      status: 3,
    },
  ] as const)(
    "is refused when $why, with what is needed",
    async ({ right, token, says, status, ...more }) => {
      privateRepository();
      if (right) github.state.addToken(TOKEN, { "acme/app": right });
      process.env.GITHUB_TOKEN = token;
      const answer = await fetchCommand("check", newDevice(), ...("api" in more ? ["--api"] : []));
      expect(answer.status).toBe(status);
      expect(answer.stderr).toMatch(says);
      if (token !== "") expect(answer.stderr + answer.stdout).not.toContain(token);
    },
  );

  it("is looked at by the doctor, who asks the API", async () => {
    const repository = privateRepository();
    repository.addBundle("v1.1.0", world.at("bundle-1.1.0"));
    process.env.GITHUB_TOKEN = TOKEN;
    const findings = await examine({ source: "github:acme/app", github: { api: true } });
    expect(findings.map(({ outcome }) => outcome)).toEqual(["good", "good", "good", "good", "good"]);
    const { status, stdout } = await run("themis-fetch", "doctor", "--source", "github:acme/app");
    expect({ status, stdout }).toMatchObject({ status: 1, stdout: expect.stringContaining("--api") });
  });
});

describe("a public repository", () => {
  beforeEach(() => {
    github.state.addRepository("acme/app").addBundle("v1.0.0", world.at("bundle-1.0.0"));
  });

  it("costs no call, also when there is a token", async () => {
    github.state.addToken(TOKEN, {});
    process.env.GITHUB_TOKEN = TOKEN;
    const root = newDevice();
    expect((await fetchCommand("update", root)).status).toBe(0);
    expect(snapshot(root)).toEqual(snapshot(world.old));
    expect(github.calls()).toBe(0);
  });

  it("is reached by the API without a token", async () => {
    expect((await fetchCommand("update", newDevice(), "--api")).status).toBe(0);
    expect(authorizations("api")).toEqual([]);
    expect(github.heard.filter(({ origin }) => origin === "web")).toEqual([]);
  });

  it("says that there is no such release", async () => {
    const { status, stderr } = await fetchCommand("check", newDevice(), "--api", "--version", "9.9.9");
    expect({ status, stderr }).toMatchObject({
      status: 3,
      stderr: expect.stringContaining("no release 9.9.9"),
    });
  });
});

describe("a token", () => {
  it.each([
    { why: "a line end in it", secret: "ghp_one\nghp_two" },
    { why: "a letter beyond ASCII", secret: "ghp_tökén" },
    { why: "a space", secret: "ghp one" },
    { why: "no end", secret: "g".repeat(5000) },
  ])("with $why is refused, not shown and not sent", async ({ secret }) => {
    privateRepository();
    const file = world.at("token");
    writeFileSync(file, secret);
    for (const from of ["file", "environment"]) {
      if (from === "environment") process.env.GITHUB_TOKEN = secret;
      const more = from === "file" ? ["--token-file", file] : [];
      const { status, stdout, stderr } = await fetchCommand("check", newDevice(), "--api", "--json", ...more);
      expect({ from, status }).toEqual({ from, status: 2 });
      expect(JSON.parse(stdout).error.code).toBe("TOKEN_INVALID");
      expect(stdout + stderr).not.toContain(secret.slice(0, 20));
    }
    expect(github.heard).toEqual([]);
  });

  it("comes from a file, before the environment", async () => {
    privateRepository();
    process.env.GITHUB_TOKEN = "ghp_other";
    const file = world.at("token");
    writeFileSync(file, `${TOKEN}\n`);
    expect((await fetchCommand("check", newDevice(), "--api", "--token-file", file)).status).toBe(0);
  });

  it("comes from a descriptor that no other process can read", async () => {
    privateRepository();
    const program = resolve(import.meta.dirname, "../../../src/bin/themis-fetch.ts");
    const args = [
      "check",
      "--source",
      "github:acme/app",
      "--root",
      newDevice(),
      "--trust-anchor",
      world.anchor,
    ];
    const more = ["--api", "--token-file", "/dev/fd/3"];
    // A document of the shell is a pipe or a file without a name.
    const shell = ["-c", 'exec "$@" 3<<END\n$HELD\nEND', "sh", process.execPath, program, ...args, ...more];
    const child = spawn("sh", shell, { env: { ...process.env, HELD: TOKEN }, stdio: "ignore" });
    expect(await new Promise((done) => child.on("close", done))).toBe(0);
    expect(authorizations("api")).toEqual([`Bearer ${TOKEN}`]);
  });

  it.each([
    ["a missing file", ["--token-file", "/no/such/file"], "TOKEN_INVALID"],
    ["a source that is no repository", ["--api"], "USAGE"],
  ] as const)("is a usage error with %s", async (_, more, code) => {
    const source = code === "USAGE" ? world.page : "github:acme/app";
    const args = ["--source", source, "--root", newDevice(), "--trust-anchor", world.anchor, ...more];
    const { status, stdout } = await run("themis-fetch", "check", ...args, "--json");
    expect({ status, code: JSON.parse(stdout).error.code }).toEqual({ status: 2, code });
  });

  it("is not sent where everybody could read it", async () => {
    process.env.GITHUB_API_URL = "http://api.example.org";
    process.env.GITHUB_TOKEN = TOKEN;
    const { status, stderr } = await fetchCommand("check", newDevice(), "--api");
    expect(status).toBe(2);
    expect(stderr).toMatch(/without TLS/);
    expect(stderr).not.toContain(TOKEN);
  });
});

it.each([
  [{}, "https://api.github.com/"],
  [{ GITHUB_SERVER_URL: "https://github.com" }, "https://api.github.com/"],
  [{ GITHUB_SERVER_URL: "https://acme.ghe.com" }, "https://api.acme.ghe.com/"],
  [{ GITHUB_SERVER_URL: "https://git.example.org" }, "https://git.example.org/api/v3"],
  [{ GITHUB_SERVER_URL: "https://github.com.example.org" }, "https://github.com.example.org/api/v3"],
  [{ GITHUB_SERVER_URL: "https://a.b.ghe.com" }, "https://a.b.ghe.com/api/v3"],
  [{ GITHUB_API_URL: "https://user:x@api.example.org/v9?y#z" }, "https://api.example.org/v9"],
])("the API of %o is %s", (environment, url) => {
  expect(githubApiBase(environment).href).toBe(url);
});

it.each(["ftp://api.example.org", "api.example.org", "https://"])("the API is not at %s", (url) => {
  expect(() => githubApiBase({ GITHUB_API_URL: url })).toThrow(
    expect.objectContaining({ code: "SOURCE_INVALID" }),
  );
});
