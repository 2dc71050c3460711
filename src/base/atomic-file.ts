/**
 * A file that is either old or new, never half: write beside, fsync, rename, fsync the folder.
 *
 * POSIX makes rename atomic for other processes; only the two fsyncs make it last through a power cut:
 * the first so that the name never points at unwritten bytes, the second so that the name itself is kept.
 */
import { randomBytes } from "node:crypto";
import { closeSync, fsyncSync, lstatSync, openSync, statSync } from "node:fs";
import { open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { ThemisError } from "./error.ts";

/** Where content grows before it takes its name: beside it, and under a name that nobody else has or foresees. */
export function partOfFile(path: string): string {
  return `${path}.part-${process.pid}-${randomBytes(6).toString("hex")}`;
}

/**
 * What stands there may be replaced: nothing, a file, or a symlink, which is replaced itself and not followed.
 *
 * @throws ThemisError OUTPUT_INVALID: a rename would put a file in the place of a device or a FIFO
 */
export function checkOutput(path: string): void {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found && !found.isFile() && !found.isSymbolicLink()) {
    const what = found.isDirectory() ? "is a folder" : "is no file but a device, a FIFO or a socket";
    throw new ThemisError("OUTPUT_INVALID", "usage", `${path} ${what}; nothing was written`);
  }
  const folder = dirname(path);
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory())
    throw new ThemisError("OUTPUT_INVALID", "usage", `there is no folder ${folder}`);
}

/** Whether two names stand for one file; false when either is absent. */
export function isSameFile(one: string, other: string): boolean {
  const [a, b] = [one, other].map((path) => statSync(path, { bigint: true, throwIfNoEntry: false }));
  return a !== undefined && b !== undefined && a.dev === b.dev && a.ino === b.ino;
}

export type AtomicOptions = {
  /** Permissions; default 0o644, less the umask. */
  readonly mode?: number;
  /** From partOfFile(), for who has to know it beforehand. */
  readonly part?: string;
};

/**
 * @param content bytes, or pieces of them as they come; when their coming fails, so does this
 * @throws ThemisError OUTPUT_INVALID; the system's errors
 */
export async function writeFileAtomically(
  path: string,
  content: Uint8Array | AsyncIterable<Uint8Array>,
  { mode = 0o644, part: beside = partOfFile(path) }: AtomicOptions = {},
): Promise<void> {
  checkOutput(path);
  const file = await open(beside, "wx", mode);
  try {
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(beside, path);
  } catch (error) {
    await rm(beside, { force: true });
    throw error;
  }
  syncFolder(dirname(path));
}

/** Makes the names in a folder last. Windows cannot open folders and journals its names itself. */
export function syncFolder(path: string): void {
  if (process.platform === "win32") return;
  const folder = openSync(path, "r");
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}

export async function syncFile(path: string): Promise<void> {
  const file = await open(path, "r");
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}
