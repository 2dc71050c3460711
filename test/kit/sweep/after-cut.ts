/** What must be true of a device after a cut, whatever it was doing: every way in which it is not, in a sentence. */
import { existsSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { ThemisError } from "../../../src/base/error.ts";
import { readTrustAnchors } from "../../../src/trust/anchor.ts";
import { installed } from "../strategies.ts";
import { snapshot } from "../world.ts";
import type { Action, SweepWorld } from "./sweep-world.ts";

type Functions = typeof import("../../../src/fetch/index.ts");
type Status = Awaited<ReturnType<Functions["readStatus"]>>;

/** Which release a tree is, or the paths in which it is neither. */
export type TreeIs = "empty" | "old" | "new" | { readonly mixed: readonly string[] };

const VERSIONS = { empty: "", old: "1.0.0", new: "1.1.0" } as const;

export class Examiner {
  readonly #world: SweepWorld;
  readonly #functions: Functions;
  readonly #trees: { readonly old: Record<string, string>; readonly new: Record<string, string> };

  private constructor(world: SweepWorld, functions: Functions) {
    this.#world = world;
    this.#functions = functions;
    this.#trees = { old: snapshot(world.old), new: snapshot(world.new) };
  }

  static async of(world: SweepWorld): Promise<Examiner> {
    return new Examiner(world, (await import(/* @vite-ignore */ world.functions)) as Functions);
  }

  treeOf(root: string): TreeIs {
    const found = installed(this.#world.strategy, root);
    const { old, new: next } = this.#trees;
    if (Object.keys(found).length === 0) return "empty";
    const differs = (tree: Record<string, string>): string[] =>
      [...new Set([...Object.keys(found), ...Object.keys(tree)])].filter(
        (path) => found[path] !== tree[path],
      );
    const [fromOld, fromNew] = [differs(old), differs(next)];
    if (fromOld.length === 0) return "old";
    if (fromNew.length === 0) return "new";
    return { mixed: fromOld.length < fromNew.length ? fromOld : fromNew };
  }

  status(root: string): Promise<Status> {
    return this.#functions.readStatus(root);
  }

  /**
   * The next command, and those after it.
   *
   * @param next a command that only recovers, so that it shows which release is left; or an update at once
   * @returns what is wrong; nothing when all is well
   */
  async faults(action: Action, root: string, next: "recover" | "update"): Promise<string[]> {
    const before = action === "install" ? "empty" : "old";
    const faults: string[] = [];
    const step = async (what: string, act: () => Promise<readonly string[]>): Promise<boolean> => {
      const found = await act().catch((error: unknown) => [said(error)]);
      faults.push(...found.map((fault) => `${what}: ${fault}`));
      return found.length === 0;
    };
    await step("status", async () => {
      await this.status(root);
      return [];
    });
    // What comes after a fault is its consequence.
    const isWhole =
      (next === "update" || (await step("recovery", () => this.#recover(root, [before, "new"])))) &&
      (await step("update", () => this.#update(root))) &&
      (await step("rollback", () => this.#rollBack(root, [before])));
    return isWhole || faults.length > 0 ? faults : ["it stopped without a fault"];
  }

  async #recover(root: string, releases: readonly TreeIs[]): Promise<string[]> {
    const tools = { now: () => this.#world.now };
    const ending = await this.#functions
      .rollBack({ root, to: "none" }, tools)
      .catch((error: unknown) => error);
    // The bundle has an error class of its own.
    if (!(ending instanceof Error && "code" in ending && ending.code === "RESTORE_POINT_NOT_FOUND"))
      return [`ended with ${said(ending)}`];
    return this.#inspect(root, releases);
  }

  async #update(root: string): Promise<string[]> {
    const { anchor, bundle: source, now, strategy } = this.#world;
    const anchors = readTrustAnchors(readFileSync(anchor));
    await this.#functions.update(
      { root, source, version: "", connections: 1, anchors, strategy },
      { now: () => now },
    );
    const { transfer } = await this.status(root);
    return [
      ...(await this.#inspect(root, ["new"])),
      ...(transfer ? ["a transfer is still recorded"] : []),
      ...(existsSync(join(root, ".themis/transfer")) ? ["what was fetched is still there"] : []),
    ];
  }

  async #rollBack(root: string, releases: readonly TreeIs[]): Promise<string[]> {
    await this.#functions.rollBack({ root }, { now: () => this.#world.now });
    return this.#inspect(root, releases);
  }

  async #inspect(root: string, releases: readonly TreeIs[]): Promise<string[]> {
    const tree = this.treeOf(root);
    if (typeof tree !== "string") return [`the tree is neither release at ${tree.mixed.join(", ")}`];
    const status = await this.status(root);
    const version = VERSIONS[tree];
    return [
      ...(releases.includes(tree) ? [] : [`the tree is the ${tree} release`]),
      ...(status.version === version ? [] : [`the records say ${status.version}, the tree is ${version}`]),
      ...(status.unfinished ? ["a switch is still open"] : []),
      ...historyFaults(status),
      ...leftovers(root, status),
      ...slotFaults(root, status),
    ];
  }
}

/** Each entry begins where the one before it ended. */
function historyFaults({ history, version }: Status): string[] {
  let at = "";
  for (const { fromVersion, toVersion, result } of history.toReversed()) {
    if (fromVersion !== at) return [`the history goes on from ${fromVersion} after ${at}`];
    if (result === "done") at = toVersion;
  }
  return at === version ? [] : [`the history ends with ${at}`];
}

/** Points to go back to and what was fetched stay, and a journal of SQLite's that has nothing to say. */
function leftovers(root: string, { restorePoints }: Status): string[] {
  const records = readdirSync(join(root, ".themis"));
  const databases = ["lock.db", "state.db"];
  const known = new Set([...databases, ...databases.map((name) => `${name}-journal`), "restore", "transfer"]);
  const kept = records.includes("restore") ? readdirSync(join(root, ".themis/restore")) : [];
  const ids = restorePoints.map(({ folder }) => folder);
  return [
    ...records.filter((name) => !known.has(name)).map((name) => `.themis/${name} is left over`),
    ...kept.filter((id) => !ids.includes(id)).map((id) => `the restore point ${id} is left over`),
    ...ids.filter((id) => !kept.includes(id)).map((id) => `the restore point ${id} is gone`),
  ];
}

/** A slot is current, or a way back leads to it, and nothing else is beside them. */
function slotFaults(root: string, { strategy, restorePoints }: Status): string[] {
  if (strategy !== "slots") return [];
  const current = readlinkSync(join(root, "current"));
  const known = new Set([current, ...restorePoints.map(({ slot }) => slot)]);
  const there = readdirSync(join(root, "releases")).map((name) => `releases/${name}`);
  const beside = readdirSync(root).filter((name) => !["current", "releases", ".themis"].includes(name));
  return [
    ...there.filter((slot) => !known.has(slot)).map((slot) => `${slot} is left over`),
    ...[...known]
      .filter((slot) => slot !== "current" && !there.includes(slot))
      .map((slot) => `${slot} is gone`),
    ...beside.map((name) => `${name} is left over`),
  ];
}

function said(error: unknown): string {
  if (error instanceof ThemisError) return `${error.code} ${error.message}`;
  return error instanceof Error
    ? `${"code" in error ? `${error.code} ` : ""}${error.message}`
    : String(error);
}
