/**
 * The moment a release becomes current: a list of steps, journalled whole before the first one.
 *
 * Every step may run twice and ends the same, so after a kill or a power cut the same list runs again from
 * its start. A step that cannot be done (disk, right) undoes the whole list from the restore point.
 *
 * Nothing but the paths of the steps is touched: what grows beside them grows in `.themis/staged/`. Folders
 * that may not be written to are opened for the switch and closed at its end.
 */
import { chmod, lstat, mkdir, open, readdir, rename, rm, rmdir, symlink, unlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { syncFolder } from "../../base/atomic-file.ts";
import { systemCode } from "../../base/error.ts";
import type { EntryRecord } from "../../format/record/restore-point.ts";
import { FetchError } from "../fetch-error.ts";
import { checkOneFileSystem } from "../one-file-system.ts";
import type { DevicePlace } from "../place.ts";
import { hasRealParents, isBelowFolders, isSameEntry, linksAmong, scanEntry } from "../scan.ts";
import type { SwitchStep } from "./journal-entry.ts";
import { checkReplaceable } from "./replaceable.ts";

/** What the owner of a folder needs to put something into it. */
const OPEN = 0o700;

/** Told before each step; tests cut the power here. */
export type OnStep = (index: number, step: SwitchStep) => void;

type Places = Pick<Switch, "root" | "staged" | "building">;

export type Switch = {
  readonly root: string;
  readonly staged: string;
  readonly building: string;
  /** Below the root: where `files` are; "" is the root itself. */
  readonly tree: string;
  readonly steps: readonly SwitchStep[];
  /** What is there once every step is done. */
  readonly files: readonly EntryRecord[];
};

/** @throws FetchError SWITCH_FAILED, ROOT_UNSAFE; system errors with the path of the step in their facts */
export async function runSteps(
  { tree, steps, files, ...places }: Switch,
  onStep: OnStep = () => {},
): Promise<void> {
  const changed = new Set<string>();
  const { root } = places;
  for (const [index, step] of steps.entries()) {
    changed.add(dirname(step.path));
    try {
      onStep(index, step);
      await runStep(places, step);
    } catch (error) {
      if (!(await openFolderOf(root, step.path, error))) throw new StepFailure(step.path, error);
      await runStep(places, step).catch((again: unknown) => {
        throw new StepFailure(step.path, again);
      });
    }
  }
  // Each once: as long as the journal is open a power cut makes the steps run again, in whatever state it left them.
  for (const path of changed) {
    try {
      syncFolder(join(root, path));
    } catch (error) {
      // It went with what was in it, which is a change of the folder above.
      if (!["ENOENT", "ENOTDIR"].includes(systemCode(error) ?? "")) throw new StepFailure(path, error);
    }
  }
  for (const { path, permissions } of closedFolders(files)) {
    await setMode(join(root, tree, path), permissions)
      .catch(unlessGone)
      .catch((error: unknown) => {
        throw new StepFailure(path, error);
      });
  }
}

/** Which step could not be done; `cause` says why. */
export class StepFailure extends Error {
  readonly path: string;

  constructor(path: string, cause: unknown) {
    super(`${path}: ${systemCode(cause) ?? (cause instanceof Error ? cause.message : String(cause))}`, {
      cause,
    });
    this.path = path;
  }
}

/** Before the journal is opened: what would only be found out in the middle of the switch. */
export async function checkWay(
  { root, themis }: Pick<DevicePlace, "root" | "themis">,
  steps: readonly SwitchStep[],
): Promise<void> {
  const moved = steps.filter(({ kind }) => kind === "file" || kind === "link" || kind === "tree");
  await checkOneFileSystem(
    { root, themis },
    moved.map(({ path }) => dirname(join(root, path))),
  );
  await checkReplaceable(root, steps);
  const goes = new Set(steps.filter(({ kind }) => kind.startsWith("remove")).map(({ path }) => path));
  const links = linksAmong(
    root,
    steps.map(({ path }) => path),
  );
  for (const { kind, path } of steps) {
    if (!hasRealParents(root, path, links)) continue;
    if ((kind !== "file" && kind !== "link") || !(await isFolder(join(root, path)))) continue;
    const foreign = await firstForeign(root, path, goes);
    if (foreign === undefined) continue;
    throw new FetchError(
      "PATH_OCCUPIED",
      `${path} must become a file, and the folder there holds ${foreign}`,
      {
        hint: `move ${join(root, foreign)} away; nothing was changed`,
        facts: { path, foreign },
      },
    );
  }
}

/** Between a cut and the next start disks rot: every file is as it was made, where it waits or in its place already. */
export async function isStagedRight(
  { root, staged, building }: Places,
  { steps, tree, files }: Pick<Switch, "steps" | "tree" | "files">,
): Promise<boolean> {
  if (tree !== "") {
    const made = steps.find((step) => step.kind === "tree");
    const own = new Set(made?.own);
    const whole = made && (await isFolder(building)) ? building : join(root, tree);
    for (const entry of files)
      if (!own.has(entry.path) && !isSameEntry(await scanEntry(whole, entry.path), entry)) return false;
  }
  for (const step of steps) {
    if (step.kind !== "file") continue;
    const waits = await scanEntry(staged, step.staged);
    const { sha256 } = waits.kind === "absent" ? await scanEntry(root, step.path) : waits;
    if (sha256 !== step.sha256) return false;
  }
  return true;
}

async function firstForeign(
  root: string,
  folder: string,
  goes: ReadonlySet<string>,
): Promise<string | undefined> {
  for (const entry of await readdir(join(root, folder), { withFileTypes: true })) {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory()) {
      const foreign = await firstForeign(root, path, goes);
      if (foreign !== undefined) return foreign;
    }
    if (!goes.has(path)) return path;
  }
  return undefined;
}

/** A folder of ours that its owner may not write to is opened once. */
async function openFolderOf(root: string, path: string, error: unknown): Promise<boolean> {
  if (systemCode(error) !== "EACCES") return false;
  const folder = join(root, dirname(path));
  const { mode } = await lstat(folder);
  if ((mode & OPEN) === OPEN) return false;
  await chmod(folder, (mode & 0o777) | OPEN);
  return true;
}

/** Deepest first, so that each can still be reached. */
function closedFolders(files: readonly EntryRecord[]): EntryRecord[] {
  return files
    .filter(
      ({ kind, permissions }) => kind === "directory" && (Number.parseInt(permissions, 8) & OPEN) !== OPEN,
    )
    .sort((a, b) => b.path.length - a.path.length);
}

async function runStep({ root, staged, building }: Places, step: SwitchStep): Promise<void> {
  const full = join(root, step.path);
  switch (step.kind) {
    case "remove":
      if (!isBelowFolders(root, step.path)) return;
      await unlink(full).catch(unlessGone);
      break;
    case "remove-folder":
      if (!isBelowFolders(root, step.path)) return;
      await rmdir(full).catch(unlessGoneOrUsed);
      break;
    case "remove-any":
      if (!isBelowFolders(root, step.path)) return;
      if (await isFolder(full)) await rmdir(full).catch(unlessGoneOrUsed);
      else await unlink(full).catch(unlessGone);
      break;
    case "folder":
      await makeWay(full);
      await mkdir(full).catch(unless("EEXIST"));
      // What goes in comes later; runSteps closes it at the end.
      await chmod(full, Number.parseInt(step.permissions, 8) | OPEN);
      syncFolder(full);
      break;
    case "file":
      await makeWayTo(root, full, step.path);
      await rename(join(staged, step.staged), full).catch(async (error: unknown) => {
        // Run again after a cut: the staged file has already taken its place.
        const now = systemCode(error) === "ENOENT" ? await scanEntry(root, step.path) : undefined;
        if (now?.sha256 !== step.sha256) throw error;
      });
      break;
    case "tree":
      await makeFolders(dirname(full));
      if (!(await hasRealParents(root, step.path)))
        throw new FetchError("SWITCH_FAILED", `there is no folder for ${step.path}`);
      await rename(building, full).catch(async (error: unknown) => {
        // Run again after a cut: it has already taken its place, and was proven there.
        if (systemCode(error) !== "ENOENT" || !(await isFolder(full))) throw error;
      });
      // Where it came before where it was taken from: a cut between the two leaves one name at the least.
      syncFolder(dirname(full));
      syncFolder(dirname(building));
      return;
    case "chmod":
      await setMode(full, step.permissions);
      break;
    case "link": {
      await makeWayTo(root, full, step.path);
      const beside = join(staged, "link");
      await mkdir(staged, { recursive: true });
      await rm(beside, { force: true });
      await symlink(step.linkTarget, beside);
      await rename(beside, full);
      break;
    }
  }
}

/** A folder in a file's place is empty by now, or it holds what is not ours and the switch must not happen. */
async function makeWayTo(root: string, full: string, path: string): Promise<void> {
  await makeFolders(dirname(full));
  if (!hasRealParents(root, path)) throw new FetchError("SWITCH_FAILED", `there is no folder for ${path}`);
  if (await isFolder(full)) await rmdir(full);
}

/** Each that is made lasts in the one above it. */
async function makeFolders(folder: string): Promise<void> {
  const first = await mkdir(folder, { recursive: true });
  if (first === undefined) return;
  for (let made = folder; made.length >= first.length; made = dirname(made)) syncFolder(dirname(made));
}

/** For good: permissions belong to the thing itself, and a sync of its folder does not reach them. */
export async function setMode(full: string, permissions: string): Promise<void> {
  const mode = Number.parseInt(permissions, 8);
  const handle = await open(full, "r").catch((error: unknown) => {
    // Its owner may not read it; then only its folder's sync is left.
    if (systemCode(error) !== "EACCES") throw error;
    return undefined;
  });
  if (!handle) return chmod(full, mode);
  try {
    await handle.chmod(mode);
    await handle.sync();
  } finally {
    await handle.close();
  }
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
