/**
 * A digest of everything that a device's records say, kept among them.
 *
 * SQLite finds damage in how its pages hang together, not in what stands on them: one bit makes another
 * sequence of the highest that was believed, or another path of a step in the journal. And a table whose name
 * rotted is one that is not there, which would read as a device that never believed anything.
 */
import { createHash, type Hash } from "node:crypto";
import type { DatabaseSync } from "node:sqlite";
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
  addRows(hash, database, "sqlite_schema", ["type", "name", "tbl_name", "sql"]);
  const tables = database.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY rowid").all();
  for (const { name } of tables) {
    if (APART.has(String(name))) continue;
    hash.update(`table ${name} `);
    const columns = database.prepare(`SELECT * FROM ${quoted(String(name))}`).columns();
    addRows(
      hash,
      database,
      String(name),
      columns.map((column) => column.name),
    );
  }
  return hash.digest("hex");
}

/** As the names of what SQLite's values are in JavaScript. */
const TYPES: Readonly<Record<string, string>> = { text: "string", integer: "number", blob: "object" };

/** As bytes: a list of ten thousand files is megabytes, and would be made a string and back for nothing. */
function addRows(hash: Hash, database: DatabaseSync, table: string, columns: readonly string[]): void {
  const asBytes = columns.map(quoted).map((name) => `typeof(${name}), CAST(${name} AS BLOB)`);
  const rows = database.prepare(`SELECT ${asBytes.join(", ")} FROM ${quoted(table)} ORDER BY rowid`);
  rows.setReturnArrays(true);
  for (const row of rows.iterate() as Iterable<unknown>) {
    const values = row as (string | Uint8Array | null)[];
    for (let i = 0; i < values.length; i += 2) {
      const type = String(values[i]);
      const bytes = (values[i + 1] as Uint8Array | null) ?? Buffer.from("null");
      hash.update(`${TYPES[type] ?? type} ${bytes.length} `).update(bytes);
    }
  }
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

function corrupt(why: string): FetchError {
  return new FetchError("STATE_CORRUPT", `the device's records are damaged: ${why}`);
}
