/**
 * One append at a time: a transaction held open on `.lock.db` in the log's folder.
 *
 * Two appends at once would sign two logs of one size. The kernel lets go of the lock when the process ends, however it
 * ends, so there are no stale ones to judge.
 */
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { LogFailure } from "./log-failure.ts";

export const LOG_LOCK = ".lock.db";

const SQLITE_BUSY = 5;

/** @throws LogFailure LOG_BUSY, LOG_UNWRITABLE; what `work` throws */
export async function withLogLock<T>(folder: string, work: () => Promise<T>): Promise<T> {
  const database = take(join(folder, LOG_LOCK), folder);
  try {
    return await work();
  } finally {
    database.close();
  }
}

function take(path: string, folder: string): DatabaseSync {
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(path, { timeout: 0 });
    database.exec("BEGIN EXCLUSIVE");
    return database;
  } catch (cause) {
    database?.close();
    const isBusy =
      cause instanceof Error && "errcode" in cause && (Number(cause.errcode) & 0xff) === SQLITE_BUSY;
    if (isBusy) {
      throw new LogFailure("LOG_BUSY", `somebody else appends to the log in ${folder}`, {
        cause,
        hint: "wait for that to end, and run this again",
      });
    }
    throw new LogFailure("LOG_UNWRITABLE", `the log in ${folder} cannot be locked`, { cause });
  }
}
