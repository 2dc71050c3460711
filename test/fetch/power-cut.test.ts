/** The power goes before step 0, 1, 2 ... of a switch: the next command leaves the old or the new release, whole. */
import { spawnSync } from "node:child_process";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { installed } from "../kit/strategies.ts";
import { makeWorld, ok, snapshot, type World } from "../kit/world.ts";

/** How many steps a switch has at the least, and some before which a rollback is cut. */
const SWITCHES = [
  { strategy: "in-place", leastSteps: { update: 7, rollback: 7 }, cuts: [0, 3, 6] },
  { strategy: "slots", leastSteps: { update: 2, rollback: 1 }, cuts: [0] },
] as const;

describe.each(SWITCHES)("$strategy", ({ strategy, leastSteps, cuts: someCuts }) => {
  let world: World;

  beforeAll(async () => {
    world = await makeWorld();
  });
  afterAll(() => world.remove());

  function cut(action: "update" | "rollback", root: string, step: number): string | null {
    const script = join(import.meta.dirname, "../kit/update-and-die.ts");
    const args = [script, action, root, world.page, world.anchor, "1.1.0", String(step)];
    const { status, signal, stderr } = spawnSync(process.execPath, args, { encoding: "utf8" });
    if (status !== 0 && signal === null) throw new Error(stderr);
    return signal;
  }

  const device = (root: string): string[] => [
    "--root",
    root,
    "--trust-anchor",
    world.anchor,
    "--source",
    world.page,
  ];

  it("in an update: the next one finishes it", async () => {
    let cuts = 0;
    for (let step = 0; ; step++, cuts++) {
      const root = world.device(`update-${step}`);
      await ok("themis-fetch", "update", ...device(root), "--version", "1.0.0", "--strategy", strategy);
      if (cut("update", root, step) === null) break;
      expect(await ok("themis-fetch", "status", "--root", root)).toMatchObject({ unfinished: true });
      expect(await ok("themis-fetch", "update", ...device(root))).toMatchObject({
        recovery: "finished",
        to: "1.1.0",
      });
      expect(installed(strategy, root), `cut before step ${step}`).toEqual(snapshot(world.new));
      await ok("themis-fetch", "rollback", "--root", root);
      expect(installed(strategy, root), `rolled back after a cut before step ${step}`).toEqual(
        snapshot(world.old),
      );
    }
    expect(cuts).toBeGreaterThanOrEqual(leastSteps.update);
  });

  it("in a rollback: the same rollback again finishes it, and goes no further back", async () => {
    for (const step of someCuts) {
      const root = world.device(`rollback-again-${step}`);
      await ok("themis-fetch", "update", ...device(root), "--version", "1.0.0", "--strategy", strategy);
      await ok("themis-fetch", "update", ...device(root));
      expect(cut("rollback", root, step)).toBe("SIGKILL");
      expect(await ok("themis-fetch", "rollback", "--root", root)).toMatchObject({
        recovery: "finished",
        from: "1.1.0",
        to: "1.0.0",
      });
      expect(installed(strategy, root), `cut before step ${step}`).toEqual(snapshot(world.old));
      expect(await ok("themis-fetch", "status", "--root", root)).toMatchObject({ version: "1.0.0" });
      // Asked once more it goes back once more.
      expect(await ok("themis-fetch", "rollback", "--root", root)).toMatchObject({
        to: "",
        recovery: "nothing",
      });
    }
  });

  it("in a rollback, and what was staged did not last: it is staged again", async () => {
    const root = world.device("rollback-unstaged");
    await ok("themis-fetch", "update", ...device(root), "--version", "1.0.0", "--strategy", strategy);
    await ok("themis-fetch", "update", ...device(root));
    expect(cut("rollback", root, someCuts.at(-1)!)).toBe("SIGKILL");
    rmSync(join(root, ".themis/staged"), { recursive: true });
    expect(await ok("themis-fetch", "rollback", "--root", root)).toMatchObject({ recovery: "finished" });
    expect(installed(strategy, root)).toEqual(snapshot(world.old));
  });

  it("in a rollback: the next command finishes that too", async () => {
    let cuts = 0;
    for (let step = 0; ; step++, cuts++) {
      const root = world.device(`rollback-${step}`);
      await ok("themis-fetch", "update", ...device(root), "--version", "1.0.0", "--strategy", strategy);
      await ok("themis-fetch", "update", ...device(root));
      if (cut("rollback", root, step) === null) break;
      expect(await ok("themis-fetch", "update", ...device(root))).toMatchObject({
        recovery: "finished",
        from: "1.0.0",
      });
      expect(installed(strategy, root), `cut before step ${step}`).toEqual(snapshot(world.new));
    }
    expect(cuts).toBeGreaterThanOrEqual(leastSteps.rollback);
  });
});
