/**
 * One at a time: a transaction held open on `lock.db`, of a device in `.themis/`.
 *
 * The kernel lets go of it when the process ends, however it ends, so there are no stale locks to judge.
 */

import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { FetchError } from "./fetch-error.ts";

export const LOCK_FILE = "lock.db";

/** @throws FetchError ALREADY_IN_PROGRESS, STATE_CORRUPT */
export function takeLock(folder: string, what = "update of this root"): { release: () => void } {
  const path = join(folder, LOCK_FILE);
  const database = openDatabase(path, what);
  try {
    database.exec("BEGIN EXCLUSIVE");
  } catch (cause) {
    database.close();
    throw lockFailure(path, cause, what);
  }
  return { release: () => database.close() };
}

function openDatabase(path: string, what: string): DatabaseSync {
  try {
    return new DatabaseSync(path, { timeout: 0 });
  } catch (cause) {
    throw lockFailure(path, cause, what);
  }
}

/** SQLite result codes 5 and 6: somebody else holds it. */
function lockFailure(path: string, cause: unknown, what: string): FetchError {
  const code = cause instanceof Error && "errcode" in cause ? Number(cause.errcode) & 0xff : 0;
  if (code === 5 || code === 6) {
    return new FetchError("ALREADY_IN_PROGRESS", `another ${what} is in progress`, {
      cause,
      hint: "wait for it to end",
    });
  }
  // 13: SQLITE_FULL.
  if (code === 13) {
    return new FetchError("NO_SPACE", "the disk is full; not even the lock can be taken", {
      cause,
      hint: "free a few MiB; a rollback needs room for what it puts back",
    });
  }
  return new FetchError(
    "STATE_CORRUPT",
    `the lock cannot be taken: ${cause instanceof Error ? cause.message : String(cause)}`,
    { cause, hint: `when no ${what} runs, remove ${path}: it holds nothing` },
  );
}
