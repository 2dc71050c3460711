/** What SQLite says when records or lock cannot be used, in the device's words (sqlite.org/rescode.html). */
import { systemCode } from "../base/error.ts";
import { FetchError } from "./fetch-error.ts";

export const SQLITE = { BUSY: 5, LOCKED: 6, READONLY: 8, IOERR: 10, FULL: 13, CANTOPEN: 14 } as const;

/** The primary result code; 0 for anything else. */
export function sqliteCode(error: unknown): number {
  return sqliteExtendedCode(error) & 0xff;
}

/** A journal of a write that was cut must be rolled back first, which takes the right to write. */
export const RECORDS_ROLLBACK: number = SQLITE.READONLY | (3 << 8);

export function sqliteExtendedCode(error: unknown): number {
  return error instanceof Error && "errcode" in error ? Number(error.errcode) : 0;
}

/** What the system says to us where SQLite is not asked: records are made beside their place. */
const AS_SQLITE: Readonly<Record<string, number>> = {
  ENOSPC: SQLITE.FULL,
  EDQUOT: SQLITE.FULL,
  EIO: SQLITE.IOERR,
  EROFS: SQLITE.READONLY,
  EACCES: SQLITE.CANTOPEN,
  EPERM: SQLITE.CANTOPEN,
};

/** @param what begins the sentence: "the lock cannot be taken" @param hint for records that are no database */
export function recordsFailure(cause: unknown, what: string, hint?: string): FetchError {
  const why = cause instanceof Error ? cause.message : String(cause);
  switch (AS_SQLITE[systemCode(cause) ?? ""] ?? sqliteCode(cause)) {
    case SQLITE.FULL:
      return new FetchError("NO_SPACE", `the disk is full: ${what}`, {
        cause,
        hint: "free a few MiB; a rollback needs room for what it puts back",
      });
    case SQLITE.IOERR:
      return new FetchError("DISK_FAILED", `the disk fails: ${what} (${why})`, {
        cause,
        hint: "look into the system's log; what was begun is finished or undone by the next command",
      });
    case SQLITE.READONLY:
    case SQLITE.CANTOPEN:
      return new FetchError("STATE_UNREADABLE", `${what} (${why})`, {
        cause,
        hint: "run as the user that installed; look whether the disk is mounted read-only",
      });
    default:
      return new FetchError("STATE_CORRUPT", `${what}: ${why}`, {
        cause,
        ...(hint !== undefined && { hint }),
      });
  }
}
