/** What a cut in the middle of a commit leaves of the records, for a command that only reads them. */
import { cpSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterAll, expect, it } from "vitest";
import { DeviceState } from "../../src/fetch/state.ts";
import { NOTHING_TRUSTED } from "../../src/trust/verify-release.ts";

const folder = mkdtempSync(join(tmpdir(), "themis-records-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

it("are as before a commit that was cut when its pages were written already", () => {
  const [whole, cut] = ["whole", "cut"].map((name) => join(folder, name)) as [string, string];
  mkdirSync(whole);
  const state = DeviceState.open(whole);
  state.trust({ ...NOTHING_TRUSTED, product: "app", highestSequence: 7, latestTimeMs: 1 });
  state.close();
  const database = new DatabaseSync(join(whole, "state.db"));
  // With so small a cache the pages go to the disk before the commit does.
  database.exec("PRAGMA cache_size = 1; BEGIN; DELETE FROM facts");
  for (let i = 0; i < 200; i++) database.exec(`INSERT INTO facts VALUES ('${i}', hex(zeroblob(2000)))`);
  cpSync(whole, cut, { recursive: true });
  database.close();
  expect(statSync(join(cut, "state.db")).size).toBeGreaterThan(100_000);
  const read = DeviceState.read(cut);
  expect(read?.trusted()).toMatchObject({ product: "app", highestSequence: 7, latestTimeMs: 1 });
  read?.close();
});

it("are a failure, and not none, when they are no database", () => {
  const spoilt = join(folder, "spoilt");
  mkdirSync(spoilt);
  writeFileSync(
    join(spoilt, "state.db"),
    "no database at all, and long enough to be read as a header of one".repeat(99),
  );
  expect(() => DeviceState.read(spoilt)).toThrow(expect.objectContaining({ code: "STATE_CORRUPT" }));
});
