/** After a release was confirmed: what is beyond the bounds goes, what stays is made small. */
import { join } from "node:path";
import { systemCode } from "../../base/error.ts";
import type { DevicePlace } from "../place.ts";
import type { DeviceState } from "../state.ts";
import { tidy } from "./close-entry.ts";
import { compactRestorePoint } from "./compact.ts";
import type { Installation } from "./install.ts";
import { DEFAULT_RETENTION, expired, type Retention } from "./retention.ts";
import { removeOldSlots } from "./slots.ts";

export type KeepOptions = {
  readonly retention?: Retention | undefined;
  /** Told what could not be done. */
  readonly notice?: ((message: string) => void) | undefined;
};

/** The release is there and runs, so nothing that fails here is a failure of the update; the next one tries again. */
export async function keepRestorePoints(
  { place, state, now, signal }: Pick<Installation, "place" | "state" | "now" | "signal">,
  { retention = DEFAULT_RETENTION, notice = () => {} }: KeepOptions,
): Promise<void> {
  const attempt = async (what: string, act: () => Promise<void>): Promise<void> => {
    try {
      await act();
    } catch (error) {
      const why = systemCode(error) ?? (error instanceof Error ? error.message : String(error));
      notice(`${what} (${why}); the next update tries again`);
    }
  };
  const clean = (bounds: Retention): Promise<void> =>
    attempt("old restore points could not be removed", () => remove(place, state, bounds, now()));
  // By bytes only when they are small: a copy counts for more than it will.
  await clean({ ...retention, bytes: undefined });
  for (const [index, record] of state.restorePoints().entries()) {
    if (record.kind !== "copies") continue;
    await attempt(`the restore point ${record.id} could not be made smaller`, () =>
      compactRestorePoint(place, state, record, { isNewest: index === 0, signal }),
    );
  }
  await clean(retention);
}

/** Records first: a folder that nobody names is removed by the next command, a name without a folder is a broken promise. */
async function remove(
  place: DevicePlace,
  state: DeviceState,
  retention: Retention,
  now: Date,
): Promise<void> {
  const going = expired(state.restorePoints(), retention, now);
  if (going.length === 0) return;
  state.removeRestorePoints(going.map(({ id }) => id));
  for (const { folder } of going) await tidy(join(place.restore, folder));
  await removeOldSlots(place, state);
}
