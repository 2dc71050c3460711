/**
 * What a device knows by name, in the table `facts`: JSON values, few and small.
 *
 * Read or written before they are known: under the device's lock nobody else writes, and who reads without it opens anew.
 */
import type { DatabaseSync } from "node:sqlite";
import { guard } from "./state-file.ts";

export class Facts {
  readonly #database: DatabaseSync;
  readonly #known = new Map<string, unknown>();

  constructor(database: DatabaseSync) {
    this.#database = database;
  }

  get<T>(name: string): T | undefined {
    if (!this.#known.has(name)) {
      const row = guard(() => this.#database.prepare("SELECT value FROM facts WHERE name = ?").get(name));
      this.#known.set(name, row && JSON.parse(String(row.value)));
    }
    return this.#known.get(name) as T | undefined;
  }

  /** Within a transaction. */
  set(name: string, value: unknown): void {
    this.#database
      .prepare("INSERT INTO facts VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value")
      .run(name, JSON.stringify(value));
    this.#known.set(name, value);
  }

  /** After a transaction that was undone. */
  forget(): void {
    this.#known.clear();
  }
}
