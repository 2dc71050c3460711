/**
 * Random damage to what a device keeps: its records and their journal, staged files of a switch that was cut, restore
 * points. Records that rotted are never taken for none, and what rotted never gets a final name.
 */
import { copyFileSync, cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readStatus, rollBack } from "../../src/fetch/rollback.ts";
import { arbitraryDamage, type Damage, damageFile } from "../kit/damage.ts";
import {
  CUTS,
  type DeviceState,
  makeSmallWorld,
  orThemisError,
  type SmallWorld,
  tryUpdate,
} from "../kit/small-world.ts";
import { run, snapshot } from "../kit/world.ts";

let world: SmallWorld;
let [oldTree, newTree]: Record<string, string>[] = [];

beforeAll(async () => {
  world = await makeSmallWorld();
  oldTree = snapshot(world.old);
  newTree = snapshot(world.new);
});
afterAll(() => world.remove());

const stateOf = (root: string): string => join(root, ".themis/state.db");
const tryRollBack = (root: string) => orThemisError(rollBack({ root }, { now: () => new Date() }));

/** Everything on a device, its records apart. */
function everything(root: string): Record<string, string> {
  const kept = Object.entries(snapshot(join(root, ".themis"))).filter(
    ([name]) => !name.startsWith("state.db"),
  );
  return { ...snapshot(root), ...Object.fromEntries(kept) };
}

describe("records", () => {
  const refusesOrUpdates = async (state: DeviceState, damage: Damage): Promise<void> => {
    const root = world.device(state);
    const before = everything(root);
    copyFileSync(stateOf(root), world.at("state.db"));
    damageFile(stateOf(root), damage);
    const error = await tryUpdate(root, world.newBundle, world.anchor);
    if (!error) {
      expect(snapshot(root)).toEqual(newTree);
      return;
    }
    expect(error).toMatchObject({ code: "STATE_CORRUPT", area: "local" });
    expect(everything(root)).toEqual(before);
    // The others are as they were, so that one of some proves it for all.
    if (damage.kind !== "truncate") return;
    for (const name of readdirSync(join(root, ".themis")))
      if (name.startsWith("state.db")) rmSync(join(root, ".themis", name));
    copyFileSync(world.at("state.db"), stateOf(root));
    expect(await tryUpdate(root, world.newBundle, world.anchor)).toBe(undefined);
    expect(snapshot(root)).toEqual(newTree);
  };

  it("before an update, 120 times: STATE_CORRUPT, or as if nothing were", async () => {
    const property = fc.asyncProperty(arbitraryDamage, (damage) => refusesOrUpdates("old", damage));
    await fc.assert(property, { numRuns: 120 });
  });

  it("while a switch is open, 60 times", async () => {
    const cuts = fc.constantFrom("cut-0", "cut-2", "cut-4", "back-0", "back-3" as const);
    await fc.assert(fc.asyncProperty(cuts, arbitraryDamage, refusesOrUpdates), { numRuns: 60 });
  });

  it("never let an older release in, 200 times", async () => {
    let root = world.device("new");
    await fc.assert(
      fc.asyncProperty(arbitraryDamage, async (damage) => {
        root = world.device("new");
        damageFile(stateOf(root), damage);
        const error = await tryUpdate(root, world.oldBundle, world.anchor);
        expect(["STATE_CORRUPT", "RELEASE_OLDER"]).toContain(error?.code);
        expect(snapshot(root)).toEqual(newTree);
      }),
      { numRuns: 200 },
    );
  });

  it.each([
    { what: "nothing", text: "" },
    { what: "zeros", text: "\0".repeat(4096) },
    { what: "SQLite's first bytes", text: "SQLite format 3\0" },
    { what: "other text", text: "not a database" },
  ])("of $what are damaged ones", async ({ text }) => {
    const root = world.device("new");
    writeFileSync(stateOf(root), text);
    for (const bundle of [world.oldBundle, world.newBundle])
      expect(await tryUpdate(root, bundle, world.anchor)).toMatchObject({ code: "STATE_CORRUPT" });
    expect(await orThemisError(readStatus(root))).toMatchObject({ code: "STATE_CORRUPT" });
    expect(await tryRollBack(root)).toMatchObject({ code: "STATE_CORRUPT" });
    // Without any the files that are right stay, and the device believes anew.
    rmSync(stateOf(root));
    expect(await tryUpdate(root, world.newBundle, world.anchor)).toBe(undefined);
    expect(snapshot(root)).toEqual(newTree);
  });

  it.each([
    {
      what: "nothing under the name of the highest sequence",
      from: '"highestSequence"',
      to: '"highestSequencf"',
    },
    { what: "a table by another name", from: "CREATE TABLE facts", to: "CREATE TABLE gacts" },
    { what: "another installed version", from: '"version":"1.1.0"', to: '"version":"1.1.1"' },
    { what: "another path of a file", from: '"path":"same.dat"', to: '"path":"same.dau"' },
  ])("with $what are damaged ones", async ({ from, to }) => {
    const root = world.device("new");
    const before = readFileSync(stateOf(root), "latin1");
    expect(before).toContain(from);
    writeFileSync(stateOf(root), before.replaceAll(from, to), "latin1");
    for (const bundle of [world.oldBundle, world.newBundle])
      expect(await tryUpdate(root, bundle, world.anchor)).toMatchObject({ code: "STATE_CORRUPT" });
    expect(await orThemisError(readStatus(root))).toMatchObject({ code: "STATE_CORRUPT" });
    expect(snapshot(root)).toEqual(newTree);
  });

  it("lead no step of an open switch to another place", async () => {
    const root = world.device("cut-0");
    const before = readFileSync(stateOf(root), "latin1");
    expect(before).toContain('"path":"new.dat"');
    writeFileSync(stateOf(root), before.replaceAll('"path":"new.dat"', '"path":"../n.da"'), "latin1");
    expect(await tryRollBack(root)).toMatchObject({ code: "STATE_CORRUPT" });
    expect(snapshot(root)).toEqual(oldTree);
  });

  it("whose making was cut are made anew", async () => {
    const root = world.at("made-anew");
    mkdirSync(join(root, ".themis"), { recursive: true });
    for (const name of ["state.db.new", "state.db.new-journal"])
      writeFileSync(join(root, ".themis", name), "half");
    expect(await tryUpdate(root, world.newBundle, world.anchor)).toBe(undefined);
    expect(snapshot(root)).toEqual(newTree);
  });
});

it("a lock that rotted is said to be one", async () => {
  const root = world.device("old");
  writeFileSync(join(root, ".themis/lock.db"), "not a database");
  const error = await tryUpdate(root, world.newBundle, world.anchor);
  expect(error).toMatchObject({ code: "STATE_CORRUPT", hint: expect.stringContaining("lock.db") });
  rmSync(join(root, ".themis/lock.db"));
  expect(await tryUpdate(root, world.newBundle, world.anchor)).toBe(undefined);
});

describe("a write of records that was cut", () => {
  it("is undone by whoever looks first, be it a command that writes nothing", async () => {
    const root = hotDevice();
    expect(await readStatus(root)).toMatchObject({ version: "1.0.0" });
    const again = hotDevice();
    expect(await tryUpdate(again, world.newBundle, world.anchor)).toBe(undefined);
    expect(snapshot(again)).toEqual(newTree);
  });

  it("and whose journal or records rotted, 60 times: STATE_CORRUPT, or as if nothing were", async () => {
    await fc.assert(
      fc.asyncProperty(fc.constantFrom("", "-journal"), arbitraryDamage, async (suffix, damage) => {
        const root = hotDevice();
        damageFile(stateOf(root) + suffix, damage);
        const error = await tryUpdate(root, world.oldBundle, world.anchor);
        if (error) expect(error.code).toBe("STATE_CORRUPT");
        else expect(await readStatus(root)).toMatchObject({ version: "1.0.0", files: 7 });
        expect(snapshot(root)).toEqual(oldTree);
      }),
      { numRuns: 60 },
    );
  });

  /** The old release, and a transaction that reached the disk without its end. */
  function hotDevice(): string {
    const root = world.device("old");
    const busy = world.at("busy.db");
    cpSync(stateOf(root), busy);
    const database = new DatabaseSync(busy);
    database.exec("PRAGMA cache_size=1; BEGIN IMMEDIATE; UPDATE facts SET value = '{}'; DELETE FROM seal;");
    const insert = database.prepare(
      "INSERT INTO history (at, who, action, from_version, to_version, result) VALUES (?, '', '', '', '', '')",
    );
    for (let i = 0; i < 20; i++) insert.run("x".repeat(2000));
    copyFileSync(busy, stateOf(root));
    copyFileSync(`${busy}-journal`, `${stateOf(root)}-journal`);
    database.close();
    return root;
  }
});

it("staged files of a switch that was cut, 80 times: what rotted is put back from the restore point or made anew", async () => {
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...CUTS), fc.nat(), arbitraryDamage, async (cut, which, damage) => {
      const root = world.device(cut);
      const staged = readdirSync(join(root, ".themis/staged"));
      const file = staged[which % staged.length];
      if (file !== undefined) damageFile(join(root, ".themis/staged", file), damage);
      // A rollback ends with the old release, whether it finishes one or undoes an update.
      expect(await tryRollBack(root)).toBe(undefined);
      expect(snapshot(root)).toEqual(oldTree);
      expect(await readStatus(root)).toMatchObject({ version: "1.0.0", unfinished: false });
    }),
    { numRuns: 80 },
  );
});

it("restore points, 80 times: refused with nothing changed", async () => {
  const points = join(world.device("new"), ".themis/restore");
  const newest = readdirSync(points).sort().at(-1)!;
  const files = readdirSync(join(points, newest));
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...files), arbitraryDamage, async (file, damage) => {
      const root = world.device("new");
      const path = join(root, ".themis/restore", newest, file);
      copyFileSync(path, world.at("copy"));
      damageFile(path, damage);
      const error = await tryRollBack(root);
      if (error) {
        expect(error).toMatchObject({ code: "RESTORE_POINT_TAMPERED", kind: "refused" });
        expect(snapshot(root)).toEqual(newTree);
        copyFileSync(world.at("copy"), path);
        expect(await tryRollBack(root)).toBe(undefined);
      }
      expect(snapshot(root)).toEqual(oldTree);
    }),
    { numRuns: 80 },
  );
});

it("a process says it by its exit status and one JSON document, 8 times", async () => {
  await fc.assert(
    fc.asyncProperty(
      arbitraryDamage,
      fc.constantFrom("status", "update", "rollback"),
      async (damage, command) => {
        const root = world.device("old");
        damageFile(stateOf(root), damage);
        const more =
          command === "update" ? ["--source", world.newBundle, "--trust-anchor", world.anchor] : [];
        const { status, stdout, stderr } = await run(
          "themis-fetch",
          command,
          "--root",
          root,
          ...more,
          "--json",
        );
        expect(stderr).not.toMatch(/^ +at /m);
        const said = JSON.parse(stdout);
        if (status !== 0)
          expect({ status, code: said.error.code }).toEqual({ status: 6, code: "STATE_CORRUPT" });
      },
    ),
    { numRuns: 8 },
  );
});
