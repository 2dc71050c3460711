/** One file out of a release page: proven, the same each time, gone on with after a kill, and never over an input. */
import { execFileSync, spawnSync } from "node:child_process";
import {
  chownSync,
  copyFileSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { sha256 } from "../../../src/base/digest.ts";
import {
  makeOfflineBundle,
  type OfflineBundle,
  type OfflineBundleRequest,
} from "../../../src/fetch/offline/make-bundle.ts";
import { update } from "../../../src/fetch/update.ts";
import { PIECE_BYTES } from "../../../src/format/manifest/blob.ts";
import { readArchiveIndex } from "../../../src/format/pack/archive-index.ts";
import { readTrustAnchors } from "../../../src/trust/anchor.ts";
import { assetsOf } from "../../kit/misbehaving-server/asset.ts";
import { fault } from "../../kit/misbehaving-server/faults.ts";
import { always, forAsset } from "../../kit/misbehaving-server/script.ts";
import { type MisbehavingServer, misbehavingServer } from "../../kit/misbehaving-server/server.ts";
import { hasTool } from "../../kit/tools.ts";
import { makeWorld, ok, release, run, snapshot, start, type World } from "../../kit/world.ts";

const isRoot = process.getuid?.() === 0;
const PACK = "targets-0.pack";
const ASSETS = ["manifest.json", "manifest.json.p7s", "delta-1.0.0.json"];

let world: World;
let folder: string;
/** What every way must make of 1.1.0. */
let expected: Buffer;
let names = 0;

beforeAll(async () => {
  world = await makeWorld();
  folder = world.at("out");
  mkdirSync(folder);
  await bundle(join(folder, "expected.tar"));
  expected = readFileSync(join(folder, "expected.tar"));
});
afterAll(() => world.remove());

const tools = { now: () => new Date() };
let server: MisbehavingServer | undefined;
const assets = () => assetsOf(world.at("bundle-1.1.0"));
afterEach(async () => {
  await server?.close();
  server = undefined;
});

function words(out: string, ...more: string[]): string[] {
  const source = more.includes("--source") ? [] : ["--source", world.page];
  return ["bundle", ...source, "--trust-anchor", world.anchor, "--out", out, ...more];
}

/** What the command does, without the start of a process. */
function bundle(output: string, more: Partial<OfflineBundleRequest> = {}): Promise<OfflineBundle> {
  const anchors = readTrustAnchors(readFileSync(world.anchor));
  const request = {
    source: world.page,
    version: "",
    connections: 2,
    deltas: { kind: "all" },
    anchors,
  } as const;
  return makeOfflineBundle({ ...request, output, inputs: [world.anchor], ...more }, tools);
}

function newName(): string {
  return join(folder, `app-${names++}.tar`);
}

async function refused(...args: string[]): Promise<{ status: number | null; code: string }> {
  const { status, stdout } = await run("themis-fetch", ...args, "--json");
  return { status, code: (JSON.parse(stdout) as { error: { code: string } }).error.code };
}

describe("the file", () => {
  it("is described by the answer", async () => {
    const out = newName();
    const made = await ok("themis-fetch", ...words(out));
    expect(made).toMatchObject({
      schema: "themis-fetch/bundle/1",
      path: out,
      sizeBytes: expected.length,
      sha256: sha256(expected),
      product: "app",
      version: "1.1.0",
      deltasFrom: ["1.0.0"],
    });
    expect(readFileSync(out)).toEqual(expected);
    expect((statSync(out).mode & 0o777).toString(8)).toBe((0o644 & ~process.umask()).toString(8));
    expect(readdirSync(folder).filter((name) => name.startsWith("."))).toEqual([]);
  });

  it("has the same bytes from a bundle, from a page over HTTP and over another bundle", async () => {
    server = await misbehavingServer({ assets: assets() });
    const [fromBundle, fromServer, older] = [newName(), newName(), newName()];
    await bundle(fromBundle, { source: world.at("bundle-1.1.0") });
    await bundle(fromServer, { source: server.url, connections: 1, limitRate: 50e6 });
    await bundle(older, { version: "1.0.0" });
    expect(readFileSync(older)).not.toEqual(expected);
    await bundle(older);
    for (const made of [fromBundle, fromServer, older]) expect(readFileSync(made)).toEqual(expected);
  });

  it.skipIf(!hasTool("tar"))("is a plain tar of the bundle's assets, documents first", async () => {
    const listed = execFileSync("tar", ["tf", join(folder, "expected.tar")], { encoding: "utf8" })
      .trim()
      .split("\n");
    expect(listed.slice(0, 3)).toEqual(ASSETS);
    mkdirSync(world.at("apart"));
    execFileSync("tar", ["xf", join(folder, "expected.tar"), "-C", world.at("apart")]);
    for (const name of listed)
      expect(readFileSync(world.at("apart", name))).toEqual(readFileSync(world.at("bundle-1.1.0", name)));
  });
});

describe("deltas", () => {
  const from = (source: string, ...versions: string[]) => ({
    source,
    deltas: { kind: "from", versions } as const,
  });

  /** A device on a version, updated from the archive. */
  async function updated(version: string, archive: string, tree: string): Promise<readonly string[]> {
    const root = world.device(`from-${version}-${names++}`);
    const request = {
      root,
      version: "",
      connections: 2,
      anchors: readTrustAnchors(readFileSync(world.anchor)),
    };
    await update({ ...request, source: world.page, version }, tools);
    const result = await update({ ...request, offline: archive }, tools);
    expect(result).toMatchObject({ kind: "updated", to: "1.2.0", fellBack: [] });
    expect(snapshot(root)).toEqual(snapshot(tree));
    return result.perFile.map(({ action }) => action);
  }

  it("travel for the versions that are named; other devices take whole files from the same archive", async () => {
    const made = world.at("bundle-1.2.0");
    const tree = world.at("tree-1.2.0");
    cpSync(world.new, tree, { recursive: true, verbatimSymlinks: true });
    const binary = readFileSync(join(tree, "bin/appd"));
    writeFileSync(join(tree, "bin/appd"), binary.fill(7, 2_000_000, 2_000_100));
    const froms = ["--from", `1.0.0=${world.old}`, "--from", `1.1.0=${world.new}`];
    await release(world, tree, "1.2.0", made, "--algorithm", "zstd-dict", ...froms);
    const [all, some, none] = [newName(), newName(), newName()];
    expect((await bundle(all, { source: made })).deltasFrom).toEqual(["1.0.0", "1.1.0"]);
    expect((await bundle(some, from(made, "1.1.0"))).deltasFrom).toEqual(["1.1.0"]);
    expect((await bundle(none, { source: made, deltas: { kind: "none" } })).deltasFrom).toEqual([]);
    expect(statSync(none).size).toBeLessThan(statSync(all).size);
    expect(await updated("1.0.0", all, tree)).toContain("patch");
    expect(await updated("1.1.0", some, tree)).toContain("patch");
    expect(await updated("1.0.0", some, tree)).not.toContain("patch");
    expect(await updated("1.1.0", none, tree)).not.toContain("patch");
    // In whatever order they are named.
    const [one, other] = [newName(), newName()];
    await bundle(one, from(made, "1.0.0", "1.1.0"));
    await bundle(other, from(made, "1.1.0", "1.0.0"));
    expect(readFileSync(one)).toEqual(readFileSync(all));
    expect(readFileSync(other)).toEqual(readFileSync(all));
  });

  it("of a version that has none, or none and some at once, are usage errors", async () => {
    const out = newName();
    const several = ["--from", "1.0.0", "--from", "0.9.0"];
    expect(await refused(...words(out, ...several))).toEqual({ status: 2, code: "DELTA_UNKNOWN" });
    expect(await refused(...words(out, "--from", "1.0.0", "--no-deltas"))).toEqual({
      status: 2,
      code: "USAGE",
    });
    expect(existsSync(out)).toBe(false);
  });

  it("that the source lacks end it with a way out, and nothing is made", async () => {
    const poor = world.at("poor");
    mkdirSync(poor);
    for (const name of readdirSync(world.at("bundle-1.1.0"))) {
      if (name !== "delta-1.0.0-0.pack") copyFileSync(world.at("bundle-1.1.0", name), join(poor, name));
    }
    const out = newName();
    await expect(bundle(out, { source: poor })).rejects.toMatchObject({
      code: "SOURCE_STATUS",
      hint: expect.stringContaining("--no-deltas"),
    });
    expect(existsSync(out)).toBe(false);
    expect((await bundle(out, { source: poor, deltas: { kind: "none" } })).deltasFrom).toEqual([]);
  });
});

describe("what is wrong", () => {
  it("with the release is refused before anything is written", async () => {
    const forged = world.at("forged");
    mkdirSync(forged);
    for (const name of readdirSync(world.at("bundle-1.1.0")))
      copyFileSync(world.at("bundle-1.1.0", name), join(forged, name));
    writeFileSync(
      join(forged, "manifest.json"),
      readFileSync(join(forged, "manifest.json"), "utf8").replace("1.1.0", "1.1.1"),
    );
    const out = newName();
    await expect(bundle(out, { source: forged })).rejects.toMatchObject({ kind: "refused" });
    await expect(bundle(out, { version: "9.9.9" })).rejects.toMatchObject({ code: "SOURCE_STATUS" });
    expect(readdirSync(folder).filter((name) => name.startsWith("."))).toEqual([]);
    expect(existsSync(out)).toBe(false);
  });

  it("with a pack makes no file, and a good source ends what the bad one began", async () => {
    const rotten = new Map(assets());
    const pack = Buffer.from(rotten.get(PACK)!);
    pack[1_500_000]! ^= 1;
    rotten.set(PACK, pack);
    server = await misbehavingServer({ assets: rotten });
    const out = newName();
    const bad = server.url;
    await expect(bundle(out, { source: bad })).rejects.toMatchObject({ code: "TRANSFER_DIGEST_MISMATCH" });
    expect(existsSync(out)).toBe(false);
    await bundle(out, { source: bad, mirrors: [world.at("bundle-1.1.0")] });
    expect(readFileSync(out)).toEqual(expected);
  });

  it("with the output is said before anything is fetched", async () => {
    const fifo = join(folder, "fifo");
    execFileSync("mkfifo", [fifo]);
    const anchor = readFileSync(world.anchor);
    const pack = world.at("bundle-1.1.0", PACK);
    const before = sha256(readFileSync(pack));
    for (const out of [folder, fifo, "/dev/null", join(folder, "nowhere/app.tar"), world.anchor, pack]) {
      const making = bundle(out, { source: world.at("bundle-1.1.0") });
      await expect(making).rejects.toMatchObject({ code: "OUTPUT_INVALID", kind: "usage" });
    }
    expect(await refused(...words(world.anchor))).toEqual({ status: 2, code: "OUTPUT_INVALID" });
    expect(lstatSync(fifo).isFIFO()).toBe(true);
    expect(readFileSync(world.anchor)).toEqual(anchor);
    expect(sha256(readFileSync(pack))).toBe(before);
  });

  it("a link in place of the folder in which it grows is not followed", async () => {
    const out = newName();
    mkdirSync(world.at("elsewhere"), { recursive: true });
    symlinkSync(world.at("elsewhere"), join(folder, `.${out.slice(folder.length + 1)}.parts`));
    await expect(bundle(out)).rejects.toMatchObject({ code: "OUTPUT_FAILED", area: "local" });
    expect(readdirSync(world.at("elsewhere"))).toEqual([]);
  });

  it.skipIf(!isRoot)("nor is somebody else's folder used", async () => {
    const out = newName();
    const parts = join(folder, `.${out.slice(folder.length + 1)}.parts`);
    mkdirSync(parts);
    chownSync(parts, 65534, 65534);
    await expect(bundle(out)).rejects.toMatchObject({ code: "OUTPUT_FAILED", area: "local" });
    expect(readdirSync(parts)).toEqual([]);
  });

  it.skipIf(!isRoot)("a disk without room is said before anything is fetched", async () => {
    const disk = world.at("disk");
    mkdirSync(disk);
    expect(spawnSync("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", disk]).status).toBe(0);
    try {
      await expect(bundle(join(disk, "app.tar"))).rejects.toMatchObject({ code: "NO_SPACE", area: "local" });
      expect(readdirSync(disk)).toEqual([]);
    } finally {
      spawnSync("umount", [disk]);
    }
  });
});

describe("killed while it fetches", () => {
  /** Brings two pieces of the pack and then nothing more. */
  async function stalledAfterTwo(out: string) {
    const stalls = always(fault(7), { afterBytes: 2 * PIECE_BYTES, stallMs: 600_000 });
    server = await misbehavingServer({ assets: assets(), script: forAsset(PACK, stalls) });
    const running = start("themis-fetch", ...words(out, "--source", server.url));
    const part = join(folder, `.${out.slice(folder.length + 1)}.parts`, "archive.part");
    const archive = {
      size: expected.length,
      read: async (at: number, n: number) => expected.subarray(at, at + n),
    };
    const { start: ofPack } = (await readArchiveIndex(archive)).get(PACK)!;
    while (!existsSync(part) || statSync(part).size < ofPack + 2 * PIECE_BYTES) await setTimeout(20);
    return { ...running, part };
  }

  it("it goes on from the proven pieces, and a second one at once is refused", async () => {
    const out = newName();
    const { child, done } = await stalledAfterTwo(out);
    expect(await refused(...words(out))).toEqual({ status: 6, code: "ALREADY_IN_PROGRESS" });
    child.kill("SIGKILL");
    await done;
    expect(existsSync(out)).toBe(false);
    await server!.close();
    server = await misbehavingServer({ assets: assets() });
    await bundle(out, { source: server.url });
    expect(readFileSync(out)).toEqual(expected);
    expect(server.ledger.bodyBytes(PACK)).toBeLessThanOrEqual(PIECE_BYTES);
    expect(readdirSync(folder).filter((name) => name.includes(out.slice(folder.length + 1)))).toHaveLength(1);
  });

  it("two of one process do not meet either", async () => {
    const out = newName();
    const ended = await Promise.allSettled([bundle(out), bundle(out)]);
    const rejected = ended.filter((each) => each.status === "rejected").map(({ reason }) => reason);
    expect(rejected).toEqual([expect.objectContaining({ code: "ALREADY_IN_PROGRESS" })]);
    expect(readFileSync(out)).toEqual(expected);
  });

  it("it ends right though another release, or nonsense, has grown there", async () => {
    const out = newName();
    const { child, done, part } = await stalledAfterTwo(out);
    child.kill("SIGKILL");
    await done;
    await bundle(out, { version: "1.0.0" });
    await bundle(`${out}.clean`, { version: "1.0.0" });
    expect(readFileSync(out)).toEqual(readFileSync(`${out}.clean`));
    mkdirSync(join(part, ".."));
    writeFileSync(part, Buffer.alloc(expected.length + 5000, 0xa5));
    await bundle(out);
    expect(readFileSync(out)).toEqual(expected);
  });

  it("Ctrl-C stops it by exit 130 and keeps what came", async () => {
    const out = newName();
    const { child, done, part } = await stalledAfterTwo(out);
    child.kill("SIGINT");
    expect((await done).status).toBe(130);
    expect(statSync(part).size).toBeGreaterThan(PIECE_BYTES);
    await bundle(out);
    expect(readFileSync(out)).toEqual(expected);
  });
});
