/**
 * What each changed file is compared with: the file of the same path, or the one that its contents point to.
 *
 * A file whose bytes the older release has anywhere needs no delta, a device copies it. A new path is
 * compared with the most similar file of the older release, if one is. And where little is left of the file
 * of the same path, another one is looked for: two files that swapped their names and changed on the way.
 */
import { join } from "node:path";
import { addedFiles, compare, isFile } from "./compare-trees.ts";
import { isWorthSketching, type Sketch, SketchedFiles, similarity, sketchOf } from "./similar.ts";
import type { Tree, TreeEntry } from "./tree.ts";

export type ChosenSource = {
  readonly target: TreeEntry;
  readonly source: TreeEntry;
  readonly reason: "same-path" | "similar";
};

/** Less in common than this saves next to nothing. */
const LEAST_SIMILARITY = 0.1;
/** With this much in common nobody looks further: to read the whole older release costs more than it finds. */
const ENOUGH_SIMILARITY = 0.5;
/** So much more another file must share than the one of the same path: a sketch is an estimate (1/16 at worst). */
const CLEARLY_MORE = 0.15;

/** @param isWanted asked about each target; each is looked at by itself */
export async function chooseSources(
  old: Tree,
  tree: Tree,
  signal?: AbortSignal,
  isWanted: (target: TreeEntry) => boolean = () => true,
): Promise<ChosenSource[]> {
  const files = old.entries.filter(isFile);
  const before = new Map(files.map((entry) => [entry.path, entry]));
  const sketched = new SketchedFiles(old.root, files, signal);
  const chosen: ChosenSource[] = [];
  for (const target of compare(old, tree).changed.filter(isWanted)) {
    const same = before.get(target.path)!;
    const other = await betterThan(same, target, tree, sketched);
    chosen.push(
      other ? { target, source: other, reason: "similar" } : { target, source: same, reason: "same-path" },
    );
  }
  for (const target of addedFiles(old, tree).filter(isWanted)) {
    if (!isWorthSketching(target)) continue;
    const source = await sketched.mostLike(await sketchIn(tree, target), target, LEAST_SIMILARITY);
    if (source) chosen.push({ target, source, reason: "similar" });
  }
  return chosen;
}

async function betterThan(
  same: TreeEntry,
  target: TreeEntry,
  tree: Tree,
  sketched: SketchedFiles,
): Promise<TreeEntry | undefined> {
  if (!isWorthSketching(target)) return undefined;
  const sketch = await sketchIn(tree, target);
  const likeness = isWorthSketching(same) ? similarity(sketch, await sketched.of(same)) : 0;
  if (likeness >= ENOUGH_SIMILARITY) return undefined;
  return sketched.mostLike(sketch, target, likeness + CLEARLY_MORE);
}

function sketchIn(tree: Tree, { path }: TreeEntry): Promise<Sketch> {
  return sketchOf(join(tree.root, path));
}
