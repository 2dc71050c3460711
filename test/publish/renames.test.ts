/** Files that moved, moved and changed, or came in like another one: none of them travels whole. */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { decodeDeltaManifest } from "../../src/format/manifest/delta-manifest.ts";
import { similarity, sketchOf } from "../../src/publish/similar.ts";
import { makeWorld, noise, ok, release, snapshot, type World } from "../kit/world.ts";

let world: World;

beforeAll(async () => {
  world = await makeWorld();
});
afterAll(() => world.remove());

function writeTree(name: string, files: Readonly<Record<string, Uint8Array>>): string {
  for (const [path, bytes] of Object.entries(files)) {
    mkdirSync(join(world.at(name), path, ".."), { recursive: true });
    writeFileSync(join(world.at(name), path), bytes);
  }
  return world.at(name);
}

it("a moved file is copied on the device, a moved and changed one is a delta of the file it was", async () => {
  const moved = noise(300_000, 21);
  const changed = noise(400_000, 22);
  const like = noise(200_000, 23);
  const old = writeTree("renames-old", {
    "lib-1.0/moved.so": moved,
    "lib-1.0/changed.so": changed,
    template: like,
  });
  const next = writeTree("renames-new", {
    "lib-1.1/moved.so": moved,
    "lib-1.1/changed.so": Buffer.concat([
      changed.subarray(0, 150_000),
      noise(300, 24),
      changed.subarray(150_500),
    ]),
    template: like,
    instance: Buffer.concat([noise(100, 25), like]),
    "nothing-like-it": noise(50_000, 26),
  });
  const bundles = [];
  for (const [version, tree, ...from] of [
    ["1.0.0", old],
    ["1.1.0", next, "--from", `1.0.0=${old}`],
  ] as const) {
    const bundle = await release(world, tree, version, world.at(`renames-${version}`), ...from);
    bundles.push(bundle);
  }
  const { deltas } = decodeDeltaManifest(readFileSync(join(bundles[1]!, "delta-1.0.0.json")));
  expect(deltas.map(({ path, base_path }) => [path, base_path])).toEqual([
    ["instance", "template"],
    ["lib-1.1/changed.so", "lib-1.0/changed.so"],
  ]);
  const root = world.device("renames-device");
  const device = ["--root", root, "--trust-anchor", world.anchor];
  await ok("themis-fetch", "update", ...device, "--source", bundles[0]!);
  const result = await ok("themis-fetch", "update", ...device, "--source", bundles[1]!);
  const actions = Object.fromEntries(
    (result.perFile as { path: string; action: string }[]).map(({ path, action }) => [path, action]),
  );
  expect(actions).toMatchObject({
    "lib-1.1/moved.so": "copy",
    "lib-1.1/changed.so": "patch",
    instance: "patch",
    "nothing-like-it": "download",
  });
  expect(snapshot(root)).toEqual(snapshot(next));
  await ok("themis-fetch", "rollback", "--root", root);
  expect(snapshot(root)).toEqual(snapshot(old));
});

describe("likeness", () => {
  const sketch = async (bytes: Uint8Array) => {
    const file = world.at("sketched");
    writeFileSync(file, bytes);
    const made = await sketchOf(file);
    rmSync(file);
    return made;
  };

  it("is one for the same bytes, about the shared part for others, and nothing for strangers", async () => {
    const a = noise(500_000, 31);
    const half = Buffer.concat([noise(250_000, 32), a.subarray(0, 250_000)]);
    expect(similarity(await sketch(a), await sketch(a))).toBe(1);
    // Shared are 250,000 of 750,000 different bytes.
    const likeness = similarity(await sketch(a), await sketch(half));
    expect(likeness).toBeGreaterThan(0.2);
    expect(likeness).toBeLessThan(0.47);
    expect(similarity(await sketch(a), await sketch(noise(500_000, 33)))).toBe(0);
  });

  it("is the same both ways and never outside of 0 to 1", () => {
    const sorted = fc
      .uniqueArray(fc.nat(), { maxLength: 300 })
      .map((values) => Uint32Array.from(values).sort());
    fc.assert(
      fc.property(sorted, sorted, (a, b) => {
        const likeness = similarity(a, b);
        expect(likeness).toBe(similarity(b, a));
        expect(likeness >= 0 && likeness <= 1).toBe(true);
      }),
    );
  });
});
