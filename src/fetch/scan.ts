/** How a path looks on disk. Links are never followed, neither at the end nor on the way. */
import { lstat, readlink } from "node:fs/promises";
import { join } from "node:path";
import { sha256, sha256OfFile } from "../base/digest.ts";
import { systemCode } from "../base/error.ts";
import type { EntryRecord } from "../format/record/restore-point.ts";
import { FetchError } from "./fetch-error.ts";

/** @throws FetchError ROOT_UNSAFE when the way there is no real folder, or the thing itself is no file */
export async function scanEntry(root: string, path: string): Promise<EntryRecord> {
  const nothing: EntryRecord = {
    path,
    kind: "absent",
    sha256: "",
    size: 0,
    permissions: "",
    link_target: "",
  };
  if (!(await hasRealParents(root, path))) return nothing;
  const full = join(root, path);
  const stat = await lstat(full).catch((error: unknown) => {
    if (systemCode(error) === "ENOENT" || systemCode(error) === "ENOTDIR") return undefined;
    throw error;
  });
  if (!stat) return nothing;
  const permissions = `0${(stat.mode & 0o777).toString(8).padStart(3, "0")}`;
  if (stat.isDirectory()) return { ...nothing, kind: "directory", permissions };
  if (stat.isSymbolicLink()) {
    const text = await readlink(full);
    return { ...nothing, kind: "symlink", sha256: sha256(Buffer.from(text)), link_target: text };
  }
  if (stat.isFile()) {
    return { ...nothing, kind: "file", sha256: await sha256OfFile(full), size: stat.size, permissions };
  }
  throw new FetchError("ROOT_UNSAFE", `${full} is neither a file, a folder nor a symlink`);
}

/** False when a folder on the way is not there. A link on the way would lead writes out of the root. */
export async function hasRealParents(root: string, path: string): Promise<boolean> {
  for (let end = path.indexOf("/"); end !== -1; end = path.indexOf("/", end + 1)) {
    const folder = join(root, path.slice(0, end));
    const stat = await lstat(folder).catch((error: unknown) => {
      if (systemCode(error) === "ENOENT" || systemCode(error) === "ENOTDIR") return undefined;
      throw error;
    });
    if (!stat) return false;
    if (stat.isSymbolicLink()) {
      throw new FetchError("ROOT_UNSAFE", `${folder} is a symlink; an update never writes through one`, {
        hint: "replace it by a real folder",
      });
    }
    if (!stat.isDirectory()) return false;
  }
  return true;
}
