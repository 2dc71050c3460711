/**
 * The file of a device's records: made whole beside its place, opened only when it is as it was written.
 */
import { renameSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { syncFolder } from "../base/atomic-file.ts";
import { systemCode } from "../base/error.ts";
import { FetchError } from "./fetch-error.ts";
import { demandStanding, type Standing, whatStands } from "./own-names.ts";
import { recordsFailure } from "./records-failure.ts";
import { checkSeal, SEAL_SCHEMA, seal } from "./state-seal.ts";

export const SETTINGS = "PRAGMA journal_mode=DELETE; PRAGMA synchronous=EXTRA;";
const SCHEMA = `
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE journal (id INTEGER PRIMARY KEY CHECK (id = 1), body TEXT NOT NULL) STRICT;
CREATE TABLE restore_points (id TEXT PRIMARY KEY, created TEXT NOT NULL, from_version TEXT NOT NULL, to_version TEXT NOT NULL, sha256 TEXT NOT NULL, folder TEXT NOT NULL, kind TEXT NOT NULL, bytes INTEGER NOT NULL, slot TEXT NOT NULL) STRICT;
CREATE TABLE history (id INTEGER PRIMARY KEY AUTOINCREMENT, at TEXT NOT NULL, who TEXT NOT NULL, action TEXT NOT NULL, from_version TEXT NOT NULL, to_version TEXT NOT NULL, result TEXT NOT NULL) STRICT;
CREATE TABLE kept_release (id INTEGER PRIMARY KEY CHECK (id = 1), sha256 TEXT NOT NULL, manifest BLOB NOT NULL, signature BLOB NOT NULL, source TEXT NOT NULL, folder TEXT NOT NULL, etag TEXT NOT NULL) STRICT;
CREATE TABLE transfer (id INTEGER PRIMARY KEY CHECK (id = 1), sha256 TEXT NOT NULL, body TEXT NOT NULL) STRICT;
`;

/** Absent, out of reach and something else are three things. @throws FetchError STATE_UNREADABLE, STATE_CORRUPT */
export function isThere(path: string): boolean {
  const found = standing(path);
  if (found === "nothing" || found === "a file") return found === "a file";
  throw new FetchError("STATE_CORRUPT", `the device's records cannot be used: ${path} is ${found}`);
}

function standing(path: string): Standing {
  try {
    return whatStands(path);
  } catch (cause) {
    const code = systemCode(cause);
    throw new FetchError("STATE_UNREADABLE", `the device's records cannot be read: ${path} (${code})`, {
      cause,
      hint: code === "ENOTDIR" ? "a file stands where their folder should" : "run as the user that installed",
    });
  }
}

/** Beside its place first: records that are empty or half made where they belong are damaged ones. */
export function makeRecords(path: string): void {
  const fresh = `${path}.new`;
  guard(() => {
    for (const left of [fresh, `${fresh}-journal`]) rmSync(left, { force: true, recursive: true });
    const database = new DatabaseSync(fresh);
    try {
      database.exec(`${SETTINGS} BEGIN; ${SCHEMA} ${SEAL_SCHEMA}`);
      seal(database);
      database.exec("COMMIT");
    } finally {
      database.close();
    }
    renameSync(fresh, path);
    syncFolder(dirname(path));
  });
}

/** @throws FetchError STATE_CORRUPT, ROOT_UNSAFE */
export function openProven(path: string, readOnly: boolean): DatabaseSync {
  return guard(() => {
    // SQLite plays it into the records.
    demandStanding(`${path}-journal`, "a file");
    const database = new DatabaseSync(path, { readOnly, timeout: 5000 });
    try {
      checkSeal(database);
      return database;
    } catch (error) {
      database.close();
      throw error;
    }
  });
}

/** @throws FetchError NO_SPACE, DISK_FAILED, STATE_UNREADABLE, STATE_CORRUPT */
export function guard<T>(act: () => T): T {
  try {
    return act();
  } catch (cause) {
    if (cause instanceof FetchError) throw cause;
    throw recordsFailure(cause, "the device's records cannot be used");
  }
}
