/** Old deltas go, releases stay, and devices that ask for an old one get it whole. */
import { mkdirSync } from "node:fs";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { makeSmallWorld, type SmallWorld } from "../../../kit/small-world.ts";
import { ok, snapshot } from "../../../kit/world.ts";
import { makePage, type Page } from "./kit.ts";

let world: SmallWorld;
beforeAll(async () => {
  world = await makeSmallWorld();
});
afterAll(() => world.remove());

let page: Page;
beforeEach(async () => {
  page = await makePage();
});
afterEach(() => page.github.close());

const prune = async (...more: string[]) => {
  const { stdout } = await page.run(["prune", "--to", "github:acme/app", "--json", ...more]).done;
  return JSON.parse(stdout);
};
const packs = (): string[] =>
  page.repository.releases.flatMap(({ tag, assets }) =>
    assets.filter(({ name }) => name.startsWith("delta-")).map(({ name }) => `${tag} ${name}`),
  );
const ALL = ["v1.1.0 delta-1.0.0-0.pack", "v1.1.0 delta-1.0.0.json"];

it("removes what the policy names, not the latest's, and nothing in a dry run", async () => {
  page.repository.addBundle("v1.0.0", world.oldBundle);
  const pruned = page.repository.addBundle("v1.1.0", world.newBundle);
  pruned.aside = true;
  page.repository.addRelease("v1.1.1", { draft: true });
  page.repository.addRelease("v0.1", { aside: true });
  // Published last, with a lower sequence than the latest.
  page.repository.addBundle("v0.9.0", world.oldBundle).aside = true;
  const expected = [{ tag: "v1.1.0", assets: ["delta-1.0.0-0.pack"] }];
  expect(await prune("--keep", "1", "--dry-run")).toMatchObject({ dryRun: true, pruned: expected });
  expect(packs()).toEqual(ALL);
  expect(await prune("--keep", "2")).toMatchObject({ pruned: [] });
  expect(await prune("--keep", "1")).toMatchObject({ pruned: expected, kept: ["v0.9.0", "v1.0.0"] });
  expect(packs()).toEqual(["v1.1.0 delta-1.0.0.json"]);
  expect(await prune("--keep", "1")).toMatchObject({ pruned: [] });

  const root = world.at("device-pruned");
  mkdirSync(root);
  Object.assign(process.env, page.github.environment);
  const source = ["--source", "github:acme/app", "--root", root, "--trust-anchor", world.anchor];
  try {
    await ok("themis-fetch", "update", ...source, "--version", "1.0.0");
    await ok("themis-fetch", "update", ...source, "--version", "1.1.0");
  } finally {
    for (const name of Object.keys(page.github.environment)) delete process.env[name];
  }
  expect(snapshot(root)).toEqual(snapshot(world.new));
});

it("leaves immutable releases as they are, and says so", async () => {
  page.repository.immutable = true;
  page.repository.addBundle("v1.1.0", world.newBundle);
  page.repository.addBundle("v2.0.0", world.oldBundle);
  expect(await prune("--keep", "1")).toMatchObject({ pruned: [], immutable: ["v1.1.0"] });
  expect(packs()).toEqual(ALL);
});
