/** What is said when a patch cannot be made in the memory that is allowed: before anything of it is taken. */
import { ThemisError } from "../../base/error.ts";

/** @param takes such as "it takes 800 MiB of memory" */
export function overLimit(takes: string, limitBytes: number): ThemisError {
  return tooLarge(`${takes}, more than the ${mebibytes(limitBytes)} allowed`);
}

export function tooLarge(why: string): ThemisError {
  return new ThemisError("DIFF_TOO_LARGE", "failed", why);
}

export function mebibytes(bytes: number): string {
  return `${Math.ceil(bytes / 2 ** 20)} MiB`;
}
