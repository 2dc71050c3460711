/**
 * Records that are damaged are refused, unless somebody asks for new ones: what the old ones knew of ways back and of
 * the highest release that was believed is forgotten then, and a signed manifest says again what is installed.
 */
import { randomBytes } from "node:crypto";
import { renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { syncFolder } from "../base/atomic-file.ts";
import { ThemisError } from "../base/error.ts";
import { whatStands } from "./own-names.ts";
import { DeviceState } from "./state.ts";
import { guard } from "./state-file.ts";

/** undefined when there are none, and for damaged ones that are to be made anew. @throws FetchError STATE_CORRUPT, STATE_UNREADABLE */
export function readRecords(themis: string, rebuild = false): DeviceState | undefined {
  try {
    return DeviceState.read(themis);
  } catch (error) {
    if (rebuild && isDamage(error)) return undefined;
    throw error;
  }
}

/** Under the lock. Damaged ones stay beside the new ones, for whoever wants to look into them. @throws like DeviceState.open */
export function openRecords(themis: string, rebuild = false): DeviceState {
  try {
    return DeviceState.open(themis);
  } catch (error) {
    if (!rebuild || !isDamage(error)) throw error;
  }
  guard(() => {
    const path = join(themis, "state.db");
    // A journal of SQLite that is left would be played into the new ones.
    rmSync(`${path}-journal`, { force: true, recursive: true });
    renameSync(path, asideOf(path));
    syncFolder(themis);
  });
  return DeviceState.open(themis);
}

/** A folder, or what stands where one was set aside before, cannot be replaced by a rename. */
function asideOf(path: string): string {
  const aside = `${path}.damaged`;
  const before = whatStands(aside);
  const isFree = before === "nothing" || (before !== "a folder" && whatStands(path) !== "a folder");
  return isFree ? aside : `${aside}-${randomBytes(6).toString("hex")}`;
}

function isDamage(error: unknown): boolean {
  return error instanceof ThemisError && error.code === "STATE_CORRUPT";
}
