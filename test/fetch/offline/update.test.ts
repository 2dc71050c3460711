/** A device that no network reaches: everything comes out of one tar file, and nothing in it is believed. */
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ThemisError } from "../../../src/base/error.ts";
import { makeOfflineBundle } from "../../../src/fetch/offline/make-bundle.ts";
import { openTarSource } from "../../../src/fetch/transfer/tar-source.ts";
import { update } from "../../../src/fetch/update.ts";
import type { UpdateResult } from "../../../src/fetch/update-report.ts";
import { readArchiveIndex } from "../../../src/format/pack/archive-index.ts";
import { readTrustAnchors } from "../../../src/trust/anchor.ts";
import { archiveOf, type MemberChanges } from "../../kit/archive.ts";
import { hasTool } from "../../kit/tools.ts";
import { makeWorld, ok, run, snapshot, type World } from "../../kit/world.ts";

let world: World;
/** 1.1.0 with its deltas. */
let tar: string;
/** A device on 1.0.0, to be copied. */
let oldDevice: string;
let devices = 0;

beforeAll(async () => {
  world = await makeWorld();
  tar = await bundle("app.tar", "");
  const old = await bundle("app-1.0.0.tar", "1.0.0");
  // From here on there is no page: whatever works, works without one.
  rmSync(world.page, { recursive: true });
  oldDevice = world.device("on-1.0.0");
  await updateFrom(old, oldDevice);
});
afterAll(() => world.remove());

const anchors = () => readTrustAnchors(readFileSync(world.anchor));

async function bundle(name: string, version: string): Promise<string> {
  const request = {
    source: world.page,
    version,
    connections: 2,
    deltas: { kind: "all" },
    anchors: anchors(),
  } as const;
  return (await makeOfflineBundle({ ...request, output: world.at(name) }, { now: () => new Date() })).path;
}

function updateFrom(offline: string, root: string, version = ""): Promise<UpdateResult> {
  return update({ root, offline, version, connections: 2, anchors: anchors() }, { now: () => new Date() });
}

function deviceWithOld(): string {
  const root = world.at(`device-${devices++}`);
  cpSync(oldDevice, root, { recursive: true, verbatimSymlinks: true });
  return root;
}

function write(bytes: Uint8Array): string {
  const path = world.at(`archive-${devices++}.tar`);
  writeFileSync(path, bytes);
  return path;
}

/** What the archive holds, to be put together otherwise. */
async function members(): Promise<MemberChanges[]> {
  const archive = readFileSync(tar);
  const read = async (start: number, length: number) => archive.subarray(start, start + length);
  const index = await readArchiveIndex({ size: archive.length, read });
  return [...index.values()].map(({ name, start, size }) => ({
    name,
    bytes: archive.subarray(start, start + size),
  }));
}

describe("an update from the tar", () => {
  it("is the update from the folder, by delta too", async () => {
    const [fromTar, fromFolder] = [deviceWithOld(), deviceWithOld()];
    const result = await updateFrom(tar, fromTar);
    const request = { root: fromFolder, source: world.at("bundle-1.1.0"), version: "", connections: 2 };
    const expected = await update({ ...request, anchors: anchors() }, { now: () => new Date() });
    expect(snapshot(fromTar)).toEqual(snapshot(world.new));
    expect(result.perFile).toContainEqual(expect.objectContaining({ path: "bin/appd", action: "patch" }));
    expect({ ...result, durationMs: 0, restorePoint: "" }).toEqual({
      ...expected,
      durationMs: 0,
      restorePoint: "",
    });
    expect(result.fellBack).toEqual([]);
  });

  it("is checked, planned, downloaded and done by the commands, and rolled back", async () => {
    const root = world.device("commands");
    const device = ["--offline", tar, "--root", root, "--trust-anchor", world.anchor];
    expect(await ok("themis-fetch", "check", ...device)).toMatchObject({ to: "1.1.0", upToDate: false });
    expect(await ok("themis-fetch", "plan", ...device)).toMatchObject({ to: "1.1.0" });
    expect(await ok("themis-fetch", "download", ...device)).toMatchObject({ kind: "downloaded" });
    expect(await ok("themis-fetch", "update", ...device)).toMatchObject({ kind: "updated" });
    expect(snapshot(root)).toEqual(snapshot(world.new));
    expect(await ok("themis-fetch", "update", ...device)).toMatchObject({ kind: "nothing-to-do" });
    await ok("themis-fetch", "rollback", "--root", root);
    expect(snapshot(root)).toEqual({});
  });

  it.skipIf(!hasTool("tar"))("takes what a person packs from the bundle's folder", async () => {
    for (const words of [
      ["."],
      ["--format=ustar", "."],
      ["manifest.json", "manifest.json.p7s", "targets-0.pack"],
    ]) {
      const path = world.at(`person-${devices++}.tar`);
      execFileSync("tar", ["-C", world.at("bundle-1.1.0"), "-cf", path, ...words]);
      const root = deviceWithOld();
      expect((await updateFrom(path, root)).kind).toBe("updated");
      expect(snapshot(root)).toEqual(snapshot(world.new));
    }
    const path = world.at("with-folder.tar");
    execFileSync("tar", ["-C", world.folder, "-cf", path, "bundle-1.1.0"]);
    const refusal = await updateFrom(path, deviceWithOld()).catch((error: unknown) => error);
    expect(refusal).toMatchObject({
      code: "ARCHIVE_MALFORMED",
      hint: expect.stringContaining("-C FOLDER ."),
    });
  });

  it("refuses another version than was asked for, and an older one than it has believed", async () => {
    await expect(updateFrom(tar, world.device("version"), "1.0.0")).rejects.toMatchObject({
      code: "VERSION_MISMATCH",
    });
    const root = deviceWithOld();
    await updateFrom(tar, root);
    await expect(updateFrom(world.at("app-1.0.0.tar"), root)).rejects.toMatchObject({
      code: "RELEASE_OLDER",
    });
    expect(snapshot(root)).toEqual(snapshot(world.new));
  });
});

describe("a tampered archive", () => {
  const changed = async (name: string, at: number): Promise<string> =>
    write(
      archiveOf(
        (await members()).map((member) => {
          if (member.name !== name) return member;
          const bytes = Buffer.from(member.bytes);
          bytes[at < 0 ? bytes.length + at : at]! ^= 1;
          return { ...member, bytes };
        }),
      ),
    );

  it.each([
    { name: "manifest.json", at: 100 },
    { name: "manifest.json.p7s", at: -20 },
    { name: "delta-1.0.0.json", at: 50 },
  ])("with a changed byte in $name is refused, and changes nothing", async ({ name, at }) => {
    const root = deviceWithOld();
    await expect(updateFrom(await changed(name, at), root)).rejects.toMatchObject({ kind: "refused" });
    expect(snapshot(root)).toEqual(snapshot(world.old));
  });

  it("with a changed byte in a whole target is refused where that is needed", async () => {
    const root = world.device("whole-changed");
    const path = await changed("targets-0.pack", 1_300_000);
    await expect(updateFrom(path, root)).rejects.toMatchObject({ code: "TRANSFER_DIGEST_MISMATCH" });
    expect(snapshot(root)).toEqual({});
  });

  it("with a changed byte in a patch, or without that pack, costs the delta", async () => {
    const without = (await members()).filter(({ name }) => name !== "delta-1.0.0-0.pack");
    for (const path of [await changed("delta-1.0.0-0.pack", 600), write(archiveOf(without))]) {
      const root = deviceWithOld();
      const result = await updateFrom(path, root);
      expect(result.fellBack.map(({ path: fell }) => fell)).toContain("bin/appd");
      expect(snapshot(root)).toEqual(snapshot(world.new));
    }
  });

  it.each(["manifest.json", "manifest.json.p7s", "targets-0.pack"])(
    "without %s ends in a typed error",
    async (name) => {
      const path = write(archiveOf((await members()).filter((member) => member.name !== name)));
      const root = world.device(`without-${name}`);
      const error = await updateFrom(path, root).catch((cause: unknown) => cause);
      expect(error).toBeInstanceOf(ThemisError);
      expect((error as ThemisError).message).toContain(path);
      expect(snapshot(root)).toEqual({});
    },
  );

  it("without a delta manifest takes whole files", async () => {
    const root = deviceWithOld();
    const path = write(archiveOf((await members()).filter(({ name }) => name !== "delta-1.0.0.json")));
    expect((await updateFrom(path, root)).perFile).not.toContainEqual(
      expect.objectContaining({ action: "patch" }),
    );
    expect(snapshot(root)).toEqual(snapshot(world.new));
  });

  it("with a hostile member is refused before anything is read of it", async () => {
    for (const hostile of [
      { name: "link", bytes: Buffer.alloc(0), type: "2", linkname: "/etc/shadow" },
      { name: "../../evil", bytes: Buffer.from("x") },
      { name: "manifest.json", bytes: Buffer.from("{}") },
    ]) {
      const root = deviceWithOld();
      const path = write(archiveOf([...(await members()), hostile]));
      await expect(updateFrom(path, root)).rejects.toMatchObject({
        code: "ARCHIVE_MALFORMED",
        kind: "refused",
      });
      expect(snapshot(root)).toEqual(snapshot(world.old));
    }
  });

  it("with random bits changed, or cut anywhere, ends in the right release or in an untouched root", async () => {
    const whole = readFileSync(tar);
    // Half of the places lie among headers and documents, which are a hundredth of the bytes.
    const place = fc.oneof(fc.nat(30_000), fc.nat(whole.length - 1));
    const damage = fc.oneof(
      fc.record({ kind: fc.constant("cut"), at: place }),
      fc.record({ kind: fc.constant("bit"), at: place, bit: fc.nat(7) }),
    );
    let done = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(damage, { minLength: 1, maxLength: 3 }), async (damages) => {
        let bytes = Buffer.from(whole);
        for (const each of damages) {
          if ("bit" in each) {
            if (each.at < bytes.length) bytes[each.at]! ^= 1 << (each.bit as number);
          } else bytes = bytes.subarray(0, each.at);
        }
        const root = deviceWithOld();
        try {
          await updateFrom(write(bytes), root);
          done++;
          expect(snapshot(root)).toEqual(snapshot(world.new));
        } catch (error) {
          expect(error).toBeInstanceOf(ThemisError);
          expect(snapshot(root)).toEqual(snapshot(world.old));
        }
        rmSync(root, { recursive: true });
      }),
      { numRuns: 40 },
    );
    // Most places lie in bytes that an update by delta never asks for.
    expect(done).toBeGreaterThan(0);
  }, 120_000);
});

describe("what is no archive", () => {
  it("a FIFO, a device, a folder and nothing at all are said at once, by exit 2", async () => {
    const fifo = world.at("fifo");
    execFileSync("mkfifo", [fifo]);
    const device = ["--root", world.device("not-files"), "--trust-anchor", world.anchor];
    for (const path of [fifo, "/dev/zero", world.at("bundle-1.1.0"), world.at("nowhere.tar")]) {
      const { status, stderr } = await run("themis-fetch", "update", "--offline", path, ...device);
      expect({ status, stderr }).toMatchObject({
        status: 2,
        stderr: expect.stringContaining("SOURCE_INVALID"),
      });
    }
  });

  it("an empty file, a picture and a tar of nothing are refused by exit 4", async () => {
    const device = ["--root", world.device("not-archives"), "--trust-anchor", world.anchor];
    for (const bytes of [Buffer.alloc(0), Buffer.alloc(5000, 0x89), Buffer.alloc(10_240)]) {
      const { status, stderr } = await run("themis-fetch", "update", "--offline", write(bytes), ...device);
      expect({ status, stderr }).toMatchObject({ status: 4, stderr: expect.stringContaining("ARCHIVE_") });
    }
  });

  it("a file that is cut while it is read says so, and is not asked again", async () => {
    const path = write(readFileSync(tar));
    const source = await openTarSource(path);
    try {
      truncateSync(path, 40_000);
      const pack = "targets-0.pack";
      const { size } = (await members())
        .map(({ name, bytes }) => ({ name, size: bytes.length }))
        .find(({ name }) => name === pack)!;
      const reading = async () => {
        for await (const _ of source.readRange(pack, { start: 0, end: size, total: size }));
      };
      await expect(reading()).rejects.toMatchObject({ code: "ARCHIVE_TRUNCATED", kind: "refused" });
    } finally {
      await source.close();
    }
  });

  it("a file that is replaced while it is read stays the one that was opened", async () => {
    const path = write(readFileSync(tar));
    const source = await openTarSource(path);
    try {
      rmSync(path);
      writeFileSync(path, "another");
      const found = await source.readAll("manifest.json", 1 << 24);
      const expected = (await members()).find(({ name }) => name === "manifest.json")!.bytes;
      expect(typeof found === "string" ? found : Buffer.from(found.bytes)).toEqual(Buffer.from(expected));
    } finally {
      await source.close();
    }
  });
});

describe("the words of a command", () => {
  it.each([
    { why: "neither place", words: [] },
    { why: "both places", words: ["--source", "page", "--offline", "app.tar"] },
    { why: "a mirror of a file", words: ["--offline", "app.tar", "--mirror", "page"] },
  ])("with $why are a usage error with a hint", async ({ words }) => {
    mkdirSync(world.at("words"), { recursive: true });
    const device = ["--root", world.at("words"), "--trust-anchor", world.anchor];
    for (const name of ["check", "plan", "download", "update"]) {
      const { status, stdout } = await run("themis-fetch", name, ...words, ...device, "--json");
      expect(status).toBe(2);
      expect(JSON.parse(stdout).error).toMatchObject({
        code: expect.stringMatching(/^(USAGE|CONFIG_MISSING)$/),
        hint: expect.any(String),
      });
    }
  });

  it("name the way when the file is given as --source", async () => {
    const device = ["--root", world.folder, "--trust-anchor", world.anchor];
    const { status, stdout } = await run("themis-fetch", "check", "--source", tar, ...device, "--json");
    expect(status).toBe(2);
    expect(JSON.parse(stdout).error).toMatchObject({
      code: "SOURCE_INVALID",
      hint: expect.stringContaining("--offline"),
    });
  });

  it("other programs hear it too", async () => {
    const request = { root: world.folder, version: "", connections: 1, anchors: anchors() };
    const tools = { now: () => new Date() };
    await expect(update(request, tools)).rejects.toMatchObject({ code: "SOURCE_INVALID" });
    const both = { ...request, source: join(world.folder, "bundle-1.1.0"), offline: tar };
    await expect(update(both, tools)).rejects.toMatchObject({ code: "SOURCE_INVALID" });
  });
});
