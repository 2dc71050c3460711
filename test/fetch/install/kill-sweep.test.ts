/**
 * SIGKILL at the system calls of an update and of a rollback: the next command leaves the old or the new release,
 * whole, with its records, and the ways forward and back are open.
 */
import { rmSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { STRATEGIES } from "../../kit/strategies.ts";
import { Examiner } from "../../kit/sweep/after-cut.ts";
import { hasStrace, nameOf, type Point, pointsOf, record, runWith } from "../../kit/sweep/strace.ts";
import { chosen, sweep } from "../../kit/sweep/sweep.ts";
import { type Action, makeSweepWorld, type SweepWorld } from "../../kit/sweep/sweep-world.ts";

/** Of each action by slots a half: their switch has fewer steps. */
const LEAST_POINTS = { "in-place": 200, slots: 100 } as const;

describe.skipIf(!hasStrace()).each(STRATEGIES)("killed, %s", (strategy) => {
  let world: SweepWorld;
  let examiner: Examiner;
  let points = 0;
  const leastPoints = LEAST_POINTS[strategy];

  beforeAll(async () => {
    world = await makeSweepWorld(strategy);
    examiner = await Examiner.of(world);
  });
  afterAll(() => world?.remove());

  it.each<Action>(["install", "update", "undo", "rollback"])(
    "at any call of an %s: old or new, whole",
    { timeout: 1_800_000 },
    async (action) => {
      const all = pointsOf(await record(world, action, world.device(action, `recorded-${action}`)));
      const swept = chosen(all, leastPoints / 4);
      points += swept.length;
      const faults = await sweep(swept, nameOf, (point, index) => killAt(action, point, index));
      console.log(
        `kill sweep: ${strategy}: ${action}: ${swept.length} of ${all.length} points, ${faults.length} faults`,
      );
      expect(faults).toEqual([]);
    },
  );

  it(`has met at least ${leastPoints} points`, () => {
    expect(points).toBeGreaterThanOrEqual(leastPoints);
  });

  /** In turn, a command that only recovers comes next, or an update at once. */
  async function killAt(action: Action, point: Point, index: number): Promise<readonly string[]> {
    const root = world.device(action, `${action}-${index}`);
    const ending = await runWith(world, action, root, point, "signal=SIGKILL");
    if (ending.outcome !== "killed") return [`it was never reached: ${JSON.stringify(ending)}`];
    const faults = await examiner.faults(action, root, index % 2 === 0 ? "recover" : "update");
    rmSync(root, { recursive: true, force: true });
    return faults;
  }
});
