/** An update from GitHub's plain release URLs, against a server that answers as GitHub does: two redirects, a storage apart. */
import { readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { githubReleases } from "../../../src/fetch/transfer/github-page.ts";
import { update } from "../../../src/fetch/update.ts";
import { readTrustAnchors } from "../../../src/trust/anchor.ts";
import { type Assets, assetsOf } from "../../kit/misbehaving-server/asset.ts";
import { type MisbehavingServer, misbehavingServer } from "../../kit/misbehaving-server/server.ts";
import { makeWorld, snapshot, type World } from "../../kit/world.ts";

let world: World;
let releases: Assets;
beforeAll(async () => {
  world = await makeWorld();
  releases = assetsOf(world.folder);
});
afterAll(() => world.remove());

let storage: MisbehavingServer;
let page: Server;
let asked: string[];
let devices = 0;
/** Which tag is the latest, asked anew for each request. */
let latest: () => string;

beforeEach(async () => {
  asked = [];
  storage = await misbehavingServer({ assets: releases });
  page = createServer((request, response) => {
    const path = request.url!;
    asked.push(path);
    const [, newest] = /^\/acme\/app\/releases\/latest\/download\/([^/]+)$/.exec(path) ?? [];
    const [, tag, asset] = /^\/acme\/app\/releases\/download\/v([^/]+)\/([^/]+)$/.exec(path) ?? [];
    if (newest)
      response.writeHead(302, { location: `/acme/app/releases/download/v${latest()}/${newest}` }).end();
    else if (tag)
      response.writeHead(302, { location: `${storage.url}/bundle-${tag}/${asset}?sig=secret` }).end();
    else response.writeHead(404).end();
  });
  await new Promise<void>((ready) => page.listen(0, "127.0.0.1", ready));
  process.env.GITHUB_SERVER_URL = `http://127.0.0.1:${(page.address() as AddressInfo).port}`;
});
afterEach(async () => {
  delete process.env.GITHUB_SERVER_URL;
  page.closeAllConnections();
  page.close();
  await storage.close();
});

const updateTo = async (version: string): Promise<string> => {
  const root = world.device(`github-${devices++}`);
  const anchors = readTrustAnchors(readFileSync(world.anchor));
  const request = { root, source: "github:acme/app", version, connections: 2, anchors };
  await update(request, { now: () => new Date() });
  return root;
};

it("brings the latest release, and asks no API", async () => {
  latest = () => "1.1.0";
  expect(snapshot(await updateTo(""))).toEqual(snapshot(world.new));
  expect(asked.filter((path) => path.includes("api") || path.includes("repos"))).toEqual([]);
  expect(asked).toContain("/acme/app/releases/latest/download/manifest.json");
  const seen = storage.ledger.requests().map(({ headers }) => headers.authorization);
  expect(new Set(seen)).toEqual(new Set([undefined]));
});

it("stays with the release that it proved when another becomes the latest meanwhile", async () => {
  const { tag_name: tag } = JSON.parse(readFileSync(join(world.at("bundle-1.1.0"), "manifest.json"), "utf8"));
  expect(tag).toBe("v1.1.0");
  const ofLatest = () => asked.filter((path) => path.includes("latest/download")).length;
  // Signature and manifest are still of the same release.
  latest = () => (ofLatest() <= 2 ? "1.1.0" : "1.0.0");
  expect(snapshot(await updateTo(""))).toEqual(snapshot(world.new));
  expect(asked.filter((path) => path.includes("latest/download") && path.endsWith(".pack"))).toEqual([]);
});

it("brings a version by its tag, and says that there is none", async () => {
  latest = () => "1.1.0";
  await updateTo("1.0.0");
  expect(asked[0]).toBe("/acme/app/releases/download/v1.0.0/manifest.json.p7s");
  await expect(updateTo("9.9.9")).rejects.toMatchObject({ code: "SOURCE_STATUS" });
});

it.each([
  "github:acme",
  "github:acme/app/more",
  "github:../app",
  "github:acme/..",
  "github:a b/c",
  "github:-a/b",
])("refuses %s", (location) => {
  expect(() => githubReleases(location, {})).toThrow(expect.objectContaining({ code: "SOURCE_INVALID" }));
});

it("goes to GitHub unless another server is named", () => {
  expect(githubReleases("github:acme/app", {}).href).toBe("https://github.com/acme/app/releases");
  const GITHUB_SERVER_URL = "https://git.example.org/hub/";
  expect(githubReleases("github:acme/app", { GITHUB_SERVER_URL }).href).toBe(
    "https://git.example.org/hub/acme/app/releases",
  );
});
