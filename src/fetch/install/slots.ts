/**
 * Blue/green: whole trees beside one another, and one symlink that says which of them runs.
 *
 *   ROOT/current -> releases/1.5.0       the only thing that a switch or a rollback changes
 *   ROOT/releases/1.5.0/                 the release and nothing else
 *   ROOT/releases/1.4.0/                 a way back, as long as its restore point is kept
 *   ROOT/.themis/building/               the next one, until it is whole and lasts
 *
 * Unchanged files are shared with the slot before: by reflink where the file system can, else by hard link. A link
 * is one file with two names, so whoever writes to it in place changes both, and going back does not change that
 * (way-back-to-slot.ts). What people edit (type "config", and operators' own files) is therefore never linked. Each
 * shared file is proven by its digest under its new name, before anything depends on it.
 *
 * ROOT/releases is ours: what somebody puts into a slot stays there and goes with it.
 */
import { lstat, readdir, readlink, rmdir } from "node:fs/promises";
import { join } from "node:path";
import { systemCode } from "../../base/error.ts";
import { removeTree } from "../../base/remove-tree.ts";
import type { EntryRecord } from "../../format/record/restore-point.ts";
import type { RestorePointRecord } from "../device-records.ts";
import { FetchError } from "../fetch-error.ts";
import type { DevicePlace } from "../place.ts";
import { scanEntry } from "../scan.ts";
import type { DeviceState } from "../state.ts";
import { isMade } from "../switch-steps.ts";
import { assembleSlot, copiedBytes, mayLink } from "./assemble-slot.ts";
import { makeRestoreFolder, writeRestorePoint } from "./restore-point.ts";
import type { AboutWayBack, Change, Strategy } from "./strategy.ts";

export const CURRENT = "current";
const RELEASES = "releases";
/** A version as the manifest's schema allows it, and a number where the same version lies there already. */
const SLOT = /^releases\/[A-Za-z0-9][A-Za-z0-9._+-]{0,63}(@[1-9][0-9]{0,8})?$/;

/** @throws FetchError ROOT_UNSAFE, PATH_OCCUPIED */
export async function slots(place: DevicePlace): Promise<Strategy> {
  const { root, themis } = place;
  const current = await currentSlot(root);
  const tree = join(root, current);
  return {
    name: "slots",
    tree,
    needs: (change) => ({
      copiedBytes: copiedBytes(change),
      inodes: change.plan.steps.length + change.plan.steps.filter(isMade).length,
      folders: [root, themis, join(root, RELEASES)],
      replaced: [{ kind: "link", path: CURRENT }],
    }),
    arrange: async ({ plan, found, version, staged, signal }) => {
      await assembleSlot({ place, tree, plan, found, staged, signal });
      const path = await freeSlot(root, version);
      return {
        steps: [
          { kind: "tree", path, own: plan.operators.map((file) => file.path) },
          { kind: "link", path: CURRENT, linkTarget: path },
        ],
        tree: path,
      };
    },
    saveWayBack: (change, about) => saveWayBack(place, current, change, about),
  };
}

/** A root without records may still have its slots. */
export async function hasCurrentSlot(root: string): Promise<boolean> {
  const text = await readlink(join(root, CURRENT)).catch(() => "");
  return SLOT.test(text);
}

/** Which tree runs: "releases/1.5.0"; "current" when there is none. */
async function currentSlot(root: string): Promise<string> {
  const link = join(root, CURRENT);
  const found = await lstat(link).catch(unlessMissing);
  if (!found) return CURRENT;
  if (!found.isSymbolicLink()) {
    throw new FetchError("PATH_OCCUPIED", `${link} must become a symlink, and something else is there`, {
      hint: "move it away; nothing was changed",
      facts: { path: CURRENT },
    });
  }
  const path = await readlink(link);
  if (!SLOT.test(path)) {
    throw new FetchError("ROOT_UNSAFE", `${link} points to ${path}, which is no slot of ours`, {
      hint: `let it point to a folder in ${RELEASES}, or remove it`,
    });
  }
  await demandFolder(join(root, RELEASES));
  await demandFolder(join(root, path));
  return path;
}

/** A symlink there would lead what we write, and what we remove, to somewhere else. */
async function demandFolder(path: string): Promise<void> {
  const found = await lstat(path).catch(unlessMissing);
  if (!found || found.isDirectory()) return;
  throw new FetchError("ROOT_UNSAFE", `${path} is no folder`, { hint: "replace it by a real folder" });
}

/** The same version may come again, with another manifest, or to mend what runs: no slot takes another's place. */
async function freeSlot(root: string, version: string): Promise<string> {
  await demandFolder(join(root, RELEASES));
  for (let count = 1; ; count++) {
    const path = `${RELEASES}/${version}${count === 1 ? "" : `@${count}`}`;
    if (!(await lstat(join(root, path)).catch(unlessMissing))) return path;
  }
}

/** Nothing is copied: the tree that runs stays where it is, and here is written what it is like. */
async function saveWayBack(
  { root, restore }: DevicePlace,
  current: string,
  { plan, found }: Change,
  about: AboutWayBack,
): Promise<RestorePointRecord> {
  const linked = new Set(plan.steps.flatMap((step) => (mayLink(step) ? [step.target.path] : [])));
  const entries: EntryRecord[] = [await scanEntry(root, CURRENT)];
  let ownBytes = 0;
  for (const path of new Set([...about.files.map(({ path }) => path), ...found.keys()])) {
    // Below what is a link by now, too, and a folder in the next release.
    if (found.get(path)?.kind === "absent") continue;
    // Those that were taken over were proven just now.
    const entry = linked.has(path) ? found.get(path)! : await scanEntry(join(root, current), path);
    if (entry.kind === "absent") continue;
    entries.push({ ...entry, path: `${current}/${path}` });
    if (!linked.has(path)) ownBytes += entry.size;
  }
  const { id, created, release, to_version: toVersion } = about;
  await makeRestoreFolder(restore, id);
  const written = await writeRestorePoint(restore, id, { ...about, entries, contents: [] });
  return {
    ...{ id, created, fromVersion: release.version, toVersion, kind: "slot", slot: current },
    ...{ ...written, bytes: written.bytes + ownBytes },
  };
}

/** Slots that nobody can go back to any more. What runs never goes. @throws the system's errors */
export async function removeOldSlots({ root }: DevicePlace, state: DeviceState): Promise<void> {
  if (state.slot() === "" || state.journal()) return;
  const releases = join(root, RELEASES);
  const found = await lstat(releases).catch(unlessMissing);
  if (!found?.isDirectory()) return;
  const current = await readlink(join(root, CURRENT)).catch(unlessMissing);
  const kept = new Set([current, state.slot(), ...state.restorePoints().map(({ slot }) => slot)]);
  for (const name of await readdir(releases)) {
    const path = `${RELEASES}/${name}`;
    if (SLOT.test(path) && !kept.has(path)) await removeTree(join(root, path));
  }
  await rmdir(releases).catch((error: unknown) => {
    if (!["ENOTEMPTY", "EEXIST"].includes(systemCode(error) ?? "")) throw error;
  });
}

function unlessMissing(error: unknown): undefined {
  if (systemCode(error) !== "ENOENT" && systemCode(error) !== "ENOTDIR") throw error;
}
