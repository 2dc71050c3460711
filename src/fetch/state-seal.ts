/**
 * A digest of everything that a device's records say, kept among them.
 *
 * SQLite finds damage in how its pages hang together, not in what stands on them: one bit makes another
 * sequence of the highest that was believed, or another path of a step in the journal. And a table whose name
 * rotted is one that is not there, which would read as a device that never believed anything.
 */
import { createHash } from "node:crypto";
import type { DatabaseSync, SQLOutputValue } from "node:sqlite";
import { FetchError } from "./fetch-error.ts";

export const SEAL_SCHEMA =
  "CREATE TABLE seal (id INTEGER PRIMARY KEY CHECK (id = 1), sha256 TEXT NOT NULL) STRICT;";

/**
 * Each of their rows has a digest of its own: what nobody has to believe is written often, or is large, and is
 * done without when it rotted.
 */
const APART = new Set(["seal", "kept_release", "transfer"]);

/** In the transaction that changed something. */
export function seal(database: DatabaseSync): void {
  database
    .prepare("INSERT INTO seal VALUES (1, ?) ON CONFLICT DO UPDATE SET sha256 = excluded.sha256")
    .run(contentDigest(database));
}

/** Others may write meanwhile, so it is one transaction. @throws FetchError STATE_CORRUPT; SQLite's errors */
export function checkSeal(database: DatabaseSync): void {
  database.exec("BEGIN");
  try {
    const { integrity_check: found } = database.prepare("PRAGMA integrity_check(1)").get() ?? {};
    if (found !== "ok") throw corrupt(String(found));
    if (sealOf(database) !== contentDigest(database)) throw corrupt("they are not what was written");
  } finally {
    if (database.isTransaction) database.exec("ROLLBACK");
  }
}

function sealOf(database: DatabaseSync): string | undefined {
  return database.prepare("SELECT sha256 FROM seal WHERE id = 1").get()?.sha256?.toString();
}

/** Of the definitions, and of every row of the tables that are not apart. */
function contentDigest(database: DatabaseSync): string {
  const hash = createHash("sha256");
  const add = (row: Record<string, SQLOutputValue>): void => {
    for (const value of Object.values(row)) {
      const bytes = value instanceof Uint8Array ? value : Buffer.from(String(value));
      hash.update(`${value === null ? "null" : typeof value} ${bytes.length} `).update(bytes);
    }
  };
  const parts = database.prepare("SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY rowid").all();
  for (const part of parts) add(part);
  const tables = parts.filter(({ type, name }) => type === "table" && !APART.has(String(name)));
  for (const { name } of tables) {
    hash.update(`table ${name} `);
    const quoted = String(name).replaceAll('"', '""');
    for (const row of database.prepare(`SELECT * FROM "${quoted}" ORDER BY rowid`).iterate()) add(row);
  }
  return hash.digest("hex");
}

function corrupt(why: string): FetchError {
  return new FetchError("STATE_CORRUPT", `the device's records are damaged: ${why}`);
}
