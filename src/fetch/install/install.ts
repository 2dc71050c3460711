/**
 * Journal, switch, close: the one way in which files under a root change, for updates and rollbacks alike.
 */
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { systemCode, withHint } from "../../base/error.ts";
import { FetchError } from "../fetch-error.ts";
import type { DevicePlace } from "../place.ts";
import type { DeviceState, RestorePointRecord } from "../state.ts";
import { openRestorePoint, stageRestorePoint } from "./restore-point.ts";
import { checkWay, isStagedRight, type JournalEntry, type OnStep, runSteps, StepFailure } from "./switch.ts";

/** @throws FetchError PATH_OCCUPIED, ROOT_UNSAFE before anything is done; SWITCH_FAILED after all was put back */
export async function install(
  place: DevicePlace,
  state: DeviceState,
  entry: JournalEntry,
  restorePoint: RestorePointRecord | undefined,
  now: Date,
  onStep?: OnStep,
): Promise<void> {
  await checkWay(place.root, entry.steps);
  state.openJournal(entry, restorePoint);
  await finish(place, state, entry, now, onStep);
}

export type Recovery = {
  readonly outcome: "nothing" | "finished" | "undone";
  /** The switch that had been cut. */
  readonly entry?: JournalEntry;
};

/** The first thing every command does under the lock: a switch that was cut is finished, or undone. */
export async function recover(place: DevicePlace, state: DeviceState, now: Date): Promise<Recovery> {
  const recovery = await settle(place, state, now);
  await removeLeftovers(place, state);
  return recovery;
}

async function settle(place: DevicePlace, state: DeviceState, now: Date): Promise<Recovery> {
  const entry = state.journal();
  if (!entry) return { outcome: "nothing" };
  try {
    if (!(await isStagedRight(place, entry.steps))) {
      // Not even one step more of it: what is staged rotted or did not last, and only the way back is proven.
      if (entry.action === "update") {
        await undo(place, state, entry, now);
        return { outcome: "undone", entry };
      }
      await stageWayBack(place, state, entry);
    }
    await finish(place, state, entry, now);
    return { outcome: "finished", entry };
  } catch (error) {
    if (error instanceof FetchError && error.code === "SWITCH_FAILED" && !state.journal())
      return { outcome: "undone", entry };
    throw error;
  }
}

/** What a cut before the journal, or after it, left behind: staged files, and restore points that nobody needs. */
async function removeLeftovers(place: DevicePlace, state: DeviceState): Promise<void> {
  await rm(place.staged, { recursive: true, force: true });
  const known = new Set(state.restorePoints().map(({ id }) => id));
  const there = await readdir(place.restore).catch(() => []);
  for (const name of there)
    if (!known.has(name)) await rm(join(place.restore, name), { recursive: true, force: true });
}

async function finish(
  place: DevicePlace,
  state: DeviceState,
  entry: JournalEntry,
  now: Date,
  onStep?: OnStep,
): Promise<void> {
  try {
    await runSteps({ ...place, ...entry }, onStep);
  } catch (failure) {
    const { message, cause } =
      failure instanceof StepFailure ? failure : new StepFailure(place.root, failure);
    if (entry.action === "rollback") {
      throw new FetchError("SWITCH_FAILED", `the rollback could not be finished (${message})`, {
        cause,
        hint: `${remedy(cause)}; themis-fetch rollback goes on with it`,
      });
    }
    await undo(place, state, entry, now);
    throw new FetchError(
      "SWITCH_FAILED",
      `the switch to ${entry.toVersion} failed (${message}) and was undone`,
      {
        cause,
        hint: `${entry.fromVersion || "the state before"} runs as before; ${remedy(cause)}`,
      },
    );
  }
  closeInPlace(state, entry, now);
  await tidy(place.staged);
}

/** Every file is in its place: what cannot be recorded now is by the next command. */
function closeInPlace(state: DeviceState, entry: JournalEntry, now: Date): void {
  try {
    close(state, entry, now, "done");
  } catch (error) {
    const hint = `every file of ${entry.toVersion || "the state before"} is in place; the next command records it`;
    throw withHint(error, { NO_SPACE: hint, DISK_FAILED: hint });
  }
}

/** After a switch: what cannot be removed now is by the next command, and the switch is done all the same. */
export async function tidy(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true }).catch((error: unknown) => {
    if (systemCode(error) === undefined) throw error;
  });
}

function remedy(cause: unknown): string {
  switch (systemCode(cause)) {
    case "ENOSPC":
    case "EDQUOT":
      return "free some of the disk";
    case "EACCES":
    case "EPERM":
    case "EROFS":
      return "give back the right to write there";
    case "ENOTEMPTY":
    case "EEXIST":
      return "move away what is not of the release there";
    default:
      return "see to that path";
  }
}

async function undo(place: DevicePlace, state: DeviceState, entry: JournalEntry, now: Date): Promise<void> {
  const { document, steps } = await stageWayBack(place, state, entry);
  const { release, files } = document;
  await runSteps({ ...place, steps, files });
  const removeRestorePoints = [entry.restorePoint];
  close(state, { ...entry, release, files, removeRestorePoints }, now, "undone");
  await tidy(place.staged);
}

/** From the restore point of a switch: the same files under the same names each time. */
async function stageWayBack(place: DevicePlace, state: DeviceState, entry: JournalEntry) {
  const record = state.restorePoints().find(({ id }) => id === entry.restorePoint);
  if (!record)
    throw new FetchError(
      "STATE_CORRUPT",
      `the restore point ${entry.restorePoint} of an open switch is gone`,
    );
  const document = await openRestorePoint(place.restore, record);
  return { document, steps: await stageRestorePoint(place.restore, document, place.staged) };
}

function close(state: DeviceState, entry: JournalEntry, now: Date, result: string): void {
  const { release, files, removeRestorePoints, action, fromVersion, toVersion } = entry;
  state.closeJournal({
    release,
    files,
    removeRestorePoints,
    history: { at: now.toISOString(), action, fromVersion, toVersion, result },
  });
}
