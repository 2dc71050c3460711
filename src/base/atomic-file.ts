/**
 * A file that is either old or new, never half: write beside, fsync, rename, fsync the folder.
 *
 * POSIX makes rename atomic for other processes; only the two fsyncs make it last through a power cut:
 * the first so that the name never points at unwritten bytes, the second so that the name itself is kept.
 */
import { closeSync, fsyncSync, openSync } from "node:fs";
import { open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";

/** Where the content grows before it takes its name. */
export function partOfFile(path: string): string {
  return `${path}.part`;
}

/** @param content bytes, or pieces of them as they come; when their coming fails, so does this */
export async function writeFileAtomically(
  path: string,
  content: Uint8Array | AsyncIterable<Uint8Array>,
  mode = 0o644,
): Promise<void> {
  const beside = partOfFile(path);
  try {
    const file = await open(beside, "w", mode);
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
