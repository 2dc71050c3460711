/**
 * From restore points to the steps of a switch: the newest first, and whatever each saved of a path is overlaid by
 * what an older one did, so one switch leads over any number of releases.
 *
 * Everything is proven and staged before the first step, the same files under the same names each time.
 */
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { syncFolder } from "../../base/atomic-file.ts";
import type { EntryRecord, RestorePointDocument } from "../../format/record/restore-point.ts";
import { FetchError } from "../fetch-error.ts";
import type { DevicePlace } from "../place.ts";
import type { DeviceState } from "../state.ts";
import type { JournalEntry, SwitchStep } from "./journal-entry.ts";
import { openRestorePoint, type RestorePoint } from "./restore-point.ts";
import { SavedContents } from "./saved-contents.ts";
import { wayBackToSlot } from "./way-back-to-slot.ts";

export type WayBack = {
  /** Of the point that it leads to. */
  readonly document: RestorePointDocument;
  readonly steps: SwitchStep[];
  /** Where its files are then, as a journal names it. */
  readonly tree: string;
};

/** @throws FetchError STATE_CORRUPT, RESTORE_POINT_TAMPERED, RESTORE_BASE_CHANGED */
export async function stageWayBack(
  place: DevicePlace,
  state: DeviceState,
  { restorePoint }: Pick<JournalEntry, "restorePoint">,
): Promise<WayBack> {
  const records = state.restorePoints();
  const last = records.findIndex(({ id }) => id === restorePoint);
  if (last === -1)
    throw new FetchError("STATE_CORRUPT", `the restore point ${restorePoint} of an open switch is gone`);
  if (records[last]!.kind === "slot") return wayBackToSlot(place, state, records[last]!);
  const points: RestorePoint[] = [];
  for (const record of records.slice(0, last + 1)) points.push(await openRestorePoint(place.restore, record));
  return { document: points[last]!.document, steps: await stage(place, points), tree: "" };
}

async function stage(place: DevicePlace, points: readonly RestorePoint[]): Promise<SwitchStep[]> {
  const { staged } = place;
  await rm(staged, { recursive: true, force: true });
  await mkdir(staged, { recursive: true });
  const contents = new SavedContents(place, points);
  const overlaid = new Map<string, { readonly at: number; readonly entry: EntryRecord }>();
  for (const [at, { document }] of points.entries())
    for (const entry of document.entries) overlaid.set(entry.path, { at, entry });
  const absent: string[] = [];
  const back: SwitchStep[] = [];
  for (const [index, { at, entry }] of [...overlaid.values()].entries()) {
    const { path, permissions } = entry;
    if (await contents.isAsSaved(entry)) continue;
    if (entry.kind === "absent") absent.push(path);
    else if (entry.kind === "directory") back.push({ kind: "folder", path, permissions });
    else if (entry.kind === "symlink") back.push({ kind: "link", path, linkTarget: entry.link_target });
    else {
      const name = `back-${index}`;
      await contents.bring(at, entry, join(staged, name));
      back.push({ kind: "file", path, staged: name, sha256: entry.sha256, permissions });
      back.push({ kind: "chmod", path, permissions });
    }
  }
  syncFolder(staged);
  return inOrder(absent, back, contents.bases);
}

/**
 * What was absent goes first, to make way. What something was rebuilt from goes last where it can: should a
 * staged file rot between a cut and the next start, it is rebuilt once more.
 */
function inOrder(
  absent: readonly string[],
  back: readonly SwitchStep[],
  bases: ReadonlySet<string>,
): SwitchStep[] {
  const isInTheWay = (base: string): boolean =>
    back.some(
      ({ kind, path }) => path.startsWith(`${base}/`) || (kind !== "folder" && base.startsWith(`${path}/`)),
    );
  const late = absent.filter((path) => bases.has(path) && !isInTheWay(path));
  const lateNames = new Set(late.flatMap(withFolders));
  const isLate = (path: string): boolean => lateNames.has(path);
  return [
    ...removals(absent.filter((path) => !isLate(path))),
    ...[...back].sort(foldersFirst),
    ...removals(absent.filter(isLate)),
  ];
}

/** "a/b/c" and "a/b" and "a": a folder can only go when what is in it has gone. */
function withFolders(path: string): string[] {
  const names = path.split("/");
  return names.map((_, index) => names.slice(0, index + 1).join("/"));
}

/** What was absent is a file, a link or a folder by now; a folder that holds somebody's files stays. */
function removals(absent: readonly string[]): SwitchStep[] {
  return [...absent].sort((a, b) => b.length - a.length).map((path) => ({ kind: "remove-any", path }));
}

function foldersFirst(a: SwitchStep, b: SwitchStep): number {
  const rank = ({ kind }: SwitchStep): number => (kind === "folder" ? 0 : 1);
  return rank(a) - rank(b) || a.path.length - b.path.length;
}
