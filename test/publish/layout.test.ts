/** Each whole target an asset of its own: for servers that fetch files by download_url, and for the same devices. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { sha256 } from "../../src/base/digest.ts";
import { decodeManifest } from "../../src/format/manifest/manifest.ts";
import { makeSmallWorld, type SmallWorld } from "../kit/small-world.ts";
import { ok, release, run, snapshot } from "../kit/world.ts";
import { makePage } from "./upload/github/kit.ts";

let world: SmallWorld;
let bundle: string;
beforeAll(async () => {
  world = await makeSmallWorld();
  bundle = await release(
    world,
    world.new,
    "1.1.0",
    world.at("assets"),
    ...["--layout", "assets", "--from", `1.0.0=${world.old}`, "--algorithm", "bsdiff"],
  );
});
afterAll(() => world.remove());

it("has the very bytes of each file under the name that download_url says", () => {
  const { files, packs } = decodeManifest(readFileSync(join(bundle, "manifest.json")));
  const named = files.filter(({ download_url }) => download_url !== "");
  expect(named.map(({ path }) => path)).toEqual(["bin/tool", "data.txt", "new.dat", "same.dat"]);
  for (const { path, download_url, sha256_hash, blob, size_bytes } of named) {
    expect(download_url).toMatch(/^file-[0-9a-f]{16}-[A-Za-z0-9._-]+$/);
    const bytes = readFileSync(join(bundle, download_url));
    expect(bytes.equals(readFileSync(join(world.new, path)))).toBe(true);
    expect(sha256(bytes)).toBe(sha256_hash);
    expect(blob).toEqual({ pack: download_url, offset: 0, length: size_bytes, encoding: "identity" });
  }
  expect(packs.map(({ asset }) => asset).sort()).toEqual(
    [...named.map(({ download_url }) => download_url), "delta-1.0.0-0.pack"].sort(),
  );
});

it("is verified, published on GitHub, and updates devices whole and by delta", async () => {
  const page = await makePage();
  const devices = [world.at("whole"), world.device("old")];
  mkdirSync(devices[0]!);
  expect(await page.publish(bundle)).toMatchObject({ status: 0 });
  Object.assign(process.env, page.github.environment);
  try {
    for (const root of devices) {
      const source = ["--source", "github:acme/app", "--root", root, "--trust-anchor", world.anchor];
      const { fellBack } = await ok("themis-fetch", "update", ...source);
      expect(fellBack).toEqual([]);
      expect(snapshot(root)).toEqual(snapshot(world.new));
    }
  } finally {
    for (const name of Object.keys(page.github.environment)) delete process.env[name];
    await page.github.close();
  }
});

it("makes one asset of equal files, names what GitHub would rename, and is refused where there are too many", async () => {
  const tree = world.at("names");
  mkdirSync(tree);
  for (const name of ["größe & mehr.txt", "copy", ".hidden", "日本"])
    writeFileSync(join(tree, name), name === "copy" ? "größe & mehr.txt" : name);
  const facts = ["--product", "app", "--version", "1.0.0", "--layout", "assets", "--out"];
  await ok("themis-bundle", "build", tree, ...facts, world.at("named"));
  const { files, packs } = decodeManifest(readFileSync(world.at("named/manifest.json")));
  expect(packs).toHaveLength(3);
  expect(new Set(files.map(({ download_url }) => download_url)).size).toBe(3);
  for (const { asset } of packs) expect(asset).toMatch(/^file-[0-9a-f]{16}-[A-Za-z0-9._-]*[A-Za-z0-9_-]$/);
  mkdirSync(world.at("many"));
  for (let i = 0; i < 851; i++) writeFileSync(world.at("many", `${i}`), `${i}`);
  const many = await run("themis-bundle", "build", world.at("many"), ...facts, world.at("x"), "--json");
  expect(JSON.parse(many.stdout).error.code).toBe("TREE_UNSUPPORTED");
  expect(readdirSync(world.at("")).filter((name) => name.includes(".part-"))).toEqual([]);
  const shared = await run("themis-bundle", "build", tree, ...facts, world.at("x"), "--shard", "1/2");
  expect(shared).toMatchObject({ status: 2, stderr: expect.stringMatching(/--layout assets has none/) });
});
