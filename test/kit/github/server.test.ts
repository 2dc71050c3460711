/** The GitHub of the tests is as the real one where that was recorded, and breaks when somebody breaks its description. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { type FakeGitHub, fakeGitHub } from "./server.ts";
import type { FakeRepository } from "./state.ts";

/** From @octokit/fixtures 23.1.2 (scenarios/api.github.com, MIT, see recordings.LICENSE), without the headers. */
type Exchange = {
  readonly method: string;
  readonly host: string;
  readonly path: string;
  readonly status: number;
  readonly body: unknown;
  readonly response: unknown;
};
type Json = { readonly [key: string]: unknown };

const recordings = JSON.parse(readFileSync(join(import.meta.dirname, "recordings.json"), "utf8")) as Record<
  string,
  readonly Exchange[]
>;

const TOKEN = "ghp_recorded";
let github: FakeGitHub;

async function start(name: string, options: { ghes?: boolean } = {}): Promise<FakeRepository> {
  github = await fakeGitHub(options);
  github.state.addToken(TOKEN, { [name]: "contents: write" });
  return github.state.addRepository(name);
}

async function ask(method: string, url: string, body?: unknown): Promise<{ status: number; body: unknown }> {
  const headers: Record<string, string> = {
    ...{ authorization: `Bearer ${TOKEN}`, "user-agent": "test", "x-github-api-version": "2022-11-28" },
    ...{ accept: "application/vnd.github+json" },
  };
  const isText = typeof body === "string";
  if (body !== undefined) headers["content-type"] = isText ? "application/octet-stream" : "application/json";
  const sent = body === undefined ? null : isText ? body : JSON.stringify(body);
  const answer = await fetch(url, { method, headers, body: sent });
  const text = await answer.text();
  return { status: answer.status, body: text === "" ? "" : JSON.parse(text) };
}

describe.each(["release-assets", "release-assets-conflict"])("the recording %s", (name) => {
  afterEach(() => github.close());

  it.each([{ ghes: false }, { ghes: true }])("is what the fake answers, %o", async (options) => {
    const repository = await start(`octokit-fixture-org/${name}`, options);
    const release = repository.addRelease("v1.0.0", { name: "Version 1.0.0" });
    if (name.endsWith("conflict"))
      repository.addAsset(release, "test-upload.txt", Buffer.from("Hello, world!\n")).label = "test";
    /** Of things, by the number that they have in the recording. */
    const ids = new Map<number, unknown>([[1000, release.id]]);
    for (const { method, host, path, status, body, response } of recordings[name]!) {
      const own = path
        .replace(/releases\/(\d+)/, (_, id) => `releases/${id === "1000" ? release.id : id}`)
        .replace(/assets\/(\d+)/, (_, id) => `assets/${ids.get(Number(id) + 1e6)}`);
      const base = host.startsWith("uploads") ? github.urls.uploads : github.urls.api;
      const answer = await ask(method, `${base}${own}`, body === "" ? undefined : body);
      expect({ path, status: answer.status }).toEqual({ path, status });
      const [recorded] = [response].flat() as Json[];
      const [said] = [answer.body].flat() as Json[];
      if (typeof recorded !== "object") continue;
      // Assets and releases are counted apart in the recording.
      if (said!.name !== undefined && said!.state !== undefined) ids.set(Number(recorded.id) + 1e6, said!.id);
      expect(Object.keys(said!)).toEqual(expect.arrayContaining(keysOf(recorded)));
      for (const key of SAME) expect({ key, value: said![key] }).toEqual({ key, value: recorded[key] });
    }
  });
});

/** What both must say alike; a recording's upload was said to be text. */
const SAME = ["name", "state", "label", "size", "tag_name", "draft", "prerelease", "message", "errors"];

/** `request_id` stands in the recording of an error, and nobody describes it. */
function keysOf(recorded: Json): string[] {
  return Object.keys(recorded).filter((key) => key !== "request_id");
}

describe("a request that the description does not allow", () => {
  it.each([
    ["a mistyped key", "POST", "/repos/acme/app/releases", { tag_name: "v1", pre_release: true }],
    [
      "a boolean where a text belongs",
      "POST",
      "/repos/acme/app/releases",
      { tag_name: "v1", make_latest: true },
    ],
    ["no body", "POST", "/repos/acme/app/releases", undefined],
    ["an upload to the API", "POST", "/repos/acme/app/releases/1/assets?name=x", "bytes"],
    ["a parameter nobody knows", "GET", "/repos/acme/app/releases?tag=v1", undefined],
  ])("is told at the end: %s", async (_, method, path, body) => {
    await start("acme/app");
    await ask(method, `${github.urls.api}${path}`, body);
    await expect(github.close()).rejects.toThrow(/broken/);
  });
});

describe("what GitHub does to releases", () => {
  afterEach(() => github.close());

  it("burns the tag of an immutable release for ever", async () => {
    const repository = await start("acme/app");
    repository.immutable = true;
    const url = `${github.urls.api}/repos/acme/app/releases`;
    const made = await ask("POST", url, { tag_name: "v1", draft: false });
    const { id, immutable } = made.body as { id: number; immutable: boolean };
    expect(immutable).toBe(true);
    const upload = `${github.urls.uploads}/repos/acme/app/releases/${id}/assets?name=late`;
    expect((await ask("POST", upload, "bytes")).status).toBe(422);
    expect((await ask("PATCH", `${url}/${id}`, { target_commitish: "main" })).status).toBe(422);
    expect((await ask("PATCH", `${url}/${id}`, { body: "notes" })).status).toBe(200);
    expect((await ask("DELETE", `${url}/${id}`)).status).toBe(204);
    expect((await ask("POST", url, { tag_name: "v1", draft: true })).status).toBe(422);
  });

  it("leaves a starter where an upload was cut, renames, and forgets slowly", async () => {
    const repository = await start("acme/app");
    const release = repository.addRelease("v1", { draft: true });
    const url = `${github.urls.uploads}/repos/acme/app/releases/${release.id}/assets?name=`;
    github.settings.interfere = ({ when }) => (when === "during" ? "cut" : undefined);
    await expect(ask("POST", `${url}cut.pack`, "bytes")).rejects.toThrow();
    expect(release.assets).toMatchObject([{ name: "cut.pack", state: "starter" }]);
    github.settings.interfere = undefined;
    expect(await ask("POST", `${url}.a%20b.`, "bytes")).toMatchObject({ status: 201, body: { name: "a.b" } });

    github.settings.deleteLag = 1;
    const [starter] = release.assets;
    const asset = `${github.urls.api}/repos/acme/app/releases/assets/${starter!.id}`;
    expect((await ask("DELETE", asset)).status).toBe(204);
    expect((await ask("POST", `${url}cut.pack`, "bytes")).status).toBe(422);
    const list = `${github.urls.api}/repos/acme/app/releases/${release.id}/assets`;
    expect((await ask("GET", list)).body).toHaveLength(2);
    expect((await ask("POST", `${url}cut.pack`, "bytes")).status).toBe(201);
  });
});
