import { rm } from "node:fs/promises";
import { userInfo } from "node:os";
import { systemCode, withHint } from "../../base/error.ts";
import type { DevicePlace } from "../place.ts";
import type { DeviceState } from "../state.ts";
import type { JournalEntry } from "./journal-entry.ts";
import { removeOldSlots } from "./slots.ts";

/** The end of a switch, whichever: what is installed now, what was done, and no journal; then what was staged goes. */
export async function closeEntry(
  place: DevicePlace,
  state: DeviceState,
  { release, files, tree, removeRestorePoints, action, repairs, fromVersion, toVersion }: JournalEntry,
  now: Date,
  result: string,
): Promise<void> {
  const closing = {
    release,
    files,
    tree,
    removeRestorePoints,
    history: {
      at: now.toISOString(),
      who: whoActs(),
      action: repairs ? "repair" : action,
      fromVersion,
      toVersion,
      result,
    },
  };
  try {
    state.closeJournal(closing);
  } catch (error) {
    // Every file is in its place: what cannot be recorded now is by the next command.
    const hint = `every file of ${release.version || "the state before"} is in place; the next command records it`;
    throw withHint(error, { NO_SPACE: hint, DISK_FAILED: hint });
  }
  await tidy(place.staged);
  await removeOldSlots(place, state).catch(unlessOfSystem);
}

/** After a switch: what cannot be removed now is by the next command, and the switch is done all the same. */
export async function tidy(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true }).catch(unlessOfSystem);
}

function unlessOfSystem(error: unknown): void {
  if (systemCode(error) === undefined) throw error;
}

/** "root (ada)" for somebody who became root by sudo. */
export function whoActs(environment: NodeJS.ProcessEnv = process.env): string {
  const name = nameOfUser();
  const before = environment.SUDO_USER ?? "";
  return before === "" || before === name ? name : `${name} (${before.slice(0, MAX_NAME)})`;
}

const MAX_NAME = 64;

/** A user that no list names is known by number. */
function nameOfUser(): string {
  try {
    return userInfo().username;
  } catch {
    return String(process.getuid?.() ?? "");
  }
}
