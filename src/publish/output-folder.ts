/**
 * The folder a bundle grows in: beside the output, under a name that no one takes for a bundle, until one rename
 * gives it its own.
 */
import { mkdir, readdir, realpath, rename, rm, rmdir } from "node:fs/promises";
import { basename, dirname, join, resolve, sep } from "node:path";
import { systemCode } from "../base/error.ts";
import { PublishError } from "./publish-error.ts";

export async function refuseUsedOutput(out: string): Promise<void> {
  try {
    if ((await readdir(out)).length === 0) return;
  } catch (cause) {
    if (systemCode(cause) === "ENOENT") return;
    if (systemCode(cause) !== "ENOTDIR") {
      throw new PublishError(
        "OUTPUT_FAILED",
        `the output folder ${out} cannot be read (${systemCode(cause)})`,
        {
          cause,
        },
      );
    }
    throw new PublishError("OUTPUT_NOT_EMPTY", `${out} is there and is not a folder`, {
      cause,
      hint: "name a new folder",
    });
  }
  throw new PublishError("OUTPUT_NOT_EMPTY", `the output folder ${out} is not empty`, {
    hint: "name a new folder, or remove this one",
  });
}

/**
 * A bundle that grows inside of a tree would be released by the next build.
 *
 * Links are followed first: "out -> tree/sub" is inside of the tree, whatever its name says.
 */
export async function refuseOutputInTree(out: string, trees: readonly string[]): Promise<void> {
  const place = await placeOf(out);
  for (const tree of trees) {
    const root = await placeOf(tree);
    if (place !== root && !place.startsWith(root.endsWith(sep) ? root : `${root}${sep}`)) continue;
    throw new PublishError("OUTPUT_IN_TREE", `the output folder ${out} lies inside of the tree ${tree}`, {
      facts: { out: place, tree: root },
      hint: "name a folder beside the tree",
    });
  }
}

/** Where a path leads, even when its last names do not exist yet. */
async function placeOf(path: string): Promise<string> {
  const full = resolve(path);
  try {
    return await realpath(full);
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    const above = dirname(full);
    return above === full ? full : join(await placeOf(above), basename(full));
  }
}

export async function startFolder(out: string): Promise<string> {
  const growing = join(dirname(resolve(out)), `.${basename(resolve(out))}.part-${process.pid}`);
  try {
    await mkdir(dirname(growing), { recursive: true });
    await removeAbandoned(growing);
    await mkdir(growing);
    return growing;
  } catch (cause) {
    throw new PublishError("OUTPUT_FAILED", `nothing can be written beside ${out} (${systemCode(cause)})`, {
      cause,
    });
  }
}

/** Folders of builds that were killed: the process in their name is gone. */
async function removeAbandoned(growing: string): Promise<void> {
  const [prefix] = growing.split(/\d+$/) as [string];
  for (const name of await readdir(dirname(growing))) {
    const path = join(dirname(growing), name);
    const pid = path.startsWith(prefix) ? Number(path.slice(prefix.length)) : Number.NaN;
    if (Number.isSafeInteger(pid) && (pid === process.pid || !isAlive(pid)))
      await rm(path, { recursive: true, force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return systemCode(error) === "EPERM";
  }
}

export async function takeName(growing: string, out: string): Promise<void> {
  try {
    if ((await placeOf(out)) === (await placeOf("."))) await moveInto(growing, out);
    else await rename(growing, resolve(out));
  } catch (cause) {
    const code = systemCode(cause);
    if (code !== "ENOTEMPTY" && code !== "EEXIST" && code !== "ENOTDIR") {
      throw new PublishError("OUTPUT_FAILED", `the bundle cannot take the name ${out} (${code})`, { cause });
    }
    throw new PublishError("OUTPUT_NOT_EMPTY", `${out} appeared while the bundle was built`, { cause });
  }
}

/**
 * The folder that we and the person's shell stand in cannot be replaced under our feet, so it is filled;
 * manifest.json comes last, because without it nobody takes a folder for a bundle.
 */
async function moveInto(growing: string, out: string): Promise<void> {
  const names = (await readdir(growing)).filter((name) => name !== "manifest.json");
  for (const name of [...names, "manifest.json"]) await rename(join(growing, name), join(out, name));
  await rmdir(growing);
}

export function localFailure(error: unknown, out: string): unknown {
  const code = systemCode(error);
  if (code !== "ENOSPC" && code !== "EROFS" && code !== "EDQUOT" && code !== "EIO") return error;
  return new PublishError("OUTPUT_FAILED", `writing the bundle ${out} failed (${code})`, { cause: error });
}
