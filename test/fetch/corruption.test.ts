/**
 * Random truncations, bit flips, zeroed and swapped stretches and appended bytes, of everything that a source serves
 * and a transfer left: what ends well is the new release to the byte, what does not is a named error and the old
 * release, untouched. fast-check prints seed and damage of a counterexample.
 */
import { cpSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, expect, it } from "vitest";
import { arbitraryDamage, type Damage, damaged, damageFile } from "../kit/damage.ts";
import { rightly } from "../kit/misbehaving-server/script.ts";
import { misbehavingServer } from "../kit/misbehaving-server/server.ts";
import { makeSmallWorld, type SmallWorld, tryUpdate } from "../kit/small-world.ts";
import { run, snapshot } from "../kit/world.ts";

let world: SmallWorld;
let [oldTree, newTree]: Record<string, string>[] = [];

beforeAll(async () => {
  world = await makeSmallWorld();
  oldTree = snapshot(world.old);
  newTree = snapshot(world.new);
});
afterAll(() => world.remove());

const DOCUMENTS = ["manifest.json", "manifest.json.p7s", "delta-1.0.0.json"] as const;
const PACKS = ["targets-0.pack", "delta-1.0.0-0.pack"] as const;

/** A copy of the newer bundle with one asset damaged. */
function spoiled(asset: string, damage: Damage): string {
  const bundle = world.at("spoiled");
  rmSync(bundle, { recursive: true, force: true });
  cpSync(world.newBundle, bundle, { recursive: true });
  damageFile(join(bundle, asset), damage);
  return bundle;
}

/** Every file under its final name is whole: nothing but the one tree or the other is there. */
function expectOneOf(root: string, isDone: boolean): void {
  expect(snapshot(root)).toEqual(isDone ? newTree : oldTree);
}

it("documents of a source, 500 times: refused by name before anything is written", async () => {
  const records = snapshot(join(world.device("old"), ".themis"));
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...DOCUMENTS), arbitraryDamage, async (asset, damage) => {
      const root = world.device("old");
      const error = await tryUpdate(root, spoiled(asset, damage), world.anchor);
      expectOneOf(root, !error);
      // It made no difference, such as two stretches that are alike.
      if (!error) return;
      expect(error.kind, error.message).toBe("refused");
      // A delta manifest is read when the release is proven and the device locked.
      if (asset !== "delta-1.0.0.json") expect(snapshot(join(root, ".themis"))).toEqual(records);
      // The device is as it was whatever was refused, so that a few prove it for all.
      else if (damage.kind === "append")
        expect(await tryUpdate(root, world.newBundle, world.anchor)).toBe(undefined);
    }),
    { numRuns: 500 },
  );
});

it("packs of a source, 70 times: a patch costs its file the whole target, a target the update", async () => {
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...PACKS), arbitraryDamage, async (asset, damage) => {
      const root = world.device("old");
      const error = await tryUpdate(root, spoiled(asset, damage), world.anchor);
      expectOneOf(root, !error);
      if (!error) return;
      expect(asset).toBe("targets-0.pack");
      expect(["TRANSFER_DIGEST_MISMATCH", "ASSET_SIZE"]).toContain(error.code);
      expect(await tryUpdate(root, world.newBundle, world.anchor)).toBe(undefined);
      expectOneOf(root, true);
    }),
    { numRuns: 70 },
  );
});

it("what a server serves, 70 times", async () => {
  const names = readdirSync(world.newBundle);
  const right = new Map(names.map((name) => [name, readFileSync(join(world.newBundle, name))]));
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...DOCUMENTS, ...PACKS), arbitraryDamage, async (asset, damage) => {
      const root = world.device("old");
      const assets = new Map(right).set(asset, damaged(right.get(asset)!, damage));
      const server = await misbehavingServer({ assets, script: rightly });
      try {
        const error = await tryUpdate(root, server.url, world.anchor);
        expectOneOf(root, !error);
        // An empty document may come whole the next time; what else is wrong is the source's.
        if (error && error.code !== "TRANSFER_INTERRUPTED") expect(error.kind, error.message).toBe("refused");
      } finally {
        await server.close();
      }
    }),
    { numRuns: 70 },
  );
});

it("packs that came before, 60 times: what rotted is fetched again, and nothing else", async () => {
  const fetched = world.device("fetched");
  const parts = readdirSync(join(fetched, ".themis/transfer"));
  expect(parts.length).toBe(PACKS.length);
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...parts), arbitraryDamage, async (part, damage) => {
      const root = world.device("fetched");
      damageFile(join(root, ".themis/transfer", part), damage);
      expect(await tryUpdate(root, world.newBundle, world.anchor)).toBe(undefined);
      expectOneOf(root, true);
    }),
    { numRuns: 60 },
  );
});

it("a process says it by its exit status and one JSON document, 12 times", async () => {
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...DOCUMENTS, ...PACKS), arbitraryDamage, async (asset, damage) => {
      const root = world.device("old");
      const source = spoiled(asset, damage);
      const args = ["--source", source, "--root", root, "--trust-anchor", world.anchor, "--json"];
      const { status, stdout, stderr } = await run("themis-fetch", "update", ...args);
      expectOneOf(root, status === 0);
      expect(stderr).not.toMatch(/^ +at /m);
      const said = JSON.parse(stdout);
      if (status === 0) return;
      expect({ status, kind: said.error.kind }).toEqual({ status: 4, kind: "refused" });
    }),
    { numRuns: 12 },
  );
});

it("damage is what its name says", () => {
  const bytes = Uint8Array.of(0, 1, 2, 3, 4, 5, 6, 7);
  const hex = (damage: Damage): string => damaged(bytes, damage).toString("hex");
  expect(hex({ kind: "flip", at: 0.5, bit: 7 })).toBe("0001020384050607");
  expect(hex({ kind: "truncate", at: 0.5 })).toBe("00010203");
  expect(hex({ kind: "zero", at: 0.25, bytes: 3 })).toBe("0001000000050607");
  expect(hex({ kind: "append", bytes: Uint8Array.of(9) })).toBe("000102030405060709");
  expect(hex({ kind: "swap", at: 0.75, with: 0.25, bytes: 2 })).toBe("0001060704050203");
});
