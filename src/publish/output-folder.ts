/**
 * The folder a bundle grows in: beside the output, under a name that no one takes for a bundle, until one rename
 * gives it its own.
 */
import { mkdir, readdir, realpath, rename, rm } from "node:fs/promises";
import { basename, dirname, join, resolve, sep } from "node:path";
import { systemCode } from "../base/error.ts";
import { PublishError } from "./publish-error.ts";

export async function refuseUsedOutput(out: string): Promise<void> {
  try {
    if ((await readdir(out)).length === 0) return;
  } catch (cause) {
    if (systemCode(cause) === "ENOENT") return;
    throw new PublishError("OUTPUT_NOT_EMPTY", `${out} is there and is not an empty folder`, { cause });
  }
  throw new PublishError("OUTPUT_NOT_EMPTY", `the output folder ${out} is not empty`, {
    hint: "name a new folder, or remove this one",
  });
}

/** A bundle inside of a tree would be part of the next release. */
export async function refuseInside(out: string, roots: readonly string[]): Promise<void> {
  const real = await realOf(out);
  for (const root of roots) {
    const tree = await realpath(root).catch(() => resolve(root));
    if (real !== tree && !real.startsWith(tree + sep)) continue;
    throw new PublishError("OUTPUT_INSIDE_TREE", `the output folder ${out} lies in the tree ${root}`, {
      hint: "name a folder outside of every tree",
    });
  }
}

/** Of what is not there yet: where it would be. */
async function realOf(path: string): Promise<string> {
  const full = resolve(path);
  const real = await realpath(full).catch(() => undefined);
  if (real !== undefined || dirname(full) === full) return real ?? full;
  return join(await realOf(dirname(full)), basename(full));
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
    await rename(growing, resolve(out));
  } catch (cause) {
    throw new PublishError("OUTPUT_NOT_EMPTY", `${out} appeared while the bundle was built`, { cause });
  }
}

export function localFailure(error: unknown, out: string): unknown {
  const code = systemCode(error);
  if (code !== "ENOSPC" && code !== "EROFS" && code !== "EDQUOT" && code !== "EIO") return error;
  return new PublishError("OUTPUT_FAILED", `writing the bundle ${out} failed (${code})`, { cause: error });
}
