/**
 * The power goes at any moment of an update or a rollback, and the disk keeps of what was not yet made to last
 * whatever it may: the next command leaves the old or the new release, whole.
 */
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { STRATEGIES } from "../../kit/strategies.ts";
import { Examiner } from "../../kit/sweep/after-cut.ts";
import { type CrashState, crashStates, currentState, makeState } from "../../kit/sweep/crash-states.ts";
import { DiskModel } from "../../kit/sweep/disk-model.ts";
import type { SystemCall } from "../../kit/sweep/recording.ts";
import { hasStrace, record } from "../../kit/sweep/strace.ts";
import { chosen, SEED, sweep } from "../../kit/sweep/sweep.ts";
import { type Action, makeSweepWorld, type SweepWorld } from "../../kit/sweep/sweep-world.ts";

/** Of each action; all of them with npm run sweep. */
const STATES = { "in-place": 100, slots: 60 } as const;

type Found = { readonly state: CrashState; readonly after: string };

describe.skipIf(!hasStrace()).each(STRATEGIES)("the power goes, %s", (strategy) => {
  let world: SweepWorld;
  let examiner: Examiner;

  beforeAll(async () => {
    world = await makeSweepWorld(strategy);
    examiner = await Examiner.of(world);
  });
  afterAll(() => world?.remove());

  it.each<Action>(["install", "update", "undo", "rollback"])(
    "at any moment of an %s: old or new, whole",
    { timeout: 3_600_000 },
    async (action) => {
      const root = world.device(action, `recorded-${action}`);
      const model = new DiskModel(root);
      const calls = await record(world, action, root);
      const states = legalStates(model, calls);
      // The model is right, or nothing of this means anything.
      expect(currentState(model).digest).toBe(currentState(new DiskModel(root)).digest);
      const swept = chosen(states, STATES[strategy]);
      const faults = await sweep(
        swept,
        ({ after }) => after,
        ({ state }, index) => examine(action, state, index),
      );
      console.log(
        `power loss: ${strategy}: ${action}: ${calls.length} calls, ${states.length} different states (seed ${SEED}), ` +
          `${swept.length} checked, ${faults.length} bad`,
      );
      expect(faults).toEqual([]);
    },
  );

  /** In turn, a command that only recovers comes next, or an update at once. */
  async function examine(action: Action, state: CrashState, index: number): Promise<readonly string[]> {
    const root = join(world.folder, `lost-${action}-${index}`);
    mkdirSync(root);
    makeState(state, root);
    const faults = await examiner.faults(action, root, index % 2 === 0 ? "recover" : "update");
    rmSync(root, { recursive: true, force: true });
    return faults;
  }
});

/** Each state once, with the call after which it may be met first. */
function legalStates(model: DiskModel, calls: readonly SystemCall[]): Found[] {
  const found = new Map<string, Found>();
  const random = randomFrom(SEED);
  for (const call of calls) {
    model.apply(call);
    if (!call.changes) continue;
    const after = `after ${call.name} of ${call.paths.join(", ")}`;
    for (const state of crashStates(model, random)) {
      if (!found.has(state.digest)) found.set(state.digest, { state, after });
    }
  }
  return [...found.values()];
}

/** Marsaglia's xorshift: the same states for the same seed. */
function randomFrom(seed: number): () => number {
  let state = seed | 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}
