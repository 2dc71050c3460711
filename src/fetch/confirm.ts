/** An operator says that the new release works: from now on it is the one that counts. */
import { FetchError } from "./fetch-error.ts";
import { closeEntry } from "./install/close-entry.ts";
import { type KeepOptions, keepRestorePoints } from "./install/keep-restore-points.ts";
import type { Retention } from "./install/retention.ts";
import { type DeviceTools, findPlace, withDevice } from "./place.ts";

export type Confirmed = { readonly from: string; readonly to: string };

/** @throws FetchError NOTHING_TO_CONFIRM, also when it is too late: then the release before is back */
export async function confirm(
  { root, retention }: { readonly root: string; readonly retention?: Retention | undefined },
  tools: DeviceTools & Pick<KeepOptions, "notice">,
): Promise<Confirmed> {
  const place = await findPlace(root);
  return withDevice(place, tools, async (installation, { outcome, entry }) => {
    const { state, now } = installation;
    if (outcome !== "awaiting" || !entry) {
      const why = entry && outcome === "undone" ? `; ${entry.toVersion} was rolled back just now` : "";
      throw new FetchError("NOTHING_TO_CONFIRM", `no release waits to be confirmed${why}`);
    }
    await closeEntry(place, state, entry, now(), "done");
    await keepRestorePoints(installation, { retention, notice: tools.notice });
    return { from: entry.fromVersion, to: entry.toVersion };
  });
}
