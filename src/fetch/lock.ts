/**
 * One at a time: a transaction held open on `lock.db`, of a device in `.themis/`.
 *
 * The kernel lets go of it when the process ends, however it ends, so there are no stale locks to judge.
 */

import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { FetchError } from "./fetch-error.ts";
import { demandStanding } from "./own-names.ts";
import { recordsFailure, SQLITE, sqliteCode } from "./records-failure.ts";

export const LOCK_FILE = "lock.db";

/** @throws FetchError ALREADY_IN_PROGRESS, ROOT_UNSAFE, NO_SPACE, DISK_FAILED, STATE_UNREADABLE, STATE_CORRUPT */
export function takeLock(
  folder: string,
  what = "update of this root",
  file = LOCK_FILE,
): { release: () => void } {
  const path = join(folder, file);
  demandStanding(path, "a file");
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

function lockFailure(path: string, cause: unknown, what: string): FetchError {
  const code = sqliteCode(cause);
  if (code !== SQLITE.BUSY && code !== SQLITE.LOCKED) {
    const hint = `when no ${what} runs, remove ${path}: it holds nothing`;
    return recordsFailure(cause, "the lock cannot be taken", hint);
  }
  return new FetchError("ALREADY_IN_PROGRESS", `another ${what} is in progress`, {
    cause,
    hint: "wait for it to end",
  });
}
