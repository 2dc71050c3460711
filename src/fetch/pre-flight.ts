/**
 * What must hold before the first byte is fetched: room, inodes, the right to write, a clock that can be.
 *
 * Twice the bytes to fetch and to rebuild must be free, and as much as the way back copies: a disk that just
 * suffices does not, while a database runs on it. Each has a code of its own (NO_SPACE, NO_INODES,
 * ROOT_UNWRITABLE, CROSS_DEVICE, CLOCK_WRONG), and nothing is written to find out.
 */

import { access, constants, stat, statfs } from "node:fs/promises";
import { systemCode } from "../base/error.ts";
import { writeSize } from "../base/units.ts";
import type { Manifest } from "../format/manifest/manifest.ts";
import type { EntryRecord } from "../format/record/restore-point.ts";
import type { Verified } from "../trust/verified.ts";
import { FetchError } from "./fetch-error.ts";
import { checkReplaceable } from "./install/replaceable.ts";
import type { Strategy } from "./install/strategy.ts";
import { checkOneFileSystem } from "./one-file-system.ts";
import type { DevicePlace } from "./place.ts";
import type { Plan } from "./plan.ts";
import { isMade } from "./switch-steps.ts";
import { transferBytes } from "./transfer/pieces.ts";

export type PreFlightRequest = {
  readonly place: DevicePlace;
  readonly manifest: Verified<Manifest>;
  readonly plan: Plan;
  readonly strategy: Pick<Strategy, "needs">;
  /** The tree as it is. */
  readonly found: ReadonlyMap<string, EntryRecord>;
  readonly now: Date;
};

/** Of what is fetched and rebuilt. */
export const SPARE_FACTOR = 2;
/** Records, folders and partial files of our own. */
const SPARE_INODES = 64;
/** A release of tomorrow is a matter of time zones and of clocks that drift; a later one is not. */
const MAX_AHEAD_MS = 24 * 3600_000;

/** @throws FetchError CLOCK_WRONG, NO_SPACE, NO_INODES, ROOT_UNWRITABLE, CROSS_DEVICE */
export async function preFlight(request: PreFlightRequest): Promise<void> {
  checkClock(request);
  await checkRoom(request);
  await checkRights(request);
}

/** Nobody gets a release from the future: expiry and certificates mean nothing to a clock that stands behind it. */
function checkClock({ manifest, now }: PreFlightRequest): void {
  const released = manifest.release_date === "" ? 0 : Date.parse(manifest.release_date);
  if (released - now.getTime() <= MAX_AHEAD_MS) return;
  throw new FetchError(
    "CLOCK_WRONG",
    `this device's clock says ${now.toISOString()}, the release is of ${manifest.release_date}`,
    { hint: "set the clock; nothing was changed" },
  );
}

async function checkRoom({ place, manifest, plan, found, strategy }: PreFlightRequest): Promise<void> {
  const made = plan.steps.filter(isMade);
  const { copiedBytes: saved, inodes } = strategy.needs({ plan, found });
  const fetched = transferBytes(manifest.packs, plan.blobs);
  const rebuilt = made.reduce((sum, { target }) => sum + target.size_bytes, 0);
  const needBytes = SPARE_FACTOR * (fetched + rebuilt) + saved;
  const { bavail, bsize, files, ffree } = await statfs(place.root);
  const freeBytes = bavail * bsize;
  if (freeBytes < needBytes) {
    throw new FetchError(
      "NO_SPACE",
      `the update needs ${writeSize(needBytes)} under ${place.root}, ${writeSize(freeBytes)} are free`,
      {
        facts: { needBytes, freeBytes, fetched, rebuilt, saved },
        hint: "nothing was changed; free some space and run it again",
      },
    );
  }
  const needInodes = inodes + SPARE_INODES;
  // Some file systems count none.
  if (files > 0 && ffree < needInodes) {
    throw new FetchError(
      "NO_INODES",
      `the update makes up to ${needInodes} files under ${place.root}, ${ffree} can be made`,
      {
        facts: { needInodes, freeInodes: ffree },
        hint: "nothing was changed; remove some small files and run it again",
      },
    );
  }
}

async function isOurs(folder: string): Promise<boolean> {
  const me = process.geteuid?.();
  return me === undefined || (await stat(folder)).uid === me;
}

/** Every folder in which a name will change, as far as it is there. @throws FetchError ROOT_UNWRITABLE, CROSS_DEVICE */
async function checkRights({ place, plan, found, strategy }: PreFlightRequest): Promise<void> {
  const { folders, replaced } = strategy.needs({ plan, found });
  checkReplaceable(place.root, replaced);
  const all = new Set([place.root, place.themis, ...folders]);
  await checkOneFileSystem(place, all);
  for (const folder of all) {
    try {
      await access(folder, constants.W_OK | constants.X_OK);
    } catch (cause) {
      const code = systemCode(cause);
      // It will be made.
      if (code === "ENOENT" || code === "ENOTDIR") continue;
      // A folder of mode 0555 is opened for the switch by whoever owns it.
      if (code === "EACCES" && (await isOurs(folder))) continue;
      throw new FetchError("ROOT_UNWRITABLE", `nothing can be written in ${folder} (${code})`, {
        cause,
        hint: "nothing was changed; give the right to write there, or run it as the owner of the folder",
      });
    }
  }
}
