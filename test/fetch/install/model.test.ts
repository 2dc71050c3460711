/**
 * A device beside a model of it in a few lines: whatever is asked of both, in whatever order, with kills between, they
 * say the same of it. fast-check shortens what does not hold and prints seed and path;
 * THEMIS_MODEL_RUNS asks for more sequences.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ThemisError } from "../../../src/base/error.ts";
import { confirm } from "../../../src/fetch/confirm.ts";
import type { Check } from "../../../src/fetch/health/check.ts";
import type { Gate } from "../../../src/fetch/install/gate.ts";
import { readStatus, rollBack } from "../../../src/fetch/rollback.ts";
import { update } from "../../../src/fetch/update.ts";
import { readTrustAnchors } from "../../../src/trust/anchor.ts";
import { makeSmallWorld, type SmallWorld } from "../../kit/small-world.ts";
import { installed, STRATEGIES, treeOf } from "../../kit/strategies.ts";
import { snapshot } from "../../kit/world.ts";

type Version = "" | "1.0.0" | "1.1.0";
type Offered = Exclude<Version, "">;
/** What the tree is: a release, or one with a file that rotted. */
type Tree = { readonly version: Version; readonly isDamaged: boolean };
type Pending = {
  readonly kind: "cut" | "awaiting";
  readonly action: "update" | "rollback";
  readonly from: Tree;
  readonly to: Tree;
  readonly untilMs: number;
};
type Model = {
  tree: Tree;
  /** Ways back, the newest first. */
  ways: Tree[];
  highest: Version;
  pending: Pending | undefined;
  nowMs: number;
};
type Real = { readonly root: string; nowMs: number };
type GateName = "none" | "failing" | "operator";
type Step = fc.AsyncCommand<Model, Real>;

const HOUR_MS = 3_600_000;
const FAILING: Check = {
  name: "answers",
  kind: "smoke",
  timeoutMs: 20_000,
  run: { function: () => ({ passed: false, expected: "an answer", found: "none" }) },
};
const GATES: Readonly<Record<GateName, Gate>> = {
  none: { checks: [], confirmation: { by: "checks" } },
  failing: { checks: [FAILING], confirmation: { by: "checks" } },
  operator: { checks: [], confirmation: { by: "operator", withinMs: HOUR_MS / 2 } },
};

let world: SmallWorld;
let trees: Record<Version, Record<string, string>>;
let damagedTool: string;

function damage(root: string): void {
  writeFileSync(join(treeOf(world.strategy, root), "bin/tool"), "rotten");
}

const bundleOf = (version: Offered): string => (version === "1.0.0" ? world.oldBundle : world.newBundle);
const anchors = () => readTrustAnchors(readFileSync(world.anchor));

async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return "";
  } catch (error) {
    if (error instanceof ThemisError) return error.code;
    throw error;
  }
}

// The model ---------------------------------------------------------------------------------------------------

/** What every command does first, once it has the lock. @returns what became of what had been left open */
function settle(model: Model, gate: GateName): "nothing" | "finished" | "undone" | "awaiting" {
  const { pending } = model;
  if (!pending) return "nothing";
  if (pending.kind === "awaiting") {
    if (pending.untilMs > model.nowMs) return "awaiting";
    return undo(model, pending);
  }
  if (pending.action === "update" && gate === "failing") return undo(model, pending);
  finish(model, pending);
  return "finished";
}

function undo(model: Model, { from }: Pending): "undone" {
  model.tree = from;
  model.pending = undefined;
  return "undone";
}

function finish(model: Model, { action, from, to }: Pending): void {
  if (action === "rollback") model.ways.shift();
  else if (from.version !== to.version) model.ways.unshift(from);
  model.tree = to;
  model.pending = undefined;
}

function believed(model: Model, version: Offered): boolean {
  return version >= model.highest;
}

function modelUpdate(model: Model, version: Offered, gate: GateName): string {
  if (!believed(model, version)) return "RELEASE_OLDER";
  const open = model.pending;
  const outcome = settle(model, gate);
  if (outcome === "awaiting") return "CONFIRMATION_PENDING";
  // What it took back itself, for lack of a confirmation, it does not install again.
  if (outcome === "undone" && open?.kind === "awaiting" && open.to.version === version)
    return "RELEASE_HELD_BACK";
  const { tree: from } = model;
  if (from.version === version && !from.isDamaged) return "";
  model.highest = version;
  if (gate === "failing") return "CHECK_FAILED";
  const to = { version, isDamaged: false };
  const pending = {
    kind: "awaiting",
    action: "update",
    from,
    to,
    untilMs: model.nowMs + HOUR_MS / 2,
  } as const;
  if (gate === "operator") model.pending = pending;
  else finish(model, pending);
  return "";
}

function modelRollback(model: Model): string {
  const open = model.pending;
  const outcome = settle(model, "none");
  if (outcome === "awaiting") {
    undo(model, open!);
    return "";
  }
  // Who asks to go back after a cut means that switch.
  if (open && (open.action === "rollback" || outcome === "undone")) return "";
  const back = model.ways.shift();
  if (!back) return "RESTORE_POINT_NOT_FOUND";
  model.tree = back;
  return "";
}

function modelConfirm(model: Model): string {
  const open = model.pending;
  if (settle(model, "none") !== "awaiting") return "NOTHING_TO_CONFIRM";
  finish(model, open!);
  return "";
}

/** What lies there must be what the model says, and so must the records. */
async function compare(model: Model, { root }: Real): Promise<void> {
  const { pending, tree, ways } = model;
  const status = await readStatus(root);
  expect(status).toMatchObject({ version: tree.version, unfinished: pending !== undefined });
  expect(status.confirmUntil !== "").toBe(pending?.kind === "awaiting");
  if (pending?.kind === "cut") return;
  const { version, isDamaged } = pending?.to ?? tree;
  const expected = { ...trees[version] };
  if (isDamaged) expected["bin/tool"] = damagedTool;
  expect(installed(world.strategy, root)).toEqual(expected);
  if (!pending)
    expect(status.restorePoints.map((way) => way.fromVersion)).toEqual(ways.map((way) => way.version));
}

// The commands ------------------------------------------------------------------------------------------------

function step(
  name: string,
  check: (model: Readonly<Model>) => boolean,
  run: (model: Model, real: Real) => Promise<void>,
): Step {
  return {
    check,
    run: async (model, real) => {
      await run(model, real);
      await compare(model, real);
    },
    toString: () => name,
  };
}

const always = (): boolean => true;

const updates = fc
  .record({
    version: fc.constantFrom<Offered>("1.0.0", "1.1.0"),
    gate: fc.constantFrom<GateName>("none", "failing", "operator"),
  })
  .map(({ version, gate }) =>
    step(`update to ${version}, ${gate}`, always, async (model, real) => {
      const request = {
        root: real.root,
        source: bundleOf(version),
        strategy: world.strategy,
        version: "",
        connections: 1,
        anchors: anchors(),
      };
      const tools = { now: () => new Date(real.nowMs) };
      const code = await codeOf(update({ ...request, gate: GATES[gate] }, tools));
      expect(code).toBe(modelUpdate(model, version, gate));
    }),
  );

const rollbacks = fc.constant(
  step("rollback", always, async (model, real) => {
    const code = await codeOf(rollBack({ root: real.root }, { now: () => new Date(real.nowMs) }));
    expect(code).toBe(modelRollback(model));
  }),
);

const confirmations = fc.constant(
  step("confirm", always, async (model, real) => {
    const code = await codeOf(confirm({ root: real.root }, { now: () => new Date(real.nowMs) }));
    expect(code).toBe(modelConfirm(model));
  }),
);

const waits = fc.constant(
  step("an hour passes", always, async (model, real) => {
    real.nowMs += HOUR_MS;
    model.nowMs += HOUR_MS;
  }),
);

const damages = fc.constant(
  step(
    "a file rots",
    ({ pending, tree }) => !pending && tree.version !== "",
    async (model, { root }) => {
      damage(root);
      model.tree = { ...model.tree, isDamaged: true };
    },
  ),
);

const kills = fc
  .record({ version: fc.constantFrom<Offered>("1.0.0", "1.1.0"), at: fc.nat(3), isRollback: fc.boolean() })
  .map(({ version, at: anyAt, isRollback }) => {
    const at = (): number => (world.strategy === "slots" ? anyAt % (isRollback ? 1 : 2) : anyAt);
    const isPossible = ({ pending, tree, ways, ...model }: Readonly<Model>): boolean =>
      !pending && (isRollback ? ways.length > 0 : version > tree.version && version >= model.highest);
    const what = isRollback ? "rollback" : `update to ${version}`;
    return step(`${what}, killed at step ${anyAt}`, isPossible, async (model, { root }) => {
      const script = join(import.meta.dirname, "../../kit/update-and-die.ts");
      const args = [
        script,
        isRollback ? "rollback" : "update",
        root,
        bundleOf(version),
        world.anchor,
        version,
      ];
      const { signal, stderr } = spawnSync(process.execPath, [...args, String(at()), world.strategy], {
        encoding: "utf8",
      });
      expect(signal, stderr).toBe("SIGKILL");
      const to = isRollback ? model.ways[0]! : { version, isDamaged: false };
      const action = isRollback ? "rollback" : "update";
      model.pending = { kind: "cut", action, from: model.tree, to, untilMs: 0 };
      if (!isRollback) model.highest = version;
    });
  });

describe.each(STRATEGIES)("a device, %s,", (strategy) => {
  beforeAll(async () => {
    world = await makeSmallWorld(strategy);
    trees = { "": {}, "1.0.0": snapshot(world.old), "1.1.0": snapshot(world.new) };
    const root = world.device("old");
    damage(root);
    damagedTool = installed(strategy, root)["bin/tool"]!;
  });
  afterAll(() => world.remove());

  it("is what its model says, after any sequence of updates, rollbacks, confirmations, kills and damage", async () => {
    const sequences = fc.commands([updates, updates, rollbacks, confirmations, waits, damages, kills], {
      maxCommands: 14,
    });
    const seen = { sequences: 0, steps: 0 };
    await fc.assert(
      fc.asyncProperty(sequences, async (commands) => {
        const root = world.at("model-device");
        rmSync(root, { recursive: true, force: true });
        mkdirSync(root);
        const nowMs = Date.now();
        const model: Model = {
          tree: { version: "", isDamaged: false },
          ways: [],
          highest: "",
          pending: undefined,
          nowMs,
        };
        await fc.asyncModelRun(() => ({ model, real: { root, nowMs } }), commands);
        seen.sequences++;
        seen.steps += [...commands].length;
      }),
      { numRuns: Number(process.env.THEMIS_MODEL_RUNS ?? 20) },
    );
    console.info(`${seen.sequences} sequences of ${seen.steps} commands`);
  });
});
