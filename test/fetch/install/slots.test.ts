/** What only slots have: one symlink, shared files, older slots as ways back, and a root that keeps its strategy. */
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  constants,
  copyFileSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Check } from "../../../src/fetch/health/check.ts";
import type { Gate } from "../../../src/fetch/install/gate.ts";
import type { StrategyName } from "../../../src/fetch/install/strategy.ts";
import { repair } from "../../../src/fetch/repair.ts";
import { readStatus, rollBack } from "../../../src/fetch/rollback.ts";
import { planOnly, update } from "../../../src/fetch/update.ts";
import { readTrustAnchors } from "../../../src/trust/anchor.ts";
import { makeSmallWorld, type SmallWorld } from "../../kit/small-world.ts";
import { installed } from "../../kit/strategies.ts";
import { release, snapshot } from "../../kit/world.ts";

let world: SmallWorld;
/** Of the tree of 1.1.0 with one file more. */
let next: string;
beforeAll(async () => {
  world = await makeSmallWorld("slots");
  const tree = world.at("next");
  cpSync(world.new, tree, { recursive: true, verbatimSymlinks: true });
  mkdirSync(join(tree, "etc"));
  writeFileSync(join(tree, "etc/app.conf"), "threads = 4\n");
  next = await release(world, tree, "1.2.0", world.at("bundle-next"));
});
afterAll(() => world.remove());

const tools = { now: () => new Date() };

function requestFor(root: string, source: string, strategy?: StrategyName) {
  const anchors = readTrustAnchors(readFileSync(world.anchor));
  return { root, source, anchors, version: "", connections: 1, strategy };
}

const go = (root: string, source: string, strategy?: StrategyName) =>
  update(requestFor(root, source, strategy), tools);

const slotsOf = (root: string): string[] => readdirSync(join(root, "releases")).sort();
const isLinked = (one: string, other: string): boolean => lstatSync(one).ino === lstatSync(other).ino;

/** A device that has 1.1.0, and 1.0.0 to go back to. */
const device = (): string => world.device("new");

describe("a slot", () => {
  it("is the release and nothing else, and current points to it by a relative path", async () => {
    const root = device();
    expect(readlinkSync(join(root, "current"))).toBe("releases/1.1.0");
    expect(slotsOf(root)).toEqual(["1.0.0", "1.1.0"]);
    expect(snapshot(join(root, "releases/1.0.0"))).toEqual(snapshot(world.old));
    expect(snapshot(join(root, "releases/1.1.0"))).toEqual(snapshot(world.new));
    expect(readdirSync(root).sort()).toEqual([".themis", "current", "releases"]);
    expect(await readStatus(root)).toMatchObject({ strategy: "slots", version: "1.1.0" });
  });

  it("shares what is unchanged with the one before, but for what people edit and what has another mode", async () => {
    const root = device();
    await go(root, next);
    // Where the file system has reflinks the files are two.
    const shared = isLinked(join(root, "releases/1.1.0/new.dat"), join(root, "releases/1.2.0/new.dat"));
    expect(shared).toBe(!canClone());
    const mended = world.at("mended");
    rmSync(mended, { recursive: true, force: true });
    cpSync(world.at("next"), mended, { recursive: true, verbatimSymlinks: true });
    chmodSync(join(mended, "new.dat"), 0o600);
    const bundle = world.at("bundle-mended");
    if (!existsSync(bundle)) await release(world, mended, "1.3.0", bundle);
    await go(root, bundle);
    for (const path of ["etc/app.conf", "new.dat"])
      expect(isLinked(join(root, "releases/1.2.0", path), join(root, "releases/1.3.0", path)), path).toBe(
        false,
      );
    expect(snapshot(join(root, "releases/1.2.0"))).toEqual(snapshot(world.at("next")));
    expect(installed("slots", root)).toEqual(snapshot(mended));
  });

  it("of the same version and another manifest takes nobody's place", async () => {
    const root = device();
    const again = world.at("bundle-again");
    await release(world, world.at("next"), "1.1.0", again, "--sequence", "99999999999");
    expect(await go(root, again)).toMatchObject({ kind: "updated", to: "1.1.0" });
    expect(readlinkSync(join(root, "current"))).toBe("releases/1.1.0@2");
    expect(snapshot(join(root, "releases/1.1.0"))).toEqual(snapshot(world.new));
    expect(installed("slots", root)).toEqual(snapshot(world.at("next")));
    await rollBack({ root }, tools);
    expect(readlinkSync(join(root, "current"))).toBe("releases/1.1.0");
    expect(slotsOf(root)).toEqual(["1.0.0", "1.1.0"]);
  });

  it("that was damaged is mended beside itself", async () => {
    const root = device();
    rmSync(join(root, "current/new.dat"));
    await go(root, world.newBundle);
    expect(readlinkSync(join(root, "current"))).toBe("releases/1.1.0@2");
    expect(installed("slots", root)).toEqual(snapshot(world.new));
  });

  it("goes when no way back leads to it, as many stay as are asked for, and what is current never goes", async () => {
    const root = world.device("old");
    for (let minor = 1; minor <= 7; minor++) {
      const tree = world.at(`tree-${minor}`);
      mkdirSync(tree);
      writeFileSync(join(tree, "version"), `${minor}`);
      const bundle = await release(world, tree, `2.${minor}.0`, world.at(`bundle-2.${minor}`));
      await update({ ...requestFor(root, bundle), retention: { count: 5 } }, tools);
      expect(readFileSync(join(root, "current/version"), "utf8")).toBe(`${minor}`);
    }
    expect(slotsOf(root)).toEqual(["2.2.0", "2.3.0", "2.4.0", "2.5.0", "2.6.0", "2.7.0"]);
    const { restorePoints } = await readStatus(root);
    expect(restorePoints.map(({ slot }) => slot)).toEqual(
      ["2.6.0", "2.5.0", "2.4.0", "2.3.0", "2.2.0"].map((version) => `releases/${version}`),
    );
    await rollBack({ root, to: restorePoints.at(-1)!.id }, tools);
    expect(readFileSync(join(root, "current/version"), "utf8")).toBe("2");
    expect(slotsOf(root)).toEqual(["2.2.0"]);
  });
});

describe("a rollback", () => {
  it.each([
    { why: "a byte of it changed", damage: (slot: string) => appendTo(join(slot, "data.txt")) },
    { why: "a file of it is gone", damage: (slot: string) => rmSync(join(slot, "gone.txt")) },
    {
      why: "a file of it is a link to the same bytes",
      damage: (slot: string) => {
        renameSync(join(slot, "data.txt"), world.at("elsewhere"));
        symlinkSync(world.at("elsewhere"), join(slot, "data.txt"));
      },
    },
  ])("is refused when $why", async ({ damage }) => {
    const root = device();
    damage(join(root, "releases/1.0.0"));
    await expect(rollBack({ root }, tools)).rejects.toMatchObject({
      code: "RESTORE_POINT_TAMPERED",
      kind: "refused",
    });
    expect(installed("slots", root)).toEqual(snapshot(world.new));
    expect(await readStatus(root)).toMatchObject({ version: "1.1.0", unfinished: false });
  });

  it("puts modes right", async () => {
    const root = device();
    chmodSync(join(root, "releases/1.0.0/bin/tool"), 0o600);
    await rollBack({ root }, tools);
    expect(installed("slots", root)).toEqual(snapshot(world.old));
  });

  it("leaves what was written in place to a file that two slots share, as in place; repair mends it", async () => {
    const root = device();
    await go(root, next);
    if (canClone()) return;
    appendTo(join(root, "current/new.dat"));
    await rollBack({ root }, tools);
    expect(installed("slots", root)).not.toEqual(snapshot(world.new));
    await repair(requestFor(root, world.newBundle), tools);
    expect(installed("slots", root)).toEqual(snapshot(world.new));
    expect((await readStatus(root)).restorePoints.map(({ fromVersion }) => fromVersion)).toEqual([
      "1.0.0",
      "",
    ]);
  });

  it("is made when a release wrote in place to a file that it shares, and then failed its checks", async () => {
    const root = device();
    if (canClone()) return;
    const writes: Check = {
      name: "writes",
      kind: "smoke",
      timeoutMs: 20_000,
      run: {
        function: ({ root: tree }) => {
          appendTo(join(tree, "new.dat"));
          return { passed: false, expected: "an answer", found: "none" };
        },
      },
    };
    const gate: Gate = { checks: [writes], confirmation: { by: "checks" } };
    await expect(update({ ...requestFor(root, next), gate }, tools)).rejects.toMatchObject({
      code: "CHECK_FAILED",
    });
    expect(readlinkSync(join(root, "current"))).toBe("releases/1.1.0");
    expect(await readStatus(root)).toMatchObject({ version: "1.1.0", unfinished: false });
  });

  it("brings operators' files back as they were, and an update takes them along", async () => {
    const root = device();
    await go(root, next);
    const edited = join(root, "current/etc/app.conf");
    writeFileSync(edited, "threads = 64\n");
    const tree = world.at("tuned");
    cpSync(world.at("next"), tree, { recursive: true, verbatimSymlinks: true });
    writeFileSync(join(tree, "etc/app.conf"), "threads = 8\n");
    const bundle = await release(world, tree, "1.4.0", world.at("bundle-tuned"));
    const result = await update({ ...requestFor(root, bundle), keep: ["etc/*.conf"] }, tools);
    expect(result.operators).toEqual([{ path: "etc/app.conf", beside: "etc/app.conf.new" }]);
    expect(readFileSync(edited, "utf8")).toBe("threads = 64\n");
    expect(readFileSync(`${edited}.new`, "utf8")).toBe("threads = 8\n");
    writeFileSync(edited, "threads = 9\n");
    await rollBack({ root }, tools);
    expect(readFileSync(edited, "utf8")).toBe("threads = 64\n");
    expect(existsSync(`${edited}.new`)).toBe(false);
  });
});

describe("a root", () => {
  it("that was installed in place is refused for slots, and the reverse; unasked it stays as it is", async () => {
    const flat = world.at("flat");
    mkdirSync(flat);
    await go(flat, world.oldBundle);
    expect(await readStatus(flat)).toMatchObject({ strategy: "in-place" });
    for (const [root, other] of [
      [flat, "slots"],
      [device(), "in-place"],
    ] as const) {
      const before = snapshot(root);
      for (const act of [update, planOnly]) {
        await expect(act(requestFor(root, world.newBundle, other), tools)).rejects.toMatchObject({
          code: "STRATEGY_DIFFERS",
          kind: "usage",
          hint: expect.stringContaining("empty root"),
        });
      }
      expect(snapshot(root)).toEqual(before);
      expect(await planOnly(requestFor(root, world.newBundle), tools)).not.toMatchObject({ strategy: other });
    }
  });

  it("that is empty again may have the other", async () => {
    const root = world.device("old");
    await rollBack({ root }, tools);
    expect(snapshot(root)).toEqual({});
    expect(await readStatus(root)).toMatchObject({ strategy: undefined });
    await go(root, world.oldBundle, "in-place");
    expect(snapshot(root)).toEqual(snapshot(world.old));
  });

  it("whose records are lost still has its slots, and the one that ran is a way back", async () => {
    const root = device();
    rmSync(join(root, ".themis"), { recursive: true });
    await go(root, next);
    expect(installed("slots", root)).toEqual(snapshot(world.at("next")));
    await rollBack({ root }, tools);
    expect(installed("slots", root)).toEqual(snapshot(world.new));
  });

  it.each([
    {
      why: "a folder is in the place of current",
      code: "PATH_OCCUPIED",
      make: (root: string) => mkdirSync(join(root, "current")),
    },
    {
      why: "current leads out of it",
      code: "ROOT_UNSAFE",
      make: (root: string) => symlinkSync("../elsewhere", join(root, "current")),
    },
    {
      why: "current leads to the records",
      code: "ROOT_UNSAFE",
      make: (root: string) => symlinkSync("releases/../.themis", join(root, "current")),
    },
    {
      why: "releases is a symlink",
      code: "ROOT_UNSAFE",
      make: (root: string) => symlinkSync(world.old, join(root, "releases")),
    },
  ])("is refused when $why", async ({ code, make }) => {
    const root = world.at("occupied");
    rmSync(root, { recursive: true, force: true });
    mkdirSync(root);
    make(root);
    const before = snapshot(world.old);
    await expect(go(root, world.newBundle, "slots")).rejects.toMatchObject({ code });
    expect(snapshot(world.old)).toEqual(before);
  });

  it("loses no slot when releases is led elsewhere afterwards", async () => {
    const root = device();
    const elsewhere = world.at("led");
    rmSync(elsewhere, { recursive: true, force: true });
    renameSync(join(root, "releases"), elsewhere);
    symlinkSync(elsewhere, join(root, "releases"));
    mkdirSync(join(elsewhere, "0.9.0"));
    await expect(go(root, next)).rejects.toMatchObject({ code: "ROOT_UNSAFE" });
    expect(readdirSync(elsewhere).sort()).toEqual(["0.9.0", "1.0.0", "1.1.0"]);
  });
});

describe("what was cut", () => {
  it.each([
    { step: 0, tree: ".themis/building" },
    { step: 1, tree: "releases/1.1.0" },
  ])("before step $step and rotted in $tree is undone", async ({ step, tree }) => {
    const root = world.device("old");
    const script = join(import.meta.dirname, "../../kit/update-and-die.ts");
    const args = [script, "update", root, world.newBundle, world.anchor, "1.1.0", String(step)];
    const { signal, stderr } = spawnSync(process.execPath, args, { encoding: "utf8" });
    expect({ signal, stderr }).toMatchObject({ signal: "SIGKILL" });
    appendTo(join(root, tree, "new.dat"));
    await expect(rollBack({ root, to: "nothing" }, tools)).rejects.toMatchObject({
      code: "RESTORE_POINT_NOT_FOUND",
    });
    expect(installed("slots", root)).toEqual(snapshot(world.old));
    expect(slotsOf(root)).toEqual(["1.0.0"]);
    expect((await readStatus(root)).history[0]).toMatchObject({ toVersion: "1.1.0", result: "undone" });
  });
});

function appendTo(path: string): void {
  writeFileSync(path, "?", { flag: "a" });
}

function canClone(): boolean {
  const [from, to] = [world.at("clone-from"), world.at("clone-to")];
  writeFileSync(from, "bytes");
  try {
    copyFileSync(from, to, constants.COPYFILE_FICLONE_FORCE);
    return true;
  } catch {
    return false;
  }
}
