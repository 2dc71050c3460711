/**
 * Back to a slot: its files lie where they were, and are proven there before the one symlink leads to them again.
 *
 * A file that it shares with what runs, by hard link, is what that made of it, as in place: an update that left it
 * alone has no way back for it, and repair has. Every other byte that differs is a way back that was tampered with.
 */
import { lstat, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { removeTree } from "../../base/remove-tree.ts";
import type { RestorePointRecord } from "../device-records.ts";
import type { DevicePlace } from "../place.ts";
import { isSameEntry, scanEntry } from "../scan.ts";
import type { DeviceState } from "../state.ts";
import type { SwitchStep } from "./journal-entry.ts";
import { openRestorePoint, tampered } from "./restore-point.ts";
import { CURRENT } from "./slots.ts";
import type { WayBack } from "./way-back.ts";

/** @throws FetchError RESTORE_POINT_TAMPERED */
export async function wayBackToSlot(
  place: DevicePlace,
  state: DeviceState,
  record: RestorePointRecord,
): Promise<WayBack> {
  const { root, restore, staged, building } = place;
  const { document } = await openRestorePoint(restore, record);
  const running = [state.slot(), state.journal()?.tree ?? ""].filter(
    (tree) => tree !== "" && tree !== record.slot,
  );
  const trees = [...running.map((tree) => join(root, tree)), building];
  const steps: SwitchStep[] = [];
  for (const entry of document.entries) {
    const { path, permissions } = entry;
    if (path === CURRENT) continue;
    const now = await scanEntry(root, path);
    if (now.sha256 !== entry.sha256 && (await isShared(root, record.slot, path, trees))) continue;
    if (!isSameEntry({ ...now, permissions }, entry)) throw tampered(record, `${path} is not what it was`);
    if (now.permissions !== permissions) steps.push({ kind: "chmod", path, permissions });
  }
  await removeTree(staged);
  await mkdir(staged, { recursive: true });
  const link = document.entries.find(({ path }) => path === CURRENT);
  steps.push(
    link?.kind === "symlink"
      ? { kind: "link", path: CURRENT, linkTarget: link.link_target }
      : { kind: "remove", path: CURRENT },
  );
  return { document, steps, tree: record.slot };
}

/** One file with two names, of which one is in a tree that runs. */
async function isShared(
  root: string,
  slot: string,
  path: string,
  trees: readonly string[],
): Promise<boolean> {
  const own = await lstat(join(root, path)).catch(() => undefined);
  if (!own?.isFile() || own.nlink < 2) return false;
  const within = path.slice(slot.length + 1);
  for (const tree of trees) {
    const other = await lstat(join(tree, within)).catch(() => undefined);
    if (other && other.ino === own.ino && other.dev === own.dev) return true;
  }
  return false;
}
