/** How a path looks on disk. Links are never followed, neither at the end nor on the way. */
import { lstatSync, readlinkSync, type Stats } from "node:fs";
import { join } from "node:path";
import { sha256, sha256OfFile } from "../base/digest.ts";
import { systemCode } from "../base/error.ts";
import type { EntryRecord } from "../format/record/restore-point.ts";
import { FetchError } from "./fetch-error.ts";

/** @throws FetchError ROOT_UNSAFE when the way there is no real folder, or the thing itself is no file */
export async function scanEntry(
  root: string,
  path: string,
  known?: Map<string, boolean>,
): Promise<EntryRecord> {
  const entry = lookAt(root, path, known);
  return entry.kind === "file" ? { ...entry, sha256: await sha256OfFile(join(root, path)) } : entry;
}

/**
 * All but the digest of a file, which takes the time.
 *
 * @param known what was found of folders on the way before, when many paths are looked at together
 * @throws like scanEntry
 */
export function lookAt(root: string, path: string, known?: Map<string, boolean>): EntryRecord {
  const nothing: EntryRecord = {
    path,
    kind: "absent",
    sha256: "",
    size: 0,
    permissions: "",
    link_target: "",
  };
  if (!hasRealParents(root, path, known)) return nothing;
  const full = join(root, path);
  const stat = statOf(full);
  if (!stat) return nothing;
  const permissions = `0${(stat.mode & 0o777).toString(8).padStart(3, "0")}`;
  if (stat.isDirectory()) return { ...nothing, kind: "directory", permissions };
  if (stat.isSymbolicLink()) {
    const text = readlinkSync(full);
    return { ...nothing, kind: "symlink", sha256: sha256(Buffer.from(text)), link_target: text };
  }
  if (stat.isFile()) return { ...nothing, kind: "file", size: stat.size, permissions };
  throw new FetchError("ROOT_UNSAFE", `${full} is neither a file, a folder nor a symlink`, {
    hint: "remove it or move it away: something of the release belongs there",
  });
}

export function isSameEntry(one: EntryRecord, other: EntryRecord): boolean {
  const isAlike = one.kind === other.kind && one.sha256 === other.sha256;
  return isAlike && one.permissions === other.permissions && one.link_target === other.link_target;
}

/** False when a folder on the way is not there. A link on the way would lead writes out of the root. @throws FetchError ROOT_UNSAFE */
export function hasRealParents(root: string, path: string, known?: Map<string, boolean>): boolean {
  for (let end = path.indexOf("/"); end !== -1; end = path.indexOf("/", end + 1)) {
    const folder = path.slice(0, end);
    const isReal = known?.get(folder) ?? isRealFolder(join(root, folder));
    known?.set(folder, isReal);
    if (!isReal) return false;
  }
  return true;
}

/**
 * Those of the paths that are symlinks, as `known` of the functions here: what a release has as a link, or had, is
 * nothing to be afraid of, and nothing is below it.
 */
export function linksAmong(root: string, paths: Iterable<string>): Map<string, boolean> {
  const links = new Map<string, boolean>();
  for (const path of paths) {
    if (statOf(join(root, path))?.isSymbolicLink()) links.set(path, false);
  }
  return links;
}

/** Of records. */
export function linksOf(files: readonly EntryRecord[]): string[] {
  return files.flatMap(({ kind, path }) => (kind === "symlink" ? [path] : []));
}

/** Whether a name there is in a real folder; what is behind a link is never ours to remove. */
export function isBelowFolders(root: string, path: string): boolean {
  for (let end = path.indexOf("/"); end !== -1; end = path.indexOf("/", end + 1)) {
    if (!statOf(join(root, path.slice(0, end)))?.isDirectory()) return false;
  }
  return true;
}

function isRealFolder(full: string): boolean {
  const stat = statOf(full);
  if (stat?.isSymbolicLink()) {
    throw new FetchError("ROOT_UNSAFE", `${full} is a symlink; an update never writes through one`, {
      hint: "replace it by a real folder",
    });
  }
  return stat?.isDirectory() ?? false;
}

function statOf(full: string): Stats | undefined {
  try {
    return lstatSync(full);
  } catch (error) {
    if (systemCode(error) === "ENOENT" || systemCode(error) === "ENOTDIR") return undefined;
    throw error;
  }
}
