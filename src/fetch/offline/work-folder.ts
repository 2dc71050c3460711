/**
 * Where an offline bundle grows: `.NAME.parts/` beside it, which whoever is killed finds again.
 *
 * One command at a time works in it. It is removed, lock and all, while the lock is held; whoever waited at
 * the door sees by the inode that the lock it got is no longer the one that stands there.
 */
import { existsSync, lstatSync, mkdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { systemCode } from "../../base/error.ts";
import { FetchError } from "../fetch-error.ts";
import { LOCK_FILE, takeLock } from "../lock.ts";

export function workFolderOf(output: string): string {
  return join(dirname(output), `.${basename(output)}.parts`);
}

/**
 * The folder is gone when `work` is done, and stays when it fails.
 *
 * @throws FetchError ALREADY_IN_PROGRESS, OUTPUT_FAILED, NO_SPACE; what `work` throws
 */
export async function withWorkFolder<T>(output: string, work: (folder: string) => Promise<T>): Promise<T> {
  const folder = workFolderOf(output);
  try {
    makeFolder(folder);
    const lock = lockFolder(folder, output);
    try {
      const done = await work(folder);
      rmSync(folder, { recursive: true, force: true });
      return done;
    } finally {
      lock.release();
    }
  } catch (error) {
    throw localFailure(error, output);
  }
}

/** In a folder where everybody writes somebody else's link or folder would lead our writes elsewhere. */
function makeFolder(folder: string): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const found = lstatSync(folder);
  const me = process.geteuid?.();
  if (found.isDirectory() && (me === undefined || found.uid === me)) return;
  throw new FetchError(
    "OUTPUT_FAILED",
    `${folder} is not a folder of yours, and the bundle would grow there`,
    {
      hint: "remove it, or name another output",
    },
  );
}

function lockFolder(folder: string, output: string): { readonly release: () => void } {
  const path = join(folder, LOCK_FILE);
  // Made only where there is none: to close a file that somebody in this process has locked would unlock it.
  if (!existsSync(path)) writeFileSync(path, "", { flag: "wx", mode: 0o600 });
  const before = inodeOf(path);
  const lock = takeLock(folder, `command that makes ${output}`);
  if (before !== undefined && inodeOf(path) === before) return lock;
  lock.release();
  throw new FetchError("ALREADY_IN_PROGRESS", `another command has just made ${output}`, {
    hint: "look at it, and run this again if it is not what you want",
  });
}

function inodeOf(path: string): bigint | undefined {
  return statSync(path, { bigint: true, throwIfNoEntry: false })?.ino;
}

function localFailure(error: unknown, output: string): unknown {
  const code = systemCode(error);
  if (code === "ENOSPC" || code === "EDQUOT" || code === "EFBIG") {
    return new FetchError("NO_SPACE", `the disk is full, ${output} was not made (${code})`, {
      cause: error,
      hint: "free some space and run it again; what came and was proven is kept",
    });
  }
  if (code === undefined || code === "ABORT_ERR") return error;
  return new FetchError("OUTPUT_FAILED", `${output} cannot be written (${code})`, { cause: error });
}
