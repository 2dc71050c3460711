/**
 * One file's bytes under a second name, for as little of the disk as the file system allows.
 *
 *   reflink    the blocks are shared until somebody writes to either: Btrfs, XFS, bcachefs, APFS
 *   link       one file with two names: who writes to either in place, or changes its mode, changes both
 *   copy       where neither can be had
 *
 * Nothing is said about what the bytes are: whoever needs certain ones proves them under the new name.
 */
import { constants, copyFile, link, open, rm } from "node:fs/promises";
import { systemCode } from "./error.ts";

export type Sharing = "reflink" | "link" | "copy";

/** The file system, or these two places, cannot do it; a copy can. */
const CANNOT_CLONE = new Set(["ENOTSUP", "EOPNOTSUPP", "ENOTTY", "EINVAL", "ENOSYS", "EXDEV"]);
/** EPERM: no hard links at all, or not to other people's files; EMLINK: it has as many as it can. */
const CANNOT_LINK = new Set(["EPERM", "EACCES", "EMLINK", "EXDEV", "ENOTSUP", "EOPNOTSUPP", "ENOSYS"]);

export type ShareOptions = {
  /** Permissions of the new name; undefined leaves them as they are. A link has its file's. */
  readonly mode?: number | undefined;
  /** Whether it may be one file with two names. */
  readonly mayLink: boolean;
};

/** Remembers what the file system cannot do, so that it is asked once and not for each of ten thousand files. */
export class FileSharer {
  #clones = true;

  /** @param to where nothing is yet; its bytes and mode last, its name once the folder is synced @throws the system's errors */
  async share(from: string, to: string, { mode, mayLink }: ShareOptions): Promise<Sharing> {
    if (this.#clones) {
      if (await cloneFile(from, to)) {
        await settle(to, mode);
        return "reflink";
      }
      this.#clones = false;
    }
    if (mayLink) {
      if (await could(link(from, to), CANNOT_LINK)) return "link";
    }
    await copyFile(from, to, constants.COPYFILE_EXCL);
    await settle(to, mode);
    return "copy";
  }
}

/** A reflink, or false where there can be none; then nothing is there. @throws the system's errors */
export async function cloneFile(from: string, to: string): Promise<boolean> {
  const flags = constants.COPYFILE_FICLONE_FORCE | constants.COPYFILE_EXCL;
  if (await could(copyFile(from, to, flags), CANNOT_CLONE)) return true;
  // Node removes what it began with, and does not say when it could not.
  await rm(to, { force: true });
  return false;
}

async function could(act: Promise<void>, cannot: ReadonlySet<string>): Promise<boolean> {
  try {
    await act;
    return true;
  } catch (error) {
    if (!cannot.has(systemCode(error) ?? "")) throw error;
    return false;
  }
}

async function settle(path: string, mode: number | undefined): Promise<void> {
  const file = await open(path, "r");
  try {
    if (mode !== undefined) await file.chmod(mode);
    await file.sync();
  } finally {
    await file.close();
  }
}
