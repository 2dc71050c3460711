/** Ways back that cost little once a release counts, are kept in bounds, and give every byte back or nothing. */
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { confirm } from "../../../src/fetch/confirm.ts";
import type { RestorePointRecord } from "../../../src/fetch/device-records.ts";
import { expired } from "../../../src/fetch/install/retention.ts";
import { repair } from "../../../src/fetch/repair.ts";
import { readStatus, rollBack } from "../../../src/fetch/rollback.ts";
import { update } from "../../../src/fetch/update.ts";
import type { UpdateRequest } from "../../../src/fetch/update-request.ts";
import { decodeRestorePoint } from "../../../src/format/record/restore-point.ts";
import { makeReleaseLine, type ReleaseLine } from "../../kit/release-line.ts";
import { chosen, sweep } from "../../kit/sweep/sweep.ts";
import { snapshot } from "../../kit/world.ts";

const RELEASES = 11;
const tools = { now: () => new Date() };
let line: ReleaseLine;
let clock = 0;

beforeAll(async () => {
  line = await makeReleaseLine(Array.from({ length: RELEASES }, (_, number) => `1.${number}.0`));
  await install(line.at("device-0"), 0);
  for (let number = 1; number < RELEASES; number++) {
    cpSync(line.at(`device-${number - 1}`), line.at(`device-${number}`), {
      recursive: true,
      verbatimSymlinks: true,
    });
    await install(line.at(`device-${number}`), number);
  }
});
afterAll(() => line.remove());

async function install(root: string, number: number, more: Partial<UpdateRequest> = {}) {
  mkdirSync(root, { recursive: true });
  const notices: string[] = [];
  const result = await update(
    { ...request(root, number), ...more },
    { ...tools, notice: (message) => notices.push(message) },
  );
  return { ...result, notices };
}

const request = (root: string, number: number): UpdateRequest => ({
  root,
  source: line.bundles[number]!,
  version: "",
  connections: 1,
  anchors: line.anchors,
});

/** A device that took every release up to this one, of its own. */
function device(number: number): string {
  const root = line.at(`copy-${clock++}`);
  cpSync(line.at(`device-${number}`), root, { recursive: true, verbatimSymlinks: true });
  return root;
}

async function points(root: string): Promise<readonly RestorePointRecord[]> {
  return (await readStatus(root)).restorePoints;
}

const folderOf = (root: string, { folder }: RestorePointRecord): string =>
  join(root, ".themis/restore", folder);

function contentsOf(root: string, point: RestorePointRecord) {
  const { entries, contents } = decodeRestorePoint(
    readFileSync(join(folderOf(root, point), "restore-point.json")),
  );
  return new Map(
    entries.map(({ path, sha256 }) => [path, contents.find((content) => content.sha256 === sha256)]),
  );
}

const onDisk = (folder: string): number =>
  readdirSync(folder).reduce((sum, name) => sum + statSync(join(folder, name)).size, 0);

describe("a restore point of a release that counts", () => {
  it("keeps each file in its smallest form, and says what it takes on the disk", async () => {
    const root = line.at("device-2");
    const [newest] = await points(root);
    expect(newest).toMatchObject({ kind: "compact", fromVersion: "1.1.0", toVersion: "1.2.0" });
    const contents = contentsOf(root, newest!);
    expect(contents.get("bin/appd")).toMatchObject({ form: "bsdiff", base_path: "bin/appd" });
    expect(contents.get("lib/moved-1")).toMatchObject({ form: "same", base_path: "lib/moved-2" });
    expect(contents.get("mode.dat")).toMatchObject({ form: "same", stored_size: 0 });
    expect(contents.get("share/text")).toMatchObject({ form: "zstd", base_path: "" });
    expect(contents.get("etc/app.conf")).toMatchObject({ form: "copy" });
    expect(contents.get("only-1")).toMatchObject({ form: "copy" });
    expect(contents.get("bin/appd")!.stored_size).toBeLessThan(2000);
    expect(newest!.bytes).toBe(onDisk(folderOf(root, newest!)));
    expect(readdirSync(join(root, ".themis/restore"))).toHaveLength((await points(root)).length);
  });

  it("holds copies as long as the release must be confirmed, and goes back without it", async () => {
    const root = device(1);
    const gate = { checks: [], confirmation: { by: "operator", withinMs: 60_000 } } as const;
    expect(await install(root, 2, { gate })).toMatchObject({ kind: "updated" });
    const [waiting] = await points(root);
    expect(waiting).toMatchObject({ kind: "copies" });
    // What was just installed is of no use to anybody.
    for (const path of ["bin/appd", "lib/moved-2", "mode.dat"]) writeFileSync(join(root, path), "corrupt");
    await rollBack({ root }, tools);
    expect(snapshot(root)).toEqual(snapshot(line.trees[1]!));
    await install(root, 2, { gate });
    await confirm({ root }, tools);
    expect(await points(root)).toMatchObject([{ kind: "compact" }, { kind: "compact" }, { kind: "compact" }]);
  });

  it.each([
    { what: "a byte of a patch", file: /\.bsdiff$/ },
    { what: "a byte of a frame", file: /\.zst$/ },
    { what: "a byte of a copy", file: /^[0-9a-f]{64}$/ },
    { what: "a byte of its document", file: /\.json$/ },
  ])("refuses with nothing changed when $what differs", async ({ file }) => {
    const root = device(3);
    const [, older] = await points(root);
    const folder = folderOf(root, older!);
    const path = join(folder, readdirSync(folder).find((name) => file.test(name))!);
    const bytes = readFileSync(path);
    bytes[bytes.length >> 1]! ^= 1;
    writeFileSync(path, bytes);
    await expect(rollBack({ root, to: older!.id }, tools)).rejects.toMatchObject({
      code: "RESTORE_POINT_TAMPERED",
      kind: "refused",
    });
    expect(snapshot(root)).toEqual(snapshot(line.trees[3]!));
    expect(await readStatus(root)).toMatchObject({ version: "1.3.0", unfinished: false });
  });

  it.each(["bin/appd", "lib/moved-3", "mode.dat"])(
    "refuses with nothing changed when the installed %s differs, and goes back once that is put right",
    async (path) => {
      const root = device(3);
      const [newest] = await points(root);
      const spoilt = readFileSync(join(root, path));
      spoilt[1000]! ^= 1;
      writeFileSync(join(root, path), spoilt);
      const before = snapshot(root);
      await expect(rollBack({ root }, tools)).rejects.toMatchObject({
        code: "RESTORE_BASE_CHANGED",
        kind: "refused",
        facts: { path, restorePoint: newest!.id },
        hint: expect.stringContaining("themis-fetch repair"),
      });
      expect(snapshot(root)).toEqual(before);
      // As the hint says.
      expect(await repair(request(root, 3), tools)).toMatchObject({ kind: "updated" });
      await rollBack({ root }, tools);
      expect(snapshot(root)).toEqual(snapshot(line.trees[2]!));
    },
  );

  it("goes back over ten releases at once, and one by one, to the first", async () => {
    const last = RELEASES - 1;
    const [atOnce, oneByOne] = [device(last), device(last)];
    const all = await points(atOnce);
    expect(all).toHaveLength(10);
    await rollBack({ root: atOnce, to: all.at(-1)!.id }, tools);
    expect(snapshot(atOnce)).toEqual(snapshot(line.trees[0]!));
    for (let number = last - 1; number >= 0; number--) {
      await rollBack({ root: oneByOne }, tools);
      expect(snapshot(oneByOne)).toEqual(snapshot(line.trees[number]!));
    }
    for (const root of [atOnce, oneByOne]) {
      expect(await readStatus(root)).toMatchObject({ version: "1.0.0", restorePoints: [] });
      expect(readdirSync(join(root, ".themis/restore"))).toEqual([]);
    }
  });
});

/** From release 1 to 2. */
function updateAndDie(root: string, call: string) {
  const script = join(import.meta.dirname, "../../kit/compact-and-die.ts");
  return spawnSync(process.execPath, [script, root, line.bundles[2]!, line.anchor, call], {
    encoding: "utf8",
  });
}

describe("killed while a restore point is made smaller", () => {
  it("before any call that changes the disk, the way back is whole and the next command cleans up", {
    timeout: 600_000,
  }, async () => {
    const calls = Number(updateAndDie(device(1), "never").stdout);
    expect(calls).toBeGreaterThan(15);
    const faults = await sweep(
      chosen([...Array(calls).keys()], 12),
      (call) => `call ${call}`,
      async (call) => {
        const [root, other] = [device(1), line.at(`copy-${clock++}`)];
        if (updateAndDie(root, String(call)).signal !== "SIGKILL") return ["was never reached"];
        cpSync(root, other, { recursive: true, verbatimSymlinks: true });
        await rollBack({ root }, tools);
        expect(snapshot(root)).toEqual(snapshot(line.trees[1]!));
        // The next update finds nothing to do, and makes up for what was missed.
        expect(await install(other, 2)).toMatchObject({ kind: "nothing-to-do", notices: [] });
        const left = await points(other);
        expect(left.map(({ kind }) => kind)).toEqual(["compact", "compact", "compact"]);
        expect(readdirSync(join(other, ".themis/restore")).sort()).toEqual(
          left.map(({ folder }) => folder).sort(),
        );
        return [];
      },
    );
    expect(faults).toEqual([]);
  });

  it("and rotten since, it fails no update: a notice says so", async () => {
    const root = device(1);
    updateAndDie(root, "0");
    const [point] = await points(root);
    expect(point).toMatchObject({ kind: "copies" });
    const folder = folderOf(root, point!);
    writeFileSync(join(folder, readdirSync(folder).find((name) => !name.endsWith(".json"))!), "rotten");
    const { kind, notices } = await install(root, 3);
    expect({ kind, notices }).toEqual({
      kind: "updated",
      notices: [expect.stringMatching(/could not be made smaller .*the next update tries again/)],
    });
    expect(snapshot(root)).toEqual(snapshot(line.trees[3]!));
  });
});

describe("bounds", () => {
  const DAY = 86_400_000;
  const now = new Date("2027-01-31T00:00:00Z");
  const list = [1, 5, 40, 50].map((days, index) => ({
    ...{
      id: `${4 - index}`,
      fromVersion: "",
      toVersion: "",
      sha256: "",
      folder: "",
      ...{ kind: "compact" as const, slot: "" },
    },
    created: new Date(now.getTime() - days * DAY).toISOString(),
    bytes: 100,
  }));

  it.each([
    { what: "count", retention: { count: 3 }, going: ["1"] },
    { what: "a count of one", retention: { count: 1 }, going: ["3", "2", "1"] },
    { what: "age", retention: { count: 10, ageMs: 30 * DAY }, going: ["2", "1"] },
    {
      what: "an age that even the newest has not",
      retention: { count: 10, ageMs: 1 },
      going: ["3", "2", "1"],
    },
    { what: "bytes", retention: { count: 10, bytes: 250 }, going: ["2", "1"] },
    { what: "no bytes at all", retention: { count: 10, bytes: 0 }, going: ["3", "2", "1"] },
    { what: "the strictest of all", retention: { count: 3, ageMs: 45 * DAY, bytes: 200 }, going: ["2", "1"] },
    { what: "nothing when all is within", retention: { count: 4, ageMs: 60 * DAY, bytes: 400 }, going: [] },
  ])("by $what take the oldest and never the newest", ({ retention, going }) => {
    expect(expired(list, retention, now).map(({ id }) => id)).toEqual(going);
  });

  it.each([
    { what: "count", retention: { count: 2 }, left: 2 },
    { what: "bytes", retention: { count: 10, bytes: 1 }, left: 1 },
    { what: "age", retention: { count: 10, ageMs: 0 }, left: 1 },
  ])(
    "of $what are kept after an update, on the disk too, and what is left leads back",
    async ({ retention, left }) => {
      const root = device(3);
      await install(root, 4, { retention });
      const all = await points(root);
      expect(all).toHaveLength(left);
      expect(readdirSync(join(root, ".themis/restore"))).toHaveLength(left);
      await rollBack({ root, to: all.at(-1)!.id }, tools);
      expect(snapshot(root)).toEqual(snapshot(line.trees[4 - left]!));
    },
  );

  it("never take the way back from a release that was not confirmed", async () => {
    const root = device(3);
    const check = {
      name: "fails",
      kind: "smoke",
      timeoutMs: 20_000,
      run: { command: ["false"], expectStatus: 0 },
    } as const;
    const gate = { checks: [check], confirmation: { by: "checks" } } as const;
    const before = await points(root);
    await expect(install(root, 4, { gate, retention: { count: 1 } })).rejects.toMatchObject({
      code: "CHECK_FAILED",
    });
    expect(await points(root)).toEqual(before);
    expect(snapshot(root)).toEqual(snapshot(line.trees[3]!));
  });
});
