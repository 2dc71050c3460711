/**
 * Two small releases that differ in every way in which a switch can change a tree, and devices that run one of
 * them, made once and copied for each point of a sweep.
 *
 * Everything lies in memory where the system has a folder there: a sweep syncs thousands of times, and whether a
 * call is reached does not depend on the disk below.
 */

import { execFileSync } from "node:child_process";
import {
  accessSync,
  chmodSync,
  constants,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { build } from "esbuild";
import type { StrategyName } from "../../../src/fetch/install/strategy.ts";
import { noise, ok, release } from "../world.ts";

const source = resolve(import.meta.dirname, "../../../src");

/** "install" fills an empty root; "undo" is an update that fails in the middle of its switch. */
export type Action = "install" | "update" | "undo" | "rollback";

export type SweepWorld = {
  readonly folder: string;
  readonly strategy: StrategyName;
  readonly anchor: string;
  /** The bundle that an update installs. */
  readonly bundle: string;
  /** The trees before and after an update; a rollback goes the other way. */
  readonly old: string;
  readonly new: string;
  /** act.ts and the device's functions, in JavaScript: a process starts in half of the time. */
  readonly program: string;
  readonly functions: string;
  /** The same in every process, so that a recording's names are met again. */
  readonly now: Date;
  /** A device that is ready for the action, at a path of its own. */
  readonly device: (action: Action, name: string) => string;
  readonly remove: () => void;
};

export async function makeSweepWorld(strategy: StrategyName): Promise<SweepWorld> {
  const folder = mkdtempSync(join(realpathSync(fastFolder()), "themis-sweep-"));
  const at = (...names: string[]): string => join(folder, ...names);
  makeOldTree(at("old"));
  makeNewTree(at("new"));
  await bundlePrograms(at("programs"));
  await ok("themis-bundle", "keygen", "--out", at("pki"));
  const older = await release({ at }, at("old"), "1.0.0", at("bundle-1.0.0"));
  const from = ["--from", `1.0.0=${at("old")}`, "--algorithm", "zstd-dict"];
  const bundle = await release({ at }, at("new"), "1.1.0", at("bundle-1.1.0"), ...from);
  const anchor = at("pki/root.pem");
  mkdirSync(at("ready-install"));
  mkdirSync(at("ready-update"));
  const trust = ["--trust-anchor", anchor];
  const first = ["--root", at("ready-update"), "--source", older, "--strategy", strategy];
  await ok("themis-fetch", "update", ...first, ...trust);
  copyTree(at("ready-update"), at("ready-rollback"));
  await ok("themis-fetch", "update", "--root", at("ready-rollback"), "--source", bundle, ...trust);
  return {
    folder,
    strategy,
    anchor,
    bundle,
    old: at("old"),
    new: at("new"),
    program: at("programs/act.js"),
    functions: at("programs/fetch.js"),
    now: new Date(),
    device: (action, name) => {
      copyTree(at(`ready-${action === "undo" ? "update" : action}`), at(name));
      return at(name);
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

function fastFolder(): string {
  try {
    accessSync("/dev/shm", constants.W_OK);
    return "/dev/shm";
  } catch {
    return tmpdir();
  }
}

function copyTree(from: string, to: string): void {
  execFileSync("cp", ["-a", from, to]);
}

async function bundlePrograms(outdir: string): Promise<void> {
  await build({
    entryPoints: {
      act: join(import.meta.dirname, "act.ts"),
      fetch: join(source, "fetch/index.ts"),
      "piece-worker": join(source, "fetch/transfer/piece-worker.ts"),
      "rebuild-worker": join(source, "fetch/rebuild-worker.ts"),
      "compact-worker": join(source, "fetch/install/compact-worker.ts"),
      "verify-worker": join(source, "trust/verify-worker.ts"),
    },
    outdir,
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node24",
    logLevel: "warning",
    // What was written for require() finds it.
    banner: { js: 'import { createRequire } from "node:module"; const require = createRequire("file:///");' },
  });
  for (const kernel of ["kernel.wasm", "device-kernel.wasm", "deflate-kernel.wasm", "themis-kernel.wasm"])
    copyFileSync(join(source, "../dist", kernel), join(outdir, kernel));
  writeFileSync(join(outdir, "package.json"), '{"type":"module"}');
}

/** Large enough for a thread of its own to rebuild it. */
const LARGE_BYTES = 200_000;

function makeOldTree(tree: string): void {
  mkdirSync(join(tree, "bin"), { recursive: true });
  writeFileSync(join(tree, "bin/appd"), noise(LARGE_BYTES, 7));
  chmodSync(join(tree, "bin/appd"), 0o755);
  writeFileSync(join(tree, "same.dat"), noise(1000, 3));
  writeFileSync(join(tree, "mode.dat"), noise(900, 4));
  writeFileSync(join(tree, "gone.txt"), "removed by the next release\n");
  writeFileSync(join(tree, "becomes-folder"), "a file\n");
  mkdirSync(join(tree, "becomes-file"));
  writeFileSync(join(tree, "becomes-file/inside"), "in a folder\n");
  mkdirSync(join(tree, "closed"));
  writeFileSync(join(tree, "closed/file"), "old\n");
  chmodSync(join(tree, "closed"), 0o555);
  symlinkSync("bin/appd", join(tree, "link"));
  symlinkSync("bin", join(tree, "link-becomes-folder"));
  mkdirSync(join(tree, "folder-becomes-link"));
  writeFileSync(join(tree, "folder-becomes-link/inside"), "in a folder\n");
}

function makeNewTree(tree: string): void {
  mkdirSync(join(tree, "bin"), { recursive: true });
  const changed = noise(LARGE_BYTES, 7);
  noise(300, 11).copy(changed, LARGE_BYTES / 2);
  writeFileSync(join(tree, "bin/appd"), changed);
  chmodSync(join(tree, "bin/appd"), 0o755);
  writeFileSync(join(tree, "same.dat"), noise(1000, 3));
  writeFileSync(join(tree, "mode.dat"), noise(900, 4));
  chmodSync(join(tree, "mode.dat"), 0o600);
  mkdirSync(join(tree, "becomes-folder"));
  writeFileSync(join(tree, "becomes-folder/inside"), "now\n");
  writeFileSync(join(tree, "becomes-file"), "a file by now\n");
  mkdirSync(join(tree, "deep/er"), { recursive: true });
  writeFileSync(join(tree, "deep/er/new"), noise(3000, 5));
  mkdirSync(join(tree, "closed"));
  writeFileSync(join(tree, "closed/file"), "new\n");
  chmodSync(join(tree, "closed"), 0o555);
  symlinkSync("deep/er/new", join(tree, "link"));
  mkdirSync(join(tree, "link-becomes-folder"));
  writeFileSync(join(tree, "link-becomes-folder/inside"), "in a folder\n");
  symlinkSync("deep", join(tree, "folder-becomes-link"));
}
