import { FetchError } from "../fetch-error.ts";
import type { DevicePlace } from "../place.ts";
import type { DeviceState } from "../state.ts";
import type { JournalEntry } from "./journal-entry.ts";
import { openRestorePoint, stageRestorePoint } from "./restore-point.ts";

/** From the restore point of a switch: the same files under the same names each time. @throws FetchError STATE_CORRUPT, RESTORE_POINT_TAMPERED */
export async function stageWayBack(place: DevicePlace, state: DeviceState, entry: JournalEntry) {
  const record = state.restorePoints().find(({ id }) => id === entry.restorePoint);
  if (!record)
    throw new FetchError(
      "STATE_CORRUPT",
      `the restore point ${entry.restorePoint} of an open switch is gone`,
    );
  const document = await openRestorePoint(place.restore, record);
  return { document, steps: await stageRestorePoint(place.restore, document, place.staged) };
}
