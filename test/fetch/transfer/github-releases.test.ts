/** Which asset has which number: lists that are long, that change, that lie, and limits that are reached. */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openSource } from "../../../src/fetch/transfer/open-source.ts";
import type { Source } from "../../../src/fetch/transfer/source.ts";
import { type FakeGitHub, fakeGitHub } from "../../kit/github/server.ts";
import type { FakeRepository } from "../../kit/github/state.ts";
import { jsonAnswer, plainAnswer } from "../../kit/misbehaving-server/answer.ts";
import { LIMITS } from "./downloads.ts";

const TOKEN = "ghp_0123456789secret";
const LATEST = "GET /repos/{owner}/{repo}/releases/latest";
const PAGES = "GET /repos/{owner}/{repo}/releases/{release_id}/assets";
const MAX = 1 << 20;

let github: FakeGitHub;
let repository: FakeRepository;
let notices: string[];
let source: Source;

beforeEach(async () => {
  github = await fakeGitHub();
  repository = github.state.addRepository("acme/app", { isPrivate: true });
  github.state.addToken(TOKEN, { "acme/app": "contents: read" });
  notices = [];
  source = await openSource("github:acme/app", {
    connections: 4,
    limits: LIMITS,
    environment: { ...github.environment, GITHUB_TOKEN: TOKEN },
    github: { api: true },
    notice: (message) => notices.push(message),
  });
});
afterEach(async () => {
  await source.close();
  await github.close();
});

const latest = (): Source => source.at(source.foldersOf("")[0]!);
const tagged = (tag: string): Source => source.at(source.folderOfTag(tag)!);

async function read(from: Source, asset = "manifest.json"): Promise<string> {
  const found = await from.readAll(asset, MAX);
  return typeof found === "string" ? found : Buffer.from(found.bytes).toString();
}

function addManifest(tag: string, text: string, options = {}) {
  const release = repository.addRelease(tag, options);
  repository.addAsset(release, "manifest.json", Buffer.from(text));
  return release;
}

describe("a release", () => {
  it("is the latest, or the one of a tag, and a draft or a prerelease is not offered", async () => {
    addManifest("v1", "one");
    addManifest("v2", "two");
    addManifest("v3", "draft", { draft: true });
    addManifest("v4-beta", "beta", { prerelease: true });
    expect(await read(latest())).toBe("two");
    expect(await read(tagged("v1"))).toBe("one");
    expect(await read(tagged("v3"))).toBe("absent");
    expect(await read(tagged("v4-beta"))).toBe("beta");
  });

  it("stays the latest of the run when another becomes it", async () => {
    const release = addManifest("v1", "one");
    repository.addAsset(release, "manifest.json.p7s", Buffer.from("signature of one"));
    const folder = latest();
    expect(await read(folder)).toBe("one");
    const next = addManifest("v2", "two");
    repository.addAsset(next, "manifest.json.p7s", Buffer.from("signature of two"));
    expect(await read(folder, "manifest.json.p7s")).toBe("signature of one");
    // Even when its list has to be read again.
    repository.replaceAsset(release, "manifest.json", Buffer.from("one again"));
    expect(await folder.readAll("manifest.json", MAX, { fresh: true })).toBe("absent");
    expect(await read(tagged("v2"))).toBe("two");
  });

  it("is asked for once, and the latest is known by its tag", async () => {
    addManifest("v1", "one");
    await Promise.all([read(latest()), read(latest(), "other.json")]);
    expect(await read(tagged("v1"))).toBe("one");
    expect(github.calls(LATEST)).toBe(1);
    expect(github.heard.filter(({ path }) => path.includes("/tags/"))).toEqual([]);
  });

  it("has a tag with a slash and other signs", async () => {
    const tag = "app/v1.0.0+build 7%2f";
    addManifest(tag, "one");
    expect(await read(tagged(tag))).toBe("one");
  });

  it("has no asset that is not uploaded", async () => {
    const release = repository.addRelease("v1");
    repository.addAsset(release, "manifest.json", Buffer.from("half"), "starter");
    repository.addAsset(release, "open.json", Buffer.from("half"), "open");
    expect(await read(latest())).toBe("absent");
    expect(await read(latest(), "open.json")).toBe("absent");
  });

  it("costs one answer without a body when it is unchanged", async () => {
    addManifest("v1", "one");
    const first = await latest().readAll("manifest.json", MAX);
    expect(typeof first).toBe("object");
    const { etag: known } = first as { etag: string };
    expect(await latest().readAll("manifest.json", MAX, { known })).toBe("unchanged");
  });
});

describe("a long list", () => {
  it.each([150, 999, 1000])("of %i assets is read in pages when a name is missing", async (count) => {
    github.settings.embedded = 30;
    const release = repository.addRelease("v1");
    for (let i = 0; i < count; i++) repository.addAsset(release, `asset-${i}`, Buffer.from(String(i)));
    expect(await read(latest(), "asset-3")).toBe("3");
    expect(github.calls(PAGES)).toBe(0);
    const last = count - 1;
    const both = await Promise.all([read(latest(), `asset-${last}`), read(latest(), "asset-140")]);
    expect(both).toEqual([String(last), "140"]);
    expect(await read(latest(), "no-such")).toBe("absent");
    expect(github.calls(PAGES)).toBe(Math.min(10, Math.floor(count / 100) + 1));
    expect(github.calls(LATEST)).toBe(1);
  });

  it("is not asked for when the release lists fewer than a page", async () => {
    addManifest("v1", "one");
    expect(await read(latest(), "no-such")).toBe("absent");
    expect(github.calls()).toBe(1);
  });
});

describe("an answer", () => {
  const asset = { id: 7, name: "manifest.json", state: "uploaded" };
  const release = { id: 1, tag_name: "v1", draft: false, assets: [asset] };

  it.each([
    { why: "is a page of a proxy", body: "<html>log in</html>" },
    { why: "is no object", body: "[]" },
    { why: "is null", body: "null" },
    { why: "is not UTF-8", body: Buffer.from([0x7b, 0xff, 0x7d]) },
    { why: "nests without end", body: "[".repeat(2_000_000) },
    { why: "has no number", body: { ...release, id: "1" } },
    { why: "has a number that is none", body: { ...release, id: 0.5 } },
    { why: "has a negative number", body: { ...release, id: -1 } },
    {
      why: "has a number beyond 2^53",
      body: JSON.stringify(release).replace('"id":1', '"id":9007199254740993'),
    },
    { why: "has no tag", body: { ...release, tag_name: null } },
    { why: "has a tag without end", body: { ...release, tag_name: "v".repeat(300) } },
    { why: "does not say whether it is a draft", body: { ...release, draft: "no" } },
    { why: "has no assets", body: { ...release, assets: {} } },
    { why: "has more assets than a release may", body: { ...release, assets: Array(1001).fill(asset) } },
    { why: "has an asset that is none", body: { ...release, assets: ["manifest.json"] } },
    {
      why: "has an asset whose number is a path",
      body: { ...release, assets: [{ ...asset, id: "../../x" }] },
    },
    { why: "has an asset without a name", body: { ...release, assets: [{ ...asset, name: 1 }] } },
    { why: "has an asset without a state", body: { ...release, assets: [{ id: 7, name: "manifest.json" }] } },
    { why: "has two assets of one name", body: { ...release, assets: [asset, { ...asset, id: 8 }] } },
  ])("that $why is refused", async ({ body }) => {
    const bytes = Buffer.isBuffer(body)
      ? body
      : Buffer.from(typeof body === "string" ? body : JSON.stringify(body));
    github.settings.instead = () => ({ ...plainAnswer(200, "application/json", ""), body: bytes });
    await expect(read(latest())).rejects.toMatchObject({ code: "SOURCE_ANSWER_INVALID", kind: "failed" });
    expect(github.calls()).toBe(1);
  });

  it("that is giant is not read to its end", async () => {
    const giant = jsonAnswer(200, { ...release, body: "x".repeat(9 << 20) });
    github.settings.instead = () => giant;
    await expect(read(latest())).rejects.toMatchObject({ code: "ASSET_SIZE" });
  });

  it("of another tag than asked is refused", async () => {
    github.settings.instead = () => jsonAnswer(200, release);
    await expect(read(tagged("v9"))).rejects.toMatchObject({ code: "SOURCE_ANSWER_INVALID" });
  });

  it("that names drafts as releases offers nothing", async () => {
    github.settings.instead = () => jsonAnswer(200, { ...release, draft: true });
    expect(await read(latest())).toBe("absent");
  });

  it("cannot name a place: its URLs are not followed, and names that are paths are passed over", async () => {
    const heard: string[] = [];
    const stranger: Server = createServer((request, response) => {
      heard.push(`${request.url} ${request.headers.authorization}`);
      response.end("mine");
    });
    await new Promise<void>((ready) => stranger.listen(0, "127.0.0.1", ready));
    const elsewhere = `http://127.0.0.1:${(stranger.address() as AddressInfo).port}/x`;
    const urls = { url: elsewhere, browser_download_url: elsewhere };
    const lying = {
      ...{ ...release, url: elsewhere, assets_url: elsewhere, upload_url: elsewhere },
      assets: [
        { ...asset, ...urls },
        ...["../state.db", "a/b", "", ".hidden", "name\u0000", "x".repeat(200), "__proto__"].map(
          (name, i) => ({
            ...{ ...asset, ...urls, name },
            id: 100 + i,
          }),
        ),
      ],
    };
    github.settings.instead = (path) =>
      path.endsWith("/assets/7")
        ? plainAnswer(200, "application/octet-stream", "bytes")
        : jsonAnswer(200, lying);
    expect(await read(latest())).toBe("bytes");
    expect(await read(latest(), "../state.db")).toBe("absent");
    expect(await read(latest(), ".hidden")).toBe("absent");
    expect(heard).toEqual([]);
    stranger.close();
  });

  it("that sends an asset's request to another origin does not bring it the token", async () => {
    const heard: (string | undefined)[] = [];
    const stranger: Server = createServer((request, response) => {
      heard.push(request.headers.authorization);
      response.end("theirs");
    });
    await new Promise<void>((ready) => stranger.listen(0, "127.0.0.1", ready));
    const location = `http://127.0.0.1:${(stranger.address() as AddressInfo).port}/x`;
    github.settings.instead = () => ({ ...plainAnswer(302, "text/plain", "", ["location", location]) });
    await expect(read(latest())).rejects.toMatchObject({ code: "SOURCE_ANSWER_INVALID" });
    expect(heard).toEqual([undefined]);
    stranger.closeAllConnections();
    stranger.close();
  });
});

describe("a limit", () => {
  beforeEach(() => {
    addManifest("v1", "one");
  });

  it("of so many calls an hour is waited for, and said, when its end is near", async () => {
    github.limits.remaining = 0;
    github.limits.resetSeconds = 1;
    expect(await read(latest())).toBe("one");
    expect(notices.length).toBeGreaterThan(0);
    expect(notices[0]).toMatch(/answered 403: a rate limit is reached; it goes on in \d+ s$/);
    expect(github.heard.filter(({ status }) => status === 403).length).toBeLessThanOrEqual(2);
  });

  it("whose end is far is an error that says when", async () => {
    github.limits.remaining = 0;
    github.limits.resetSeconds = 3000;
    await expect(read(latest())).rejects.toMatchObject({
      code: "SOURCE_RATE_LIMITED",
      message: expect.stringMatching(/asks to wait 5\d minutes, until 20\d\d-.*Z$/),
    });
    expect(github.calls()).toBe(1);
  });

  it.each([
    { status: 403, retryAfterSeconds: 1 },
    { status: 429, retryAfterSeconds: 1 },
    { status: 403 },
    { status: 429 },
  ] as const)("on too much at once (%o) is waited for, and said", async (refusal) => {
    github.limits.secondary.push(refusal, refusal);
    expect(await read(latest())).toBe("one");
    expect(notices).toHaveLength(2);
    expect(notices.join("\n")).not.toContain(TOKEN);
    expect(github.heard.map(({ status }) => status)).toEqual([refusal.status, refusal.status, 200, 302]);
  });

  it("that never ends is given up", async () => {
    github.limits.secondary.push(...Array.from({ length: 20 }, () => ({ status: 403 }) as const));
    await expect(read(latest())).rejects.toMatchObject({ code: "SOURCE_STATUS", facts: { status: 403 } });
    expect(github.calls()).toBe(4);
  });
});
