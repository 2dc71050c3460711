/** The folders of a device, and the rights to use them. */
import { access, constants, lstat, mkdir, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { syncFolder } from "../base/atomic-file.ts";
import { systemCode } from "../base/error.ts";
import { RESERVED_FOLDER } from "../base/relative-path.ts";
import { openRecords } from "./damaged-records.ts";
import { FetchError } from "./fetch-error.ts";
import { type Gate, NO_GATE } from "./install/gate.ts";
import type { Installation } from "./install/install.ts";
import { type Recovery, recover } from "./install/recover.ts";
import { takeLock } from "./lock.ts";
import { demandStanding } from "./own-names.ts";
import type { DeviceState } from "./state.ts";

export type DevicePlace = {
  readonly root: string;
  readonly themis: string;
  readonly transfer: string;
  readonly staged: string;
  /** A whole tree, until it is switched to. */
  readonly building: string;
  readonly restore: string;
};

/** @param folder not empty: that would be the folder that the process stands in @throws FetchError ROOT_MISSING */
export async function findPlace(folder: string): Promise<DevicePlace> {
  if (folder === "") {
    throw new FetchError("ROOT_MISSING", "the root's name is an empty text", {
      hint: "name the folder that holds the installed tree; a variable may be unset",
    });
  }
  const root = resolve(folder);
  const found = await stat(root).catch(() => undefined);
  if (found && !found.isDirectory()) {
    throw new FetchError("ROOT_MISSING", `${root} is ${found.isFile() ? "a file" : "no folder"}`, {
      hint: "name the folder that holds the installed tree",
    });
  }
  if (!found) {
    throw new FetchError("ROOT_MISSING", `there is no folder ${root}`, {
      hint: "make it first; an update fills an empty one",
    });
  }
  const themis = join(root, RESERVED_FOLDER);
  return {
    root,
    themis,
    transfer: join(themis, "transfer"),
    staged: join(themis, "staged"),
    building: join(themis, "building"),
    restore: join(themis, "restore"),
  };
}

export type DeviceTools = Pick<Installation, "now" | "signal" | "onStep" | "checked"> & {
  /** Default: a release counts once it is there. */
  readonly gate?: Gate;
  /** Damaged records are set aside and made anew. */
  readonly rebuildRecords?: boolean | undefined;
};

/** Lock, records, and whatever a cut left behind put right; then the work; then everything let go. */
export function withDevice<T>(
  place: DevicePlace,
  tools: DeviceTools,
  work: (installation: Installation, recovery: Recovery) => Promise<T>,
): Promise<T> {
  return withRecords(place, tools.rebuildRecords, async (state) => {
    const installation = { gate: NO_GATE, ...tools, place, state };
    return work(installation, await recover(installation));
  });
}

/** Lock and records, and nothing put right: for what has no part in a switch. */
export async function withRecords<T>(
  place: DevicePlace,
  rebuildRecords: boolean | undefined,
  work: (state: DeviceState) => Promise<T>,
): Promise<T> {
  try {
    await makeRecordsFolder(place);
    for (const folder of [place.root, place.themis]) await access(folder, constants.W_OK);
  } catch (cause) {
    throw new FetchError(
      "ROOT_UNWRITABLE",
      `nothing can be written under ${place.root} (${systemCode(cause)})`,
      { cause },
    );
  }
  const found = await lstat(place.themis);
  if (found.isSymbolicLink()) {
    throw new FetchError(
      "ROOT_UNSAFE",
      `${place.themis} is a symlink; a device's records are never kept behind one`,
    );
  }
  if (!found.isDirectory()) throw new FetchError("ROOT_UNWRITABLE", `${place.themis} is not a folder`);
  for (const folder of [place.transfer, place.staged, place.building, place.restore])
    demandStanding(folder, "a folder");
  const lock = takeLock(place.themis);
  try {
    const state = openRecords(place.themis, rebuildRecords);
    try {
      return await work(state);
    } catch (error) {
      throw localFailure(error, place.root);
    } finally {
      state.close();
    }
  } finally {
    lock.release();
  }
}

/** Its name must last before anything beside it does: a switch would be half done, and nobody would know. */
export async function makeRecordsFolder({ root, themis }: DevicePlace): Promise<void> {
  try {
    await mkdir(themis, { mode: 0o700 });
  } catch (error) {
    if (systemCode(error) === "EEXIST") return;
    throw error;
  }
  syncFolder(root);
}

function localFailure(error: unknown, root: string): unknown {
  const code = systemCode(error);
  if (code === "EMFILE" || code === "ENFILE") {
    return new FetchError("TOO_MANY_FILES", `the system opens no more files for us (${code})`, {
      cause: error,
      hint: "raise the limit (ulimit -n); what came and was proven is kept",
    });
  }
  if (code === "ENOSPC" || code === "EDQUOT" || code === "EFBIG") {
    return new FetchError("NO_SPACE", `the disk of ${root} is full; nothing was installed`, { cause: error });
  }
  if (code === "EROFS" || code === "EACCES" || code === "EPERM" || code === "ENOTDIR") {
    return new FetchError("ROOT_UNWRITABLE", `nothing can be written under ${root} (${code})`, {
      cause: error,
    });
  }
  if (code === "EIO") {
    return new FetchError("DISK_FAILED", `the disk of ${root} fails (EIO)`, {
      cause: error,
      hint: "look into the system's log; what was begun is finished or undone by the next command",
    });
  }
  return error;
}
