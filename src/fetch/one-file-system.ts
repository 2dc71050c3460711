/**
 * A rename is one step only within one mount: everything that an update moves must lie on the file system that it
 * waits on. Asked early, because found out in the middle of a switch it is one that must be undone.
 */
import { rename } from "node:fs/promises";
import { dirname, join } from "node:path";
import { systemCode } from "../base/error.ts";
import { FetchError } from "./fetch-error.ts";

/** Nothing has this name. */
const NOTHING = "no-such-file";

/**
 * Whether files can be moved from `.themis` into each of these folders and those above them, up to the root.
 *
 * Linux compares the mounts before it looks for the names (rename(2): EXDEV also for two mounts of one file system), so
 * the rename of what is not there finds it out and changes nothing; device numbers would not tell.
 *
 * @throws FetchError CROSS_DEVICE
 */
export async function checkOneFileSystem(
  { root, themis }: { readonly root: string; readonly themis: string },
  folders: Iterable<string>,
): Promise<void> {
  const asked = new Set<string>([themis]);
  for (const wanted of folders) {
    for (let folder = wanted; !asked.has(folder); folder = dirname(folder)) {
      asked.add(folder);
      if ((await renameNothing(themis, folder)) === "EXDEV") throw crossDevice(folder, themis);
      if (folder === root) break;
    }
  }
}

async function renameNothing(from: string, to: string): Promise<string | undefined> {
  try {
    await rename(join(from, NOTHING), join(to, NOTHING));
    return undefined;
  } catch (error) {
    return systemCode(error);
  }
}

function crossDevice(folder: string, themis: string): FetchError {
  return new FetchError(
    "CROSS_DEVICE",
    `${folder} is on another file system than ${themis}, so nothing can be moved there in one step`,
    {
      facts: { folder },
      hint: "nothing was changed; keep what a release installs on one file system, and mount only other data below it",
    },
  );
}
