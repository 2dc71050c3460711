/** A whole tree goes, with folders that their owner may not write to; what is not there is gone already. */
import { chmod, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { systemCode } from "./error.ts";

/** What the owner of a folder needs to take something out of it. */
const OPEN = 0o700;

/** @throws the system's errors */
export async function removeTree(path: string): Promise<void> {
  try {
    await rm(path, { recursive: true, force: true });
  } catch (error) {
    // Root is not kept out by the mode of a folder; everybody else is.
    if (systemCode(error) !== "EACCES") throw error;
    await openFolders(path);
    await rm(path, { recursive: true, force: true });
  }
}

async function openFolders(folder: string): Promise<void> {
  await chmod(folder, OPEN);
  for (const entry of await readdir(folder, { withFileTypes: true }))
    if (entry.isDirectory()) await openFolders(join(folder, entry.name));
}
