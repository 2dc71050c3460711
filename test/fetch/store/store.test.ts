/** Targets kept once for all roots: what a store has is not fetched, and nothing in it is believed for its name. */
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { sha256 } from "../../../src/base/digest.ts";
import { makeSmallWorld, type SmallWorld } from "../../kit/small-world.ts";
import { installed, STRATEGIES } from "../../kit/strategies.ts";
import { ok, release, run, snapshot } from "../../kit/world.ts";

let world: SmallWorld;
let store: string;
beforeAll(async () => {
  world = await makeSmallWorld();
});
afterAll(() => world.remove());
beforeEach(() => {
  store = world.at("store");
  rmSync(store, { recursive: true, force: true });
});

function emptyRoot(name: string): string {
  const root = world.at(name);
  rmSync(root, { recursive: true, force: true });
  mkdirSync(root);
  return root;
}

const device = (root: string, source: string): string[] => [
  ...["--root", root, "--source", source, "--trust-anchor", world.anchor],
  ...["--store", store],
];
const update = (root: string, source: string, ...more: string[]) =>
  ok("themis-fetch", "update", ...device(root, source), ...more);
const fsck = (...more: string[]) => run("themis-fetch", "store", "fsck", "--store", store, "--json", ...more);
const gc = () => ok("themis-fetch", "store", "gc", "--store", store);

function objectOf(path: string): string {
  const digest = sha256(readFileSync(path));
  return join(store, "sha256", digest.slice(0, 2), digest.slice(2));
}

function objects(): string[] {
  return readdirSync(join(store, "sha256"), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

describe.each(STRATEGIES)("%s", (strategy) => {
  it("what another root brought costs no download, by an update too, and the plan says so", async () => {
    const [one, other] = [emptyRoot("one"), emptyRoot("other")];
    await update(one, world.oldBundle, "--strategy", strategy);
    await update(one, world.newBundle);
    const first = await ok("themis-fetch", "plan", ...device(other, world.oldBundle), "--strategy", strategy);
    expect(first).toMatchObject({ bytesToFetch: 0 });
    expect((first.steps as { action: string }[]).filter(({ action }) => action === "download")).toEqual([]);
    await update(other, world.oldBundle, "--strategy", strategy);
    expect(installed(strategy, other)).toEqual(snapshot(world.old));
    const second = await ok("themis-fetch", "plan", ...device(other, world.newBundle));
    expect(second).toMatchObject({ bytesToFetch: 0 });
    expect(second.steps).toContainEqual(
      expect.objectContaining({ action: "store", path: "bin/tool", bytes: 0 }),
    );
    expect(await update(other, world.newBundle)).toMatchObject({ fellBack: [] });
    expect(installed(strategy, other)).toEqual(snapshot(world.new));
    await ok("themis-fetch", "rollback", "--root", other);
    expect(installed(strategy, other)).toEqual(snapshot(world.old));
  });
});

it("plan writes nothing, and a store that is not there is empty", async () => {
  const root = emptyRoot("plan");
  const plan = await ok("themis-fetch", "plan", ...device(root, world.oldBundle));
  expect(plan).not.toMatchObject({ bytesToFetch: 0 });
  expect(existsSync(store)).toBe(false);
});

it.each([
  { why: "has other bytes", damage: (path: string) => writeFileSync(path, Buffer.alloc(60_000)), said: 1 },
  // The plan sees it already.
  { why: "is too short", damage: (path: string) => writeFileSync(path, "short"), said: 0 },
  {
    why: "is a symlink",
    damage: (path: string) => {
      rmSync(path);
      symlinkSync(join(world.old, "bin/tool"), path);
    },
    said: 0,
  },
])("an object that $why is fetched, and right afterwards", async ({ damage, said }) => {
  await update(emptyRoot("one"), world.oldBundle);
  const object = objectOf(join(world.old, "bin/tool"));
  if (process.getuid?.() !== 0) chmodSync(object, 0o644);
  damage(object);
  const root = emptyRoot("other");
  const { fellBack } = (await update(root, world.oldBundle)) as { fellBack: object[] };
  expect(snapshot(root)).toEqual(snapshot(world.old));
  expect(fellBack).toHaveLength(said);
  expect(sha256(readFileSync(object))).toBe(sha256(readFileSync(join(world.old, "bin/tool"))));
  expect(lstatSync(object).isFile()).toBe(true);
  expect((await fsck()).status).toBe(0);
});

it("objects are read-only, and one file with a target only where nobody may write to that", async () => {
  const tree = world.at("modes");
  mkdirSync(tree);
  for (const [name, mode] of [
    ["fixed", 0o444],
    ["program", 0o555],
    ["changes", 0o644],
  ] as const) {
    writeFileSync(join(tree, name), `the bytes of ${name}`);
    chmodSync(join(tree, name), mode);
  }
  const bundle = await release(world, tree, "3.0.0", world.at("bundle-modes"));
  for (const name of ["one", "other"]) {
    const root = emptyRoot(name);
    await update(root, bundle);
    expect(snapshot(root)).toEqual(snapshot(tree));
  }
  for (const object of objects()) expect(lstatSync(object).mode & 0o777).toBe(0o444);
  for (const name of ["program", "changes"]) {
    const { ino } = lstatSync(objectOf(join(tree, name)));
    for (const root of ["one", "other"]) expect(lstatSync(world.at(root, name)).ino).not.toBe(ino);
  }
  writeFileSync(world.at("one", "changes"), "in place");
  expect((await fsck()).status).toBe(0);
});

it("two processes at once, of two roots, leave two right trees and a right store", async () => {
  const roots = [emptyRoot("one"), emptyRoot("other")];
  const ended = await Promise.all(
    roots.map((root) => run("themis-fetch", "update", ...device(root, world.newBundle))),
  );
  expect(ended.map(({ status }) => status)).toEqual([0, 0]);
  for (const root of roots) expect(snapshot(root)).toEqual(snapshot(world.new));
  expect((await fsck()).status).toBe(0);
  expect(readdirSync(join(store, "roots"))).toHaveLength(2);
  expect(readdirSync(join(store, "tmp"))).toEqual([]);
});

it("a process that is killed before any name is given in it leaves a right store, and the next goes on", async () => {
  const script = join(import.meta.dirname, "../../kit/update-and-die-in-store.ts");
  let kills = 0;
  for (let at = 0; ; at++, kills++) {
    rmSync(store, { recursive: true, force: true });
    const root = emptyRoot("killed");
    const args = [script, root, world.oldBundle, world.anchor, store, String(at)];
    const { status, signal, stderr } = spawnSync(process.execPath, args, { encoding: "utf8" });
    if (signal === null) {
      expect({ status, stderr }).toMatchObject({ status: 0 });
      break;
    }
    expect((await fsck()).status, `before name ${at}`).toBe(0);
    await update(root, world.oldBundle);
    expect(snapshot(root), `before name ${at}`).toEqual(snapshot(world.old));
    expect(objects().length).toBeGreaterThan(3);
  }
  // A registration, and every file that is not empty.
  expect(kills).toBeGreaterThanOrEqual(5);
});

describe("gc", () => {
  it("removes what no registered root refers to, and forgets roots that are gone", async () => {
    const [one, other] = [emptyRoot("one"), emptyRoot("other")];
    await update(one, world.oldBundle);
    await update(other, world.oldBundle);
    await update(one, world.newBundle);
    expect(await gc()).toMatchObject({ roots: 2, removed: 0, forgotten: [] });
    rmSync(other, { recursive: true });
    const report = await gc();
    expect(report).toMatchObject({ roots: 1, forgotten: [other], removed: 3 });
    const wanted = ["bin/tool", "data.txt", "same.dat", "new.dat"].map((path) =>
      objectOf(join(world.new, path)),
    );
    expect(objects().sort()).toEqual(wanted.filter((path) => existsSync(path)).sort());
    expect((await fsck()).status).toBe(0);
    // What it removed is fetched again.
    await update(emptyRoot("again"), world.oldBundle);
    expect(snapshot(world.at("again"))).toEqual(snapshot(world.old));
  });

  it("removes nothing when a root's records are damaged", async () => {
    const root = emptyRoot("one");
    await update(root, world.oldBundle);
    writeFileSync(join(root, ".themis/state.db"), "not records");
    const before = objects();
    const { status, stdout } = await run("themis-fetch", "store", "gc", "--store", store, "--json");
    expect({ status, code: JSON.parse(stdout).error.code }).toEqual({ status: 6, code: "STATE_CORRUPT" });
    expect(objects()).toEqual(before);
  });
});

describe("fsck", () => {
  it("names what is rotten; --repair sets it aside, gc removes it", async () => {
    await update(emptyRoot("one"), world.oldBundle);
    const object = objectOf(join(world.old, "same.dat"));
    if (process.getuid?.() !== 0) chmodSync(object, 0o644);
    writeFileSync(object, Buffer.alloc(1000));
    const { status, stdout } = await fsck();
    expect(status).toBe(6);
    expect(JSON.parse(stdout).error).toMatchObject({
      code: "STORE_DAMAGED",
      facts: { faults: { length: 1 } },
    });
    expect((await fsck("--repair")).status).toBe(0);
    expect((await fsck()).status).toBe(0);
    expect(readdirSync(join(store, "aside"))).toHaveLength(1);
    await gc();
    expect(readdirSync(join(store, "aside"))).toEqual([]);
  });

  it("and gc leave alone and name what is no object, wherever somebody put it", async () => {
    await update(emptyRoot("one"), world.oldBundle);
    const strange = ["sha256/zz/stranger", "sha256/ab/short", "sha256/ab/folder/file", "sha256/file"];
    strange.push(`sha256/ab/${"c".repeat(62)}/in-a-folder-of-its-name`, "aside/stranger", "tmp/folder/file");
    for (const path of strange) {
      mkdirSync(dirname(join(store, path)), { recursive: true });
      writeFileSync(join(store, path), "what is this");
    }
    symlinkSync(world.anchor, join(store, `sha256/ab/${"d".repeat(62)}`));
    mkdirSync(join(store, "roots", "e".repeat(64)));
    const named = ["sha256/zz", "sha256/ab/short", "sha256/ab/folder", "sha256/file"];
    named.push(`sha256/ab/${"c".repeat(62)}`, `sha256/ab/${"d".repeat(62)}`);
    const report = await ok("themis-fetch", "store", "fsck", "--store", store, "--repair");
    expect((report.foreign as string[]).sort()).toEqual([...named].sort());
    expect(((await gc()).foreign as string[]).sort()).toEqual(
      [...named, "aside/stranger", "tmp/folder"].sort(),
    );
    for (const path of strange) expect(readFileSync(join(store, path), "utf8")).toBe("what is this");
    expect(existsSync(world.anchor)).toBe(true);
  });
});

describe("a store that cannot be used", () => {
  it.each(["gc", "fsck", "update"])(
    "because the folder is somebody's is left as it is by %s",
    async (which) => {
      mkdirSync(join(store, "sha256/ab"), { recursive: true });
      writeFileSync(join(store, "sha256/ab", "c".repeat(62)), "somebody's");
      const before = snapshot(store);
      const words =
        which === "update" ? ["update", ...device(emptyRoot("one"), world.oldBundle)] : ["store", which];
      if (which !== "update") words.push("--store", store);
      const { status, stdout } = await run("themis-fetch", ...words, "--json");
      expect(status).toBe(6);
      expect(JSON.parse(stdout).error).toMatchObject({
        code: "STORE_UNUSABLE",
        message: `${store} is not empty and is no store: it has no folder "roots"`,
        hint: expect.stringContaining("empty folder"),
      });
      expect(snapshot(store)).toEqual(before);
    },
  );

  it.each([
    { why: "is a file", make: () => writeFileSync(store, "a file") },
    {
      why: "leads elsewhere",
      make: () => {
        mkdirSync(store);
        symlinkSync(world.old, join(store, "sha256"));
      },
    },
  ])("because it $why is named before anything is fetched", async ({ make }) => {
    make();
    const root = emptyRoot("one");
    const { status, stdout } = await run(
      "themis-fetch",
      "update",
      ...device(root, world.oldBundle),
      "--json",
    );
    expect({ status, code: JSON.parse(stdout).error.code }).toEqual({ status: 6, code: "STORE_UNUSABLE" });
    expect(snapshot(root)).toEqual({});
    expect((await fsck()).status).toBe(6);
  });
});
