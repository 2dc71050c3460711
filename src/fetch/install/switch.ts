/**
 * The moment a release becomes current: a list of steps, journalled whole before the first one.
 *
 * Every step may run twice and ends the same, so after a kill or a power cut the same list runs again from
 * its start. A step that cannot be done (disk, right) undoes the whole list from the restore point.
 */
import { chmod, lstat, mkdir, rename, rm, rmdir, symlink, unlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { syncFolder } from "../../base/atomic-file.ts";
import { systemCode } from "../../base/error.ts";
import type { EntryRecord, InstalledRelease } from "../../format/record/restore-point.ts";
import { FetchError } from "../fetch-error.ts";
import { hasRealParents, scanEntry } from "../scan.ts";

export type SwitchStep =
  | { readonly kind: "remove"; readonly path: string }
  | { readonly kind: "remove-folder"; readonly path: string }
  | { readonly kind: "remove-any"; readonly path: string }
  | { readonly kind: "folder"; readonly path: string; readonly permissions: string }
  | {
      readonly kind: "file";
      readonly path: string;
      readonly staged: string;
      readonly sha256: string;
      readonly permissions: string;
    }
  | { readonly kind: "chmod"; readonly path: string; readonly permissions: string }
  | { readonly kind: "link"; readonly path: string; readonly linkTarget: string };

export type JournalEntry = {
  readonly action: "update" | "rollback";
  readonly restorePoint: string;
  readonly fromVersion: string;
  readonly toVersion: string;
  readonly steps: readonly SwitchStep[];
  /** What is installed once every step is done. */
  readonly release: InstalledRelease;
  readonly files: readonly EntryRecord[];
  readonly removeRestorePoints: readonly string[];
};

/** Told before each step; tests cut the power here. */
export type OnStep = (index: number, step: SwitchStep) => void;

/** @throws FetchError SWITCH_FAILED, ROOT_UNSAFE; system errors */
export async function runSteps(
  root: string,
  staged: string,
  steps: readonly SwitchStep[],
  onStep: OnStep = () => {},
): Promise<void> {
  for (const [index, step] of steps.entries()) {
    onStep(index, step);
    await runStep(root, staged, step);
  }
}

async function runStep(root: string, staged: string, step: SwitchStep): Promise<void> {
  const full = join(root, step.path);
  const parentsThere = await hasRealParents(root, step.path);
  switch (step.kind) {
    case "remove":
      if (!parentsThere) return;
      await unlink(full).catch(unlessGone);
      break;
    case "remove-folder":
      if (!parentsThere) return;
      await rmdir(full).catch(unlessGoneOrUsed);
      break;
    case "remove-any":
      if (!parentsThere) return;
      if (await isFolder(full)) await rmdir(full).catch(unlessGoneOrUsed);
      else await unlink(full).catch(unlessGone);
      break;
    case "folder":
      await makeWay(full);
      await mkdir(full).catch(unless("EEXIST"));
      await chmod(full, Number.parseInt(step.permissions, 8));
      break;
    case "file":
      await makeWayTo(root, full, step.path);
      await rename(join(staged, step.staged), full).catch(async (error: unknown) => {
        // Run again after a cut: the staged file has already taken its place.
        const now = systemCode(error) === "ENOENT" ? await scanEntry(root, step.path) : undefined;
        if (now?.sha256 !== step.sha256) throw error;
      });
      break;
    case "chmod":
      await chmod(full, Number.parseInt(step.permissions, 8));
      break;
    case "link": {
      await makeWayTo(root, full, step.path);
      const beside = `${full}.themis-link`;
      await rm(beside, { force: true });
      await symlink(step.linkTarget, beside);
      await rename(beside, full);
      break;
    }
  }
  syncFolder(dirname(full));
}

/** A folder in a file's place is empty by now, or it holds what is not ours and the switch must not happen. */
async function makeWayTo(root: string, full: string, path: string): Promise<void> {
  if (path.includes("/")) await mkdir(dirname(full), { recursive: true });
  if (!(await hasRealParents(root, path)))
    throw new FetchError("SWITCH_FAILED", `there is no folder for ${path}`);
  if (await isFolder(full)) await rmdir(full);
}

async function isFolder(full: string): Promise<boolean> {
  return (await lstat(full).catch(() => undefined))?.isDirectory() ?? false;
}

/** A file or link in a folder's place goes. */
async function makeWay(full: string): Promise<void> {
  const stat = await lstat(full).catch(() => undefined);
  if (stat && !stat.isDirectory()) await unlink(full);
}

function unless(...codes: string[]): (error: unknown) => void {
  return (error) => {
    if (!codes.includes(systemCode(error) ?? "")) throw error;
  };
}

const unlessGone = unless("ENOENT", "ENOTDIR");
const unlessGoneOrUsed = unless("ENOENT", "ENOTDIR", "ENOTEMPTY", "EEXIST");
