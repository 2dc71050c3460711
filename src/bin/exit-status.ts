/**
 * The only place where a failure becomes a number.
 *
 *   0 done   1 failure   2 usage   3 network   4 refused   5 nothing to do   6 local   130 interrupted
 */
import { systemCode, ThemisError } from "../base/error.ts";

export const EXIT = {
  done: 0,
  failure: 1,
  usage: 2,
  network: 3,
  refused: 4,
  nothingToDo: 5,
  local: 6,
  interrupted: 130,
} as const;

/** System errors of this machine: the disk, a right, a limit. */
const LOCAL = new Set([
  "ENOSPC",
  "EDQUOT",
  "EROFS",
  "EACCES",
  "EPERM",
  "EIO",
  "EMFILE",
  "ENFILE",
  "EXDEV",
  "EFBIG",
]);

export function exitStatus(error: unknown): number {
  if (isAbort(error)) return EXIT.interrupted;
  if (error instanceof ThemisError) {
    if (error.kind === "usage") return EXIT.usage;
    if (error.kind === "refused") return EXIT.refused;
    if (error.area === "network") return EXIT.network;
    if (error.area === "local") return EXIT.local;
    return EXIT.failure;
  }
  return LOCAL.has(systemCode(error) ?? "") ? EXIT.local : EXIT.failure;
}

export function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === "AbortError";
}
