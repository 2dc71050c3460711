/** The whole way, by the commands themselves: build, sign, publish, update over HTTP, roll back, and every refusal. */
import {
  cpSync,
  createReadStream,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { serveFolder } from "../../scripts/serve.ts";
import { makeWorld, noise, ok, run, snapshot, start, type World } from "../kit/world.ts";

let world: World;

beforeAll(async () => {
  world = await makeWorld();
});
afterAll(() => world.remove());

const device = (root: string, source = world.page): string[] => [
  "--root",
  root,
  "--trust-anchor",
  world.anchor,
  "--source",
  source,
];

describe("the publisher", () => {
  it("makes the same bytes again, with another number of jobs", async () => {
    const again = world.at("again");
    await ok(
      "themis-bundle",
      "build",
      world.new,
      "--product",
      "app",
      "--version",
      "1.1.0",
      "--out",
      again,
      "--algorithm",
      "zstd-dict",
      "--from",
      `1.0.0=${world.old}`,
      "--jobs",
      "1",
    );
    for (const asset of readdirSync(again)) {
      expect(
        readFileSync(join(again, asset)).equals(readFileSync(world.at("bundle-1.1.0", asset))),
        asset,
      ).toBe(true);
    }
  });

  it("makes deltas from several older releases, and drops those that do not pay, saying why", async () => {
    cpSync(world.old, world.at("older"), { recursive: true, verbatimSymlinks: true });
    writeFileSync(world.at("older/bin/appd"), noise(2_500_000, 99));
    const built = await ok(
      "themis-bundle",
      "build",
      world.new,
      "--product",
      "app",
      "--version",
      "1.1.0",
      "--out",
      world.at("two-froms"),
      "--algorithm",
      "zstd-dict",
      "--from",
      `1.0.0=${world.old}`,
      "--from",
      `0.9.0=${world.at("older")}`,
    );
    const outcomes = built.deltas as { from: string; path: string; algorithm?: string; note: string }[];
    const binary = outcomes.filter(({ path }) => path === "bin/appd");
    expect(binary.find(({ from }) => from === "1.0.0")).toMatchObject({ algorithm: "ZSTD_DICT" });
    expect(binary.find(({ from }) => from === "0.9.0")!.algorithm).toBeUndefined();
    expect(binary.find(({ from }) => from === "0.9.0")!.note).toMatch(
      /^whole is smaller: (\d+) bytes; ZSTD_DICT given up at \1 bytes: the whole target has \1$/,
    );
  });

  it("publishes the same bundle a second time as nothing to do, and another under its version never", async () => {
    expect(
      await ok("themis-bundle", "publish", world.at("bundle-1.1.0"), "--to", `file:${world.page}`),
    ).toMatchObject({ changed: false });
    const other = world.at("other");
    await ok("themis-bundle", "build", world.old, "--product", "app", "--version", "1.1.0", "--out", other);
    await ok(
      "themis-bundle",
      "sign",
      other,
      "--key",
      world.at("pki/signer-key.pem"),
      "--certificates",
      world.at("pki/signer.pem"),
    );
    const { status, stdout } = await run(
      "themis-bundle",
      "publish",
      other,
      "--to",
      `file:${world.page}`,
      "--json",
    );
    expect({ status, code: JSON.parse(stdout).error.code }).toEqual({ status: 4, code: "PAGE_CONFLICT" });
  });

  it.each([
    {
      why: "an output folder that is not empty",
      args: () => [world.new, "--out", world.at("pki")],
      code: "OUTPUT_NOT_EMPTY",
      status: 2,
    },
    {
      why: "a --from tree equal to the new one",
      args: () => [world.new, "--out", world.at("x1"), "--from", `0.9.0=${world.new}`],
      code: "FROM_IDENTICAL",
      status: 2,
    },
    {
      why: "a tree that is not there",
      args: () => [world.at("nowhere"), "--out", world.at("x2")],
      code: "TREE_MISSING",
      status: 2,
    },
    {
      why: "a symlink that leaves the tree",
      args: () => [leavingTree(), "--out", world.at("x3")],
      code: "TREE_UNSUPPORTED",
      status: 2,
    },
    {
      why: "names that differ in case only",
      args: () => [clashingTree(), "--out", world.at("x4")],
      code: "TREE_UNSUPPORTED",
      status: 2,
    },
    {
      why: "a name reserved for the device",
      args: () => [reservedTree(), "--out", world.at("x5")],
      code: "PATH_UNSAFE",
      status: 4,
    },
    {
      why: "an algorithm that does not exist",
      args: () => [world.new, "--out", world.at("x6"), "--algorithm", "magic"],
      code: "USAGE",
      status: 2,
    },
  ])("refuses $why and leaves nothing", async ({ args, code, status }) => {
    const [tree, ...rest] = args() as [string, ...string[]];
    const answer = await run(
      "themis-bundle",
      "build",
      tree,
      "--product",
      "app",
      "--version",
      "1.1.0",
      ...rest,
      "--json",
    );
    expect({ status: answer.status, code: JSON.parse(answer.stdout).error.code }).toEqual({ status, code });
    expect(
      readdirSync(world.folder).filter((name) => name.startsWith("x") || name.includes(".part-")),
    ).toEqual([]);
  });

  it.each(["manifest.json", "manifest.json.p7s", "delta-1.0.0.json", "delta-1.0.0-0.pack", "targets-0.pack"])(
    "verify refuses one flipped byte in %s",
    async (asset) => {
      const bundle = tampered(world.at("bundle-1.1.0"), `flip-${asset}`, asset);
      expect((await run("themis-bundle", "verify", bundle, "--trust-anchor", world.anchor)).status).toBe(4);
    },
  );

  it("suggests the nearest command and exits with 2", async () => {
    const { status, stderr } = await run("themis-bundle", "bild");
    expect({ status, hint: /Did you mean build/.test(stderr) }).toEqual({ status: 2, hint: true });
  });
});

describe("the device", () => {
  it("installs, updates by delta over HTTP, does nothing twice, and goes back byte for byte", async () => {
    const root = world.device("device-http");
    const page = await serveFolder(world.page);
    try {
      await ok("themis-fetch", "update", ...device(root, page.url), "--version", "1.0.0");
      expect(snapshot(root)).toEqual(snapshot(world.old));
      const updated = await ok("themis-fetch", "update", ...device(root, page.url));
      expect(snapshot(root)).toEqual(snapshot(world.new));
      expect(updated).toMatchObject({ kind: "updated", from: "1.0.0", to: "1.1.0", fellBack: [] });
      const binary = (updated.perFile as { path: string; action: string; bytes: number }[]).find(
        ({ path }) => path === "bin/appd",
      )!;
      expect(binary.action).toBe("patch");
      expect(binary.bytes).toBeLessThan(2_000);
      expect(Number(updated.bytesFetched)).toBeLessThan(
        statSync(world.at("bundle-1.1.0/targets-0.pack")).size,
      );
      expect(await ok("themis-fetch", "update", ...device(root, page.url))).toMatchObject({
        kind: "nothing-to-do",
      });
      expect((await run("themis-fetch", "check", ...device(root, page.url), "--exit-code")).status).toBe(5);
      expect(await ok("themis-fetch", "rollback", "--root", root)).toMatchObject({
        from: "1.1.0",
        to: "1.0.0",
      });
      expect(snapshot(root)).toEqual(snapshot(world.old));
      await ok("themis-fetch", "update", ...device(root));
      expect(snapshot(root)).toEqual(snapshot(world.new));
    } finally {
      await page.close();
    }
  });

  it("never goes below what it has believed", async () => {
    const root = world.device("device-older");
    await ok("themis-fetch", "update", ...device(root));
    const { status, stdout } = await run(
      "themis-fetch",
      "update",
      ...device(root),
      "--version",
      "1.0.0",
      "--json",
    );
    expect({ status, code: JSON.parse(stdout).error.code }).toEqual({ status: 4, code: "RELEASE_OLDER" });
  });

  it.each(["manifest.json", "manifest.json.p7s"])(
    "refuses one flipped byte in %s and writes nothing at all",
    async (asset) => {
      const root = world.device(`device-flip-${asset}`);
      const source = tampered(world.at("bundle-1.1.0"), `source-flip-${asset}`, asset);
      expect((await run("themis-fetch", "update", ...device(root, source))).status).toBe(4);
      expect(readdirSync(root)).toEqual([]);
    },
  );

  it("does without the deltas when a byte of their pack is flipped, and every byte is right", async () => {
    const root = world.device("device-flip-deltas");
    cpSync(world.old, root, { recursive: true, verbatimSymlinks: true });
    const source = tampered(world.at("bundle-1.1.0"), "source-flip-deltas", "delta-1.0.0-0.pack");
    const { status, stdout, stderr } = await run("themis-fetch", "update", ...device(root, source));
    expect(status).toBe(0);
    expect(stdout).toMatch(/files? fell back to full/);
    expect(stderr.match(/bin\/appd was fetched whole/g)).toHaveLength(1);
    expect(snapshot(root)).toEqual(snapshot(world.new));
  });

  it.each(["delta-1.0.0.json", "targets-0.pack"])(
    "refuses one flipped byte in %s and changes nothing",
    async (asset) => {
      const root = world.device(`device-flip-${asset}`);
      if (asset !== "targets-0.pack") cpSync(world.old, root, { recursive: true, verbatimSymlinks: true });
      const before = snapshot(root);
      const source = tampered(world.at("bundle-1.1.0"), `source-flip-${asset}`, asset);
      const { status, stdout } = await run("themis-fetch", "update", ...device(root, source), "--json");
      expect({ status, code: JSON.parse(stdout).error.code }).toEqual({
        status: 4,
        code: "TRANSFER_DIGEST_MISMATCH",
      });
      expect(snapshot(root)).toEqual(before);
    },
  );

  it("refuses a signature by another root, and an unsigned bundle", async () => {
    await ok("themis-bundle", "keygen", "--out", world.at("stranger"));
    const root = world.device("device-stranger");
    const stranger = [
      "--root",
      root,
      "--source",
      world.page,
      "--trust-anchor",
      world.at("stranger/root.pem"),
      "--json",
    ];
    const { status, stdout } = await run("themis-fetch", "update", ...stranger);
    expect({ status, code: JSON.parse(stdout).error.code }).toEqual({ status: 4, code: "CHAIN_UNTRUSTED" });
    cpSync(world.at("bundle-1.1.0"), world.at("unsigned"), { recursive: true });
    rmSync(world.at("unsigned/manifest.json.p7s"));
    expect((await run("themis-fetch", "update", ...device(root, world.at("unsigned")))).status).toBe(4);
    expect(readdirSync(root)).toEqual([]);
  });

  it("refuses to write through a symlink that lies in the tree's way", async () => {
    const root = world.device("device-link");
    mkdirSync(world.at("elsewhere"));
    symlinkSync(world.at("elsewhere"), join(root, "bin"));
    const { status, stdout } = await run("themis-fetch", "update", ...device(root), "--json");
    expect({ status, code: JSON.parse(stdout).error.code }).toEqual({ status: 4, code: "ROOT_UNSAFE" });
    expect(readdirSync(world.at("elsewhere"))).toEqual([]);
  });

  it("lets one update in at a time, and says so with exit 6", async () => {
    const root = world.device("device-locked");
    await ok("themis-fetch", "update", ...device(root), "--version", "1.0.0");
    const holder = new DatabaseSync(join(root, ".themis/lock.db"));
    holder.exec("BEGIN EXCLUSIVE");
    const { status, stdout } = await run("themis-fetch", "update", ...device(root), "--json");
    holder.close();
    expect({ status, code: JSON.parse(stdout).error.code }).toEqual({
      status: 6,
      code: "ALREADY_IN_PROGRESS",
    });
  });

  it("of two updates at once one does the work and the other is told, with exit 6", async () => {
    const root = world.device("device-two");
    // However long the second one takes to start, the first is still at it.
    const slow = await slowServer(world.page, { stops: true });
    try {
      const first = start("themis-fetch", "update", ...device(root, slow.url), "--connections", "1");
      while (!existsSync(join(root, ".themis/transfer"))) await slow.moment();
      const second = await run("themis-fetch", "update", ...device(root, slow.url), "--json");
      expect({ status: second.status, code: JSON.parse(second.stdout).error.code }).toEqual({
        status: 6,
        code: "ALREADY_IN_PROGRESS",
      });
      slow.hurry();
      expect((await first.done).status).toBe(0);
      expect(snapshot(root)).toEqual(snapshot(world.new));
    } finally {
      await slow.close();
    }
  });

  it("refuses a restore point in which one byte differs, and touches nothing", async () => {
    const root = world.device("device-tampered");
    await ok("themis-fetch", "update", ...device(root), "--version", "1.0.0");
    await ok("themis-fetch", "update", ...device(root));
    const [point] = (await ok("themis-fetch", "restore-points", "--root", root)).restorePoints as [
      { folder: string },
    ];
    const folder = join(root, ".themis/restore", point.folder);
    const saved = readdirSync(folder).find((name) => name !== "restore-point.json")!;
    flip(join(folder, saved));
    const { status, stdout } = await run("themis-fetch", "rollback", "--root", root, "--json");
    expect({ status, code: JSON.parse(stdout).error.code }).toEqual({
      status: 4,
      code: "RESTORE_POINT_TAMPERED",
    });
    expect(snapshot(root)).toEqual(snapshot(world.new));
  });

  it("says that the root is missing, or cannot be written", async () => {
    expect((await run("themis-fetch", "update", ...device(world.at("no-root")))).status).toBe(2);
    const root = world.device("device-unwritable");
    writeFileSync(join(root, ".themis"), "in the way");
    expect((await run("themis-fetch", "update", ...device(root))).status).toBe(6);
  });

  it("keeps what an operator changed or added", async () => {
    const root = world.device("device-operator");
    await ok("themis-fetch", "update", ...device(root), "--version", "1.0.0");
    writeFileSync(join(root, "gone.txt"), "changed here\n");
    writeFileSync(join(root, "own.txt"), "mine\n");
    expect(await ok("themis-fetch", "update", ...device(root))).toMatchObject({ kept: ["gone.txt"] });
    expect(readFileSync(join(root, "gone.txt"), "utf8") + readFileSync(join(root, "own.txt"), "utf8")).toBe(
      "changed here\nmine\n",
    );
  });

  it("killed in the middle of a download it goes on where it was: proven pieces are not fetched again", async () => {
    const root = world.device("device-killed");
    const slow = await slowServer(world.page);
    try {
      const first = start("themis-fetch", "update", ...device(root, slow.url), "--connections", "1");
      while (
        !existsSync(join(root, ".themis/transfer")) ||
        allocated(join(root, ".themis/transfer")) < 1 << 20
      )
        await slow.moment();
      first.child.kill("SIGKILL");
      await first.done;
      expect(readdirSync(root)).toEqual([".themis"]);
      expect(await ok("themis-fetch", "status", "--root", root)).toMatchObject({
        transfer: { version: "1.1.0", wantedBytes: expect.any(Number) },
      });
      slow.hurry();
      const second = await ok("themis-fetch", "update", ...device(root, slow.url));
      expect(snapshot(root)).toEqual(snapshot(world.new));
      expect(Number(second.bytesFetched)).toBeLessThanOrEqual(
        statSync(world.at("bundle-1.1.0/targets-0.pack")).size - (1 << 20) + 20_000,
      );
    } finally {
      await slow.close();
    }
  });
});

function flip(path: string): void {
  const bytes = readFileSync(path);
  const at = bytes.length >> 1;
  bytes[at] = bytes[at]! ^ 1;
  writeFileSync(path, bytes);
}

/** A copy of a bundle in which one byte of one asset differs: the first byte of content, not padding. */
function tampered(bundle: string, name: string, asset: string): string {
  const copy = world.at(name);
  cpSync(bundle, copy, { recursive: true });
  const path = join(copy, asset);
  const bytes = readFileSync(path);
  const at = asset.endsWith(".pack") ? 600 : bytes.length >> 1;
  bytes[at] = bytes[at]! ^ 1;
  writeFileSync(path, bytes);
  return copy;
}

function leavingTree(): string {
  mkdirSync(world.at("leaving"));
  symlinkSync("../../etc/passwd", world.at("leaving/link"));
  return world.at("leaving");
}

function clashingTree(): string {
  mkdirSync(world.at("clash"));
  writeFileSync(world.at("clash/readme"), "a");
  writeFileSync(world.at("clash/README"), noise(10, 1));
  return world.at("clash");
}

function reservedTree(): string {
  mkdirSync(world.at("reserved/.themis"), { recursive: true });
  return world.at("reserved");
}

/** Bytes that are really on disk below a folder of sparse files. */
function allocated(folder: string): number {
  return readdirSync(folder).reduce((sum, name) => sum + statSync(join(folder, name)).blocks * 512, 0);
}

/** Sends packs in crumbs until told to hurry, so that a kill always falls into the middle. */
/** Packs come in crumbs, or stop after the first one, until it is told to hurry. */
async function slowServer(folder: string, { stops = false } = {}) {
  let crumbs = true;
  const server: Server = createServer(async (request, response) => {
    const path = join(folder, decodeURIComponent(request.url ?? "/"));
    if (!existsSync(path)) {
      response.writeHead(404).end();
      return;
    }
    const { size } = statSync(path);
    const range = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? "");
    const begin = Number(range?.[1] ?? 0);
    const end = Number(range?.[2] ?? size - 1);
    response.writeHead(range ? 206 : 200, range ? { "content-range": `bytes ${begin}-${end}/${size}` } : {});
    for await (const chunk of createReadStream(path, { start: begin, end, highWaterMark: 64 << 10 })) {
      if (response.destroyed) return;
      response.write(chunk);
      if (!path.endsWith(".pack")) continue;
      do {
        if (crumbs) await new Promise((next) => setTimeout(next, 60));
      } while (crumbs && stops && !response.destroyed);
    }
    response.end();
  });
  await new Promise<void>((ready) => server.listen(0, "127.0.0.1", ready));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    hurry: () => {
      crumbs = false;
    },
    moment: () => new Promise((next) => setTimeout(next, 20)),
    close: () =>
      new Promise<void>((done) => {
        server.close(() => done());
        server.closeAllConnections();
      }),
  };
}
