/**
 * Records that are damaged are refused, unless somebody asks for new ones: what the old ones knew of ways back and of
 * the highest release that was believed is forgotten then, and a signed manifest says again what is installed.
 */
import { renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { syncFolder } from "../base/atomic-file.ts";
import { ThemisError } from "../base/error.ts";
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
    rmSync(`${path}-journal`, { force: true });
    renameSync(path, `${path}.damaged`);
    syncFolder(themis);
  });
  return DeviceState.open(themis);
}

function isDamage(error: unknown): boolean {
  return error instanceof ThemisError && error.code === "STATE_CORRUPT";
}
