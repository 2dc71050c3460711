/** What differs between two releases. */
import type { Tree, TreeEntry } from "./tree.ts";

export function sameTree(a: Tree, b: Tree): boolean {
  return JSON.stringify(a.entries) === JSON.stringify(b.entries);
}

/** New paths whose bytes no file of the older release has. A device copies what only moved. */
export function addedFiles(old: Tree, tree: Tree): TreeEntry[] {
  const files = old.entries.filter(isFile);
  const paths = new Set(files.map(({ path }) => path));
  const digests = new Set(files.map(({ sha256 }) => sha256));
  return tree.entries.filter(
    (entry) => isFile(entry) && entry.sizeBytes > 0 && !paths.has(entry.path) && !digests.has(entry.sha256),
  );
}

export function compare(old: Tree, tree: Tree): { changed: TreeEntry[]; unchanged: number } {
  const before = new Map(old.entries.filter(isFile).map((entry) => [entry.path, entry]));
  const common = tree.entries.filter((entry) => isFile(entry) && before.has(entry.path));
  const changed = common.filter(
    (entry) => before.get(entry.path)!.sha256 !== entry.sha256 && entry.sizeBytes > 0,
  );
  return { changed, unchanged: common.length - changed.length };
}

export function removedFiles(old: Tree, tree: Tree): TreeEntry[] {
  const now = new Set(tree.entries.map(({ path }) => path));
  return old.entries.filter(({ path, type }) => type !== "directory" && !now.has(path));
}

export function isFile(entry: TreeEntry): boolean {
  return entry.type !== "directory" && entry.type !== "symlink";
}
