/**
 * A system call of an update or a rollback fails: the command ends with an error that has a name, or does without
 * the call; the device runs the old or the new release, whole; and the next command goes on.
 */
import { rmSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { STRATEGIES } from "../../kit/strategies.ts";
import { Examiner } from "../../kit/sweep/after-cut.ts";
import {
  type Ending,
  hasStrace,
  nameOf,
  type Point,
  pointsOf,
  record,
  runWith,
} from "../../kit/sweep/strace.ts";
import { chosen, sweep } from "../../kit/sweep/sweep.ts";
import { type Action, makeSweepWorld, type SweepWorld } from "../../kit/sweep/sweep-world.ts";

/** Of each action and each error; all of them with npm run sweep. */
const POINTS = { "in-place": 8, slots: 4 } as const;
const RARE_POINTS = 3;

/** What a failing disk, a full one, a quota and a lost right end in. */
const CODES = new Set(["DISK_FAILED", "NO_SPACE", "ROOT_UNWRITABLE", "STATE_UNREADABLE", "SWITCH_FAILED"]);

const COMMON = ["EIO", "ENOSPC"] as const;
const RARE = ["EDQUOT", "EROFS", "EACCES"] as const;
/** A disk that is full or read-only does not say so to these. */
const NEEDS_NO_ROOM = new Set([
  "fsync",
  "fdatasync",
  "unlink",
  "rmdir",
  "chmod",
  "fchmod",
  "fchown",
  "ftruncate",
]);

type Failing = { readonly point: Point; readonly error: string };

describe.skipIf(!hasStrace()).each(STRATEGIES)("a call fails, %s", (strategy) => {
  let world: SweepWorld;
  let examiner: Examiner;

  beforeAll(async () => {
    world = await makeSweepWorld(strategy);
    examiner = await Examiner.of(world);
  });
  afterAll(() => world?.remove());

  it.each<Action>(["install", "update", "rollback"])(
    "in the middle of an %s: a clear error, a whole release",
    { timeout: 3_600_000 },
    async (action) => {
      const points = pointsOf(await record(world, action, world.device(action, `recorded-${action}`)));
      const failing = [
        ...COMMON.flatMap((error) => of(error, points, POINTS[strategy])),
        ...RARE.flatMap((error) => of(error, points, RARE_POINTS)),
      ];
      const endings = new Map<string, number>();
      const faults = await sweep(failing, named, async (each, index) => {
        const { ending, faults: found } = await failAt(action, each, index);
        const kind = ending.outcome === "failed" ? ending.code : ending.outcome;
        endings.set(kind, (endings.get(kind) ?? 0) + 1);
        return found;
      });
      console.log(
        `error sweep: ${strategy}: ${action}: ${failing.length} errors at ${points.length} points, ${faults.length} faults; ` +
          [...endings].map(([kind, count]) => `${kind} ${count}`).join(", "),
      );
      expect(faults).toEqual([]);
    },
  );

  function of(error: string, points: readonly Point[], most: number): Failing[] {
    const able = points.filter(({ call }) => error === "EIO" || !NEEDS_NO_ROOM.has(call));
    return chosen(able, most).map((point) => ({ point, error }));
  }

  function named({ point, error }: Failing): string {
    return `${error} for ${nameOf(point)}`;
  }

  async function failAt(action: Action, { point, error }: Failing, index: number) {
    const root = world.device(action, `${action}-${index}`);
    const ending = await runWith(world, action, root, point, `error=${error}`);
    const faults = [...endingFaults(ending), ...(await treeFaults(action, root, ending))];
    // What comes after a fault is its consequence.
    if (faults.length === 0)
      faults.push(...(await examiner.faults(action, root, index % 2 === 0 ? "recover" : "update")));
    rmSync(root, { recursive: true, force: true });
    return { ending, faults };
  }

  function endingFaults(ending: Ending): string[] {
    if (ending.outcome === "done" || (ending.outcome === "failed" && CODES.has(ending.code))) return [];
    return [`it ended as ${JSON.stringify(ending)}`];
  }

  /** A rollback goes forward only: until the next command does the rest, its tree may be in between, and it says so. */
  async function treeFaults(action: Action, root: string, ending: Ending): Promise<string[]> {
    const [before, after] = {
      install: ["empty", "new"],
      update: ["old", "new"],
      undo: ["old", "new"],
      rollback: ["new", "old"],
    }[action];
    const tree = examiner.treeOf(root);
    if (ending.outcome === "done")
      return tree === after ? [] : [`it is done, and the tree is ${JSON.stringify(tree)}`];
    if (tree === before) return [];
    const { unfinished } = await examiner.status(root);
    const isSaid = unfinished && (tree === after || action === "rollback");
    return isSaid
      ? []
      : [`the tree is ${JSON.stringify(tree)}, the records ${unfinished ? "say" : "do not say"} so`];
  }
});
