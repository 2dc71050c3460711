/** What differs between two releases. */
import type { Tree, TreeEntry } from "./tree.ts";

export function sameTree(a: Tree, b: Tree): boolean {
  return JSON.stringify(a.entries) === JSON.stringify(b.entries);
}

/** New paths whose bytes no file of the older release has. A device copies what only moved. */
export function addedFiles(old: Tree, tree: Tree): TreeEntry[] {
  const paths = new Set(old.entries.filter(isFile).map(({ path }) => path));
  const has = hasBytes(old);
  return tree.entries.filter(
    (entry) => isFile(entry) && entry.sizeBytes > 0 && !paths.has(entry.path) && !has(entry),
  );
}

/** Paths that both have: those with bytes that the older release has nowhere, and how many are left. */
export function compare(old: Tree, tree: Tree): { changed: TreeEntry[]; unchanged: number } {
  const paths = new Set(old.entries.filter(isFile).map(({ path }) => path));
  const has = hasBytes(old);
  const common = tree.entries.filter((entry) => isFile(entry) && paths.has(entry.path));
  const changed = common.filter((entry) => entry.sizeBytes > 0 && !has(entry));
  return { changed, unchanged: common.length - changed.length };
}

function hasBytes({ entries }: Tree): (entry: TreeEntry) => boolean {
  const digests = new Set(entries.filter(isFile).map(({ sha256 }) => sha256));
  return ({ sha256 }) => digests.has(sha256);
}

export function removedFiles(old: Tree, tree: Tree): TreeEntry[] {
  const now = new Set(tree.entries.map(({ path }) => path));
  return old.entries.filter(({ path, type }) => type !== "directory" && !now.has(path));
}

export function isFile(entry: TreeEntry): boolean {
  return entry.type !== "directory" && entry.type !== "symlink";
}
