/**
 * Names that nothing can take the place of, whoever asks: found out before a service is stopped for them.
 *
 *   immutable       chattr +i: not even root may rename over it
 *   a mount point   a file that a container was given: rename(2) ends in EBUSY
 *   someone else's  only its owner may change its mode
 */
import { accessSync, constants, lstatSync, readFileSync, realpathSync, type Stats } from "node:fs";
import { join } from "node:path";
import { systemCode } from "../../base/error.ts";
import { FetchError } from "../fetch-error.ts";
import type { Replaced } from "./strategy.ts";

/** @throws FetchError ROOT_UNWRITABLE, CROSS_DEVICE */
export function checkReplaceable(root: string, steps: readonly Replaced[]): void {
  const mounts = mountPoints();
  const real = realpathSync(root);
  for (const { kind, path } of steps) {
    const full = join(root, path);
    const stat = statOf(full);
    if (!stat) continue;
    if (mounts.has(join(real, path)) && kind !== "chmod" && kind !== "folder") throw isMounted(full);
    if (stat.isFile() && isImmutable(full))
      throw notReplaceable(full, "it is immutable", `chattr -i ${full} gives it free`);
    if (kind === "chmod" && !mayChangeMode(stat))
      throw notReplaceable(full, "it is another user's", "run as that user or as root");
  }
}

function isImmutable(full: string): boolean {
  try {
    accessSync(full, constants.W_OK);
    return false;
  } catch (error) {
    // EACCES is a matter of its mode, which a rename does not ask.
    return systemCode(error) === "EPERM";
  }
}

function mayChangeMode({ uid }: Stats): boolean {
  const me = process.geteuid?.() ?? 0;
  return me === 0 || me === uid;
}

/** Of Linux, proc_pid_mountinfo(5): the fifth field, with octal escapes. Elsewhere nobody knows. */
function mountPoints(): ReadonlySet<string> {
  try {
    const lines = readFileSync("/proc/self/mountinfo", "utf8").split("\n");
    const unescaped = (name: string): string =>
      name.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
    return new Set(lines.map((line) => unescaped(line.split(" ")[4] ?? "")));
  } catch {
    return new Set();
  }
}

function statOf(full: string): Stats | undefined {
  try {
    return lstatSync(full);
  } catch {
    return undefined;
  }
}

function isMounted(full: string): FetchError {
  return new FetchError("CROSS_DEVICE", `${full} is a mount point, and nothing can take its place`, {
    facts: { path: full },
    hint: "nothing was changed; unmount it, or mount the folder that it is in",
  });
}

function notReplaceable(full: string, why: string, hint: string): FetchError {
  return new FetchError("ROOT_UNWRITABLE", `${full} cannot be replaced: ${why}`, {
    facts: { path: full },
    hint: `nothing was changed; ${hint}`,
  });
}
