/**
 * What stands under the names that are ours in `.themis`. Links are not followed: what is written behind one lands where
 * somebody else said, and a FIFO would be waited for.
 */
import { lstatSync } from "node:fs";
import { FetchError } from "./fetch-error.ts";

export type Standing =
  | "nothing"
  | "a file"
  | "a folder"
  | "a symlink"
  | "no file but a device, a FIFO or a socket";

/** @throws the system's errors: what cannot be looked at is not nothing */
export function whatStands(path: string): Standing {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (!found) return "nothing";
  if (found.isFile()) return "a file";
  if (found.isDirectory()) return "a folder";
  return found.isSymbolicLink() ? "a symlink" : "no file but a device, a FIFO or a socket";
}

/** That, or nothing yet. @throws FetchError ROOT_UNSAFE; the system's errors */
export function demandStanding(path: string, wanted: "a file" | "a folder"): void {
  const found = whatStands(path);
  if (found === "nothing" || found === wanted) return;
  throw new FetchError("ROOT_UNSAFE", `${path} is ${found}, and ${wanted} of ours belongs there`, {
    hint: `move it away; the next command makes ${wanted} there`,
  });
}
