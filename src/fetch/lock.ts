/**
 * One update at a time: a transaction held open on `.themis/lock.db`.
 *
 * The kernel lets go of it when the process ends, however it ends, so there are no stale locks to judge.
 */

import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { FetchError } from "./fetch-error.ts";

/** @throws FetchError ALREADY_IN_PROGRESS, STATE_CORRUPT */
export function takeLock(themis: string): { release: () => void } {
  const database = openDatabase(join(themis, "lock.db"));
  try {
    database.exec("BEGIN EXCLUSIVE");
  } catch (cause) {
    database.close();
    throw lockFailure(cause);
  }
  return { release: () => database.close() };
}

function openDatabase(path: string): DatabaseSync {
  try {
    return new DatabaseSync(path, { timeout: 0 });
  } catch (cause) {
    throw lockFailure(cause);
  }
}

/** SQLite result codes 5 and 6: somebody else holds it. */
function lockFailure(cause: unknown): FetchError {
  const code = cause instanceof Error && "errcode" in cause ? Number(cause.errcode) & 0xff : 0;
  if (code === 5 || code === 6) {
    return new FetchError("ALREADY_IN_PROGRESS", "another update of this root is in progress", {
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
    { cause },
  );
}
