/**
 * A world for a thousand updates: two small releases, and devices in every state an update can meet, to be copied.
 * In memory where the system has a place for that: what is tried there is no power cut.
 */
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ThemisError } from "../../src/base/error.ts";
import type { StrategyName } from "../../src/fetch/install/strategy.ts";
import { download, update } from "../../src/fetch/update.ts";
import { readTrustAnchors } from "../../src/trust/anchor.ts";
import { noise, ok, release } from "./world.ts";

export type SmallWorld = {
  readonly at: (...names: string[]) => string;
  readonly old: string;
  readonly new: string;
  /** Bundles 1.0.0 and 1.1.0. */
  readonly oldBundle: string;
  readonly newBundle: string;
  readonly anchor: string;
  readonly strategy: StrategyName;
  /** A fresh copy of a device. */
  readonly device: (state: DeviceState) => string;
  readonly remove: () => void;
};

/** `cut-n`: the power went before step n of the update; `back-n`: of the rollback. */
export type DeviceState = "old" | "new" | "fetched" | (typeof CUTS)[number];

export const CUTS = ["cut-0", "cut-2", "cut-4", "back-0", "back-3"] as const;

export async function makeSmallWorld(strategy: StrategyName = "in-place"): Promise<SmallWorld> {
  const folder = mkdtempSync(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "themis-small-"));
  const at = (...names: string[]): string => join(folder, ...names);
  makeTrees(at("old"), at("new"));
  await ok("themis-bundle", "keygen", "--out", at("pki"));
  const [oldBundle, newBundle, anchor] = [at("bundle-old"), at("bundle-new"), at("pki/root.pem")];
  await release({ at }, at("old"), "1.0.0", oldBundle);
  const from = ["--from", `1.0.0=${at("old")}`, "--algorithm", "zstd-dict"];
  await release({ at }, at("new"), "1.1.0", newBundle, ...from);

  const template = (state: string): string => at("devices", state);
  const copy = (state: string, root: string): string => {
    rmSync(root, { recursive: true, force: true });
    cpSync(template(state), root, { recursive: true, verbatimSymlinks: true });
    return root;
  };
  const expectDone = async (trial: Promise<ThemisError | undefined>): Promise<void> => {
    const error = await trial;
    if (error) throw error;
  };
  mkdirSync(template("old"), { recursive: true });
  await expectDone(tryUpdate(template("old"), oldBundle, anchor, strategy));
  await expectDone(tryUpdate(copy("old", template("new")), newBundle, anchor));
  const request = { version: "", connections: 2, anchors: readTrustAnchors(readFileSync(anchor)) };
  const fetched = copy("old", template("fetched"));
  await download({ ...request, root: fetched, source: newBundle }, { now: () => new Date() });
  // By slots a switch has fewer steps.
  for (const cut of strategy === "slots" ? [] : CUTS) {
    const [kind, step] = cut.split("-") as [string, string];
    const root = copy(kind === "cut" ? "old" : "new", template(cut));
    const script = join(import.meta.dirname, "update-and-die.ts");
    const action = kind === "cut" ? "update" : "rollback";
    const { signal, stderr } = spawnSync(
      process.execPath,
      [script, action, root, newBundle, anchor, "1.1.0", step],
      { encoding: "utf8" },
    );
    if (signal !== "SIGKILL") throw new Error(`there is no step ${step}: ${stderr}`);
  }
  return {
    at,
    old: at("old"),
    new: at("new"),
    oldBundle,
    newBundle,
    anchor,
    strategy,
    device: (state) => copy(state, at("device")),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** undefined when it was done. @throws what is no ThemisError: a bug */
export async function tryUpdate(
  root: string,
  source: string,
  anchor: string,
  strategy?: StrategyName,
): Promise<ThemisError | undefined> {
  const anchors = readTrustAnchors(readFileSync(anchor));
  const request = { root, source, version: "", connections: 2, anchors, strategy };
  return orThemisError(update(request, { now: () => new Date() }));
}

export async function orThemisError(work: Promise<unknown>): Promise<ThemisError | undefined> {
  try {
    await work;
    return undefined;
  } catch (error) {
    if (error instanceof ThemisError) return error;
    throw error;
  }
}

/** Two pieces of a pack, patches, a file that goes, one that stays, a link, a mode. */
function makeTrees(old: string, next: string): void {
  mkdirSync(join(old, "bin"), { recursive: true });
  mkdirSync(join(old, "empty"));
  writeFileSync(join(old, "bin/tool"), noise(60_000, 7));
  chmodSync(join(old, "bin/tool"), 0o755);
  writeFileSync(join(old, "data.txt"), `${noise(6000, 13).toString("base64")}\none\n`);
  writeFileSync(join(old, "same.dat"), noise(1000, 3));
  writeFileSync(join(old, "gone.txt"), "removed by the next release\n");
  symlinkSync("bin/tool", join(old, "app"));
  cpSync(old, next, { recursive: true, verbatimSymlinks: true });
  const tool = readFileSync(join(old, "bin/tool"));
  noise(300, 11).copy(tool, 30_000);
  writeFileSync(join(next, "bin/tool"), tool);
  writeFileSync(join(next, "data.txt"), `${noise(6000, 13).toString("base64")}\ntwo\n`);
  writeFileSync(join(next, "new.dat"), noise(1_300_000, 5));
  chmodSync(join(next, "same.dat"), 0o600);
  rmSync(join(next, "gone.txt"));
  rmSync(join(next, "app"));
  symlinkSync("new.dat", join(next, "app"));
}
