/** What is found before the first byte is fetched, each under a code of its own. */
import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { inPlace } from "../../src/fetch/install/in-place.ts";
import { findPlace } from "../../src/fetch/place.ts";
import type { Plan } from "../../src/fetch/plan.ts";
import { preFlight } from "../../src/fetch/pre-flight.ts";
import { scanEntry } from "../../src/fetch/scan.ts";
import type { Manifest, Target } from "../../src/format/manifest/manifest.ts";
import type { Verified } from "../../src/trust/verified.ts";

const isRoot = process.getuid?.() === 0;
let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "themis-pre-flight-"));
  mkdirSync(join(root, ".themis"));
});
afterEach(() => {
  spawnSync("umount", [root]);
  rmSync(root, { recursive: true, force: true });
});

const released = "2026-11-01T00:00:00Z";
const now = new Date("2026-11-02T00:00:00Z");

/** An update that makes files of a size, and fetches nothing. */
async function fly(sizes: readonly number[], more: { readonly now?: Date; readonly path?: string } = {}) {
  const steps = sizes.map((size_bytes, i) => ({
    kind: "copy" as const,
    from: "old",
    target: { path: more.path ?? `bin/${i}`, size_bytes } as Verified<Target>,
  }));
  const plan: Plan = { steps, kept: [], operators: [], blobs: [], bytesToFetch: 0, bytesFull: 0 };
  const manifest = {
    release_date: released,
    packs: [] as Manifest["packs"],
  } as unknown as Verified<Manifest>;
  const place = await findPlace(root);
  const strategy = inPlace(place);
  return preFlight({ place, manifest, plan, strategy, found: new Map(), now: more.now ?? now });
}

it("passes where there is room, and writes nothing", async () => {
  await fly([1000, 2000]);
  expect(readdirSync(root, { recursive: true })).toEqual([".themis"]);
});

it("says of a FIFO in the place of a file that something else belongs there", async () => {
  spawnSync("mkfifo", [join(root, "tool")]);
  await expect(scanEntry(root, "tool")).rejects.toMatchObject({
    code: "ROOT_UNSAFE",
    hint: "remove it or move it away: something of the release belongs there",
  });
});

it("wants twice what is rebuilt", async () => {
  const { bavail, bsize } = statfsSync(root);
  await expect(fly([Math.floor(bavail * bsize * 0.6)])).rejects.toMatchObject({
    code: "NO_SPACE",
    area: "local",
    message: expect.stringMatching(/needs [\d.]+ [KMGT]iB under .*, [\d.]+ [KMGT]iB are free$/),
    facts: { rebuilt: expect.any(Number), needBytes: expect.any(Number), freeBytes: expect.any(Number) },
  });
});

it("does not believe a clock that stands more than a day before the release", async () => {
  await fly([1], { now: new Date("2026-10-31T00:00:01Z") });
  await expect(fly([1], { now: new Date("2026-10-30T00:00:00Z") })).rejects.toMatchObject({
    code: "CLOCK_WRONG",
  });
  await expect(fly([1], { now: new Date(0) })).rejects.toMatchObject({ code: "CLOCK_WRONG", area: "local" });
});

describe.skipIf(!isRoot)("as root, who can mount", () => {
  it("counts inodes", async () => {
    expect(spawnSync("mount", ["-t", "tmpfs", "-o", "size=8m,nr_inodes=80", "tmpfs", root]).status).toBe(0);
    mkdirSync(join(root, ".themis"));
    await fly([1]);
    await expect(fly(Array.from({ length: 40 }, () => 1))).rejects.toMatchObject({ code: "NO_INODES" });
  });

  it("sees that a file system is read-only", async () => {
    expect(spawnSync("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", root]).status).toBe(0);
    mkdirSync(join(root, ".themis"));
    expect(spawnSync("mount", ["-o", "remount,ro", root]).status).toBe(0);
    await expect(fly([1])).rejects.toMatchObject({ code: "ROOT_UNWRITABLE" });
  });
});

it("does not mind a folder of our own that is closed: the switch opens it", async () => {
  mkdirSync(join(root, "bin"));
  writeFileSync(join(root, "bin/0"), "old");
  chmodSync(join(root, "bin"), 0o555);
  await fly([1]);
  chmodSync(join(root, "bin"), 0o755);
});
