/** What differs between two releases. */
import type { Tree, TreeEntry } from "./tree.ts";

export function sameTree(a: Tree, b: Tree): boolean {
  return JSON.stringify(a.entries) === JSON.stringify(b.entries);
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
