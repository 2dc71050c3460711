/**
 * The whole release in `.themis/building`, proven and made to last: what was rebuilt comes from `.themis/staged`, what
 * is as it was, and what operators made of their own files, from the tree that runs, which is not touched.
 */
import { mkdir, rename, symlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { syncFolder } from "../../base/atomic-file.ts";
import { mapInOrder } from "../../base/parallel.ts";
import { removeTree } from "../../base/remove-tree.ts";
import { FileSharer } from "../../base/share-file.ts";
import type { EntryRecord } from "../../format/record/restore-point.ts";
import { FetchError } from "../fetch-error.ts";
import type { DevicePlace } from "../place.ts";
import type { PlanStep } from "../plan.ts";
import type { StagedFile } from "../rebuild.ts";
import { isSameEntry, scanEntry } from "../scan.ts";
import { recordOf } from "../switch-steps.ts";
import type { Change } from "./strategy.ts";
import { setMode } from "./switch.ts";

/** Files taken over at once. */
const TAKEN_AT_ONCE = 4;

export type Assembly = Change & {
  readonly place: DevicePlace;
  /** What runs. */
  readonly tree: string;
  readonly staged: readonly StagedFile[];
  readonly signal: AbortSignal | undefined;
};

/** What comes from the tree that runs, as it is then. */
type Taken = { readonly entry: EntryRecord; readonly mayLink: boolean };
type Kept = Extract<PlanStep, { kind: "keep" }>;

/** @throws FetchError SWITCH_FAILED, KEEP_CONFLICT; the system's errors; the signal's reason */
export async function assembleSlot(assembly: Assembly): Promise<void> {
  const { place, tree, plan, staged, signal } = assembly;
  const { building, themis } = place;
  await removeTree(building);
  await mkdir(building, { mode: 0o755 });
  const targets = plan.steps.flatMap((step) => (step.kind === "remove" ? [] : [step.target]));
  const taken = takenOver(assembly);
  const folders = new Set<string>();
  for (const { path, type } of targets) addFolder(folders, type === "directory" ? path : dirname(path));
  for (const { entry } of taken) addFolder(folders, dirname(entry.path));
  for (const folder of folders) await mkdir(join(building, folder));
  for (const { target, staged: name } of staged)
    await rename(join(place.staged, name), join(building, target.path));
  const sharer = new FileSharer();
  const take = async (one: Taken): Promise<void> => {
    signal?.throwIfAborted();
    await takeOver(sharer, one, tree, building);
  };
  for await (const _ of mapInOrder(taken, TAKEN_AT_ONCE, take));
  // Links last: nothing is ever written through one.
  for (const { path, type, link_target } of targets)
    if (type === "symlink") await symlink(link_target, join(building, path));
  for (const { entry } of taken)
    if (entry.kind === "symlink") await symlink(entry.link_target, join(building, entry.path));
  // Deepest first, so that each can still be reached.
  const modes = new Map(targets.map(({ path, permissions }) => [path, permissions]));
  for (const folder of [...folders].reverse()) {
    const full = join(building, folder);
    syncFolder(full);
    const permissions = modes.get(folder);
    if (permissions !== undefined) await setMode(full, permissions);
  }
  syncFolder(building);
  syncFolder(themis);
}

/** With another mode it would be changed where it lies; what people edit would change in both. */
export function mayLink(step: PlanStep): step is Kept {
  return step.kind === "keep" && step.target.type !== "config";
}

/** Of files that are neither rebuilt nor linked. */
export function copiedBytes(change: Change): number {
  return takenOver(change).reduce((sum, { entry, mayLink: linked }) => sum + (linked ? 0 : entry.size), 0);
}

function takenOver({ plan, found }: Change): Taken[] {
  const shared = plan.steps.flatMap((step): Taken[] => {
    if (step.kind !== "keep" && step.kind !== "chmod") return [];
    const entry = recordOf(step.target);
    return entry.kind === "file" ? [{ entry, mayLink: mayLink(step) }] : [];
  });
  const own = plan.operators.map(({ path }) => ({ entry: found.get(path)!, mayLink: false }));
  return [...shared, ...own];
}

/** Each after the one that holds it. */
function addFolder(folders: Set<string>, folder: string): void {
  if (folder === "." || folders.has(folder)) return;
  for (let end = folder.indexOf("/"); end !== -1; end = folder.indexOf("/", end + 1))
    folders.add(folder.slice(0, end));
  folders.add(folder);
}

async function takeOver(
  sharer: FileSharer,
  { entry, mayLink: linked }: Taken,
  tree: string,
  building: string,
): Promise<void> {
  const { path, kind, permissions } = entry;
  if (kind === "symlink") return;
  if (kind !== "file") {
    throw new FetchError("KEEP_CONFLICT", `${path} became a folder here, and a slot takes over files`, {
      hint: "take it out of autoUpdate.keep, or move it away; nothing was changed",
      facts: { path },
    });
  }
  const mode = Number.parseInt(permissions, 8);
  await sharer.share(join(tree, path), join(building, path), { mode, mayLink: linked });
  if (isSameEntry(await scanEntry(building, path), entry)) return;
  throw new FetchError("SWITCH_FAILED", `${path} changed while it was taken over`, {
    hint: "nothing was changed; run it again",
  });
}
