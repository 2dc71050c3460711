/** Places that are not what they should be: each a sentence, none a hang, none a password. */
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { update } from "../../src/fetch/update.ts";
import { readTrustAnchors } from "../../src/trust/anchor.ts";
import { makeWorld, noise, ok, release, run, snapshot, type World } from "../kit/world.ts";

let world: World;
beforeAll(async () => {
  world = await makeWorld();
});
afterAll(() => world.remove());

let devices = 0;
const device = (): string[] => [
  "--root",
  world.device(`places-${devices++}`),
  "--trust-anchor",
  world.anchor,
];

async function served<T>(listener: RequestListener, use: (url: string) => Promise<T>): Promise<T> {
  const server = createServer(listener);
  await new Promise<void>((ready) => server.listen(0, "127.0.0.1", ready));
  try {
    return await use(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

describe("a source that was mistyped", () => {
  it.each([
    "http://u:SECRET@127.0.0.1:99999/x",
    "htp://u:SECRET@host/x",
    "https://u:SECRET@ho st/x",
    "http:/u:SECRET@host",
    "ftp://u:SECRET@h/",
    "http://u:SECRET%ZZ@127.0.0.1:1/x",
    "github:u:SECRET@acme/app",
  ])("is refused without its password: %s", async (source) => {
    for (const place of [
      ["--source", source],
      ["--source", world.page, "--mirror", source],
    ]) {
      const { status, stdout, stderr } = await run("themis-fetch", "check", ...place, ...device(), "--json");
      expect(status).toBe(2);
      expect(JSON.parse(stdout).error).toMatchObject({ code: "SOURCE_INVALID" });
      expect(stdout + stderr).not.toContain("SECRET");
    }
    const { stdout, stderr } = await run("themis-fetch", "doctor", "--source", source, "--json");
    expect(stdout + stderr).not.toContain("SECRET");
  });

  it("and one that is empty is not this folder", async () => {
    const [, root] = device() as [string, string];
    const anchors = readTrustAnchors(readFileSync(world.anchor));
    const request = { root, source: "", anchors, version: "", connections: 1 };
    await expect(update(request, { now: () => new Date() })).rejects.toMatchObject({
      code: "SOURCE_INVALID",
    });
  });
});

it.each([
  "http://u:SECRET@127.0.0.1:99999",
  "u:SECRET@x y",
  "http://u:SECRET%ZZ@127.0.0.1:1",
  "socks5://u:SECRET@127.0.0.1:1",
])("a proxy that is none is named by its variable, and not shown: %s", async (http_proxy) => {
  const before = { ...process.env };
  Object.assign(process.env, { http_proxy });
  try {
    const source = ["--source", "http://127.0.0.1:9/"];
    const { status, stdout, stderr } = await run("themis-fetch", "check", ...source, ...device(), "--json");
    expect(status).toBe(2);
    expect(JSON.parse(stdout).error).toMatchObject({
      code: "PROXY_INVALID",
      message: expect.stringContaining("http_proxy"),
    });
    expect(stdout + stderr).not.toContain("SECRET");
  } finally {
    process.env = before;
  }
});

describe("a root", () => {
  it("whose name is empty is not this folder, for whoever asks", async () => {
    const anchors = readTrustAnchors(readFileSync(world.anchor));
    const request = { root: "", source: world.page, anchors, version: "", connections: 1 };
    await expect(update(request, { now: () => new Date() })).rejects.toMatchObject({
      code: "ROOT_MISSING",
      message: "the root's name is an empty text",
    });
  });

  it("that is a file is said to be one", async () => {
    const { status, stdout } = await run("themis-fetch", "status", "--root", world.anchor, "--json");
    expect(status).toBe(2);
    expect(JSON.parse(stdout).error).toMatchObject({
      code: "ROOT_MISSING",
      message: `${world.anchor} is a file`,
      hint: "name the folder that holds the installed tree",
    });
  });
});

describe("a folder", () => {
  it.each(["manifest.json.p7s", "manifest.json", "targets-0.pack"])(
    "with a FIFO as %s is refused at once",
    async (asset) => {
      const folder = world.at(`fifo-${asset}`);
      cpSync(world.at("bundle-1.1.0"), folder, { recursive: true });
      rmSync(join(folder, asset));
      execFileSync("mkfifo", [join(folder, asset)]);
      const { status, stdout } = await run(
        "themis-fetch",
        "update",
        "--source",
        folder,
        ...device(),
        "--json",
      );
      expect(status).toBe(4);
      expect(JSON.parse(stdout).error).toMatchObject({ code: "FILE_NOT_REGULAR" });
    },
  );
});

it.each([
  { why: "a bundle for a page", source: "page", mirror: "bundle-1.1.0", spoil: "page-short/1.1.0" },
  { why: "a page for a bundle", source: "bundle-1.1.0", mirror: "page", spoil: "bundle-1.1.0-short" },
])("a mirror stands in though it has another shape: $why", async ({ source, mirror, spoil }) => {
  const short = world.at(`${source}-short`);
  cpSync(world.at(source), short, { recursive: true, verbatimSymlinks: true });
  rmSync(world.at(spoil, "targets-0.pack"));
  const [, root] = device() as [string, string];
  const anchors = readTrustAnchors(readFileSync(world.anchor));
  const request = { root, source: short, mirrors: [world.at(mirror)], anchors, version: "", connections: 1 };
  await update(request, { now: () => new Date() });
  expect(snapshot(root)).toEqual(snapshot(world.new));
});

describe("a server", () => {
  it("that says 304 and was not asked for that has no release", async () => {
    const [, root] = device() as [string, string];
    const anchors = readTrustAnchors(readFileSync(world.anchor));
    const request = { root, anchors, version: "", connections: 1 };
    const tools = { now: () => new Date() };
    await update({ ...request, source: world.page }, tools);
    await served(
      (_, response) => response.writeHead(304).end(),
      async (url) => {
        await expect(update({ ...request, source: url }, tools)).rejects.toMatchObject({
          code: "SOURCE_STATUS",
        });
        // Another place that has the release stands in.
        const result = await update({ ...request, source: url, mirrors: [world.page] }, tools);
        expect(result).toMatchObject({ kind: "nothing-to-do", to: "1.1.0" });
      },
    );
  });

  it("that is busy when the patch of a manifest is asked for is asked once", async () => {
    const tree = world.at("many");
    mkdirSync(tree);
    for (let i = 0; i < 60; i++) {
      writeFileSync(join(tree, `file-${i}`), noise(100 + i, i + 1));
    }
    const page = world.at("page-many");
    for (const version of ["1.0.0", "1.0.1"]) {
      const bundle = await release(
        world,
        tree,
        version,
        world.at(`many-${version}`),
        "--sequence",
        version.replaceAll(".", ""),
      );
      await ok("themis-bundle", "publish", bundle, "--to", `file:${page}`);
    }
    const [, root] = device() as [string, string];
    const anchors = readTrustAnchors(readFileSync(world.anchor));
    const request = { root, anchors, connections: 1, version: "" };
    const tools = { now: () => new Date() };
    await update({ ...request, source: world.at("many-1.0.0") }, tools);
    const asked: string[] = [];
    await served(
      (message, response) => {
        asked.push(message.url!);
        if (message.url!.endsWith(".patch"))
          return void response.writeHead(503, { "retry-after": "600" }).end();
        const bytes = readFileSync(join(page, message.url!));
        response.writeHead(200, { "content-length": bytes.length }).end(bytes);
      },
      async (url) => {
        expect(await update({ ...request, source: `${url}/latest` }, tools)).toMatchObject({ to: "1.0.1" });
      },
    );
    expect(asked.filter((path) => path.endsWith(".patch"))).toHaveLength(1);
    expect(asked.filter((path) => path.endsWith("/manifest.json"))).toHaveLength(1);
  });
});
