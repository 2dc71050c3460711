/** What a disk, a right, a clock and an operator can do to an update. */
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { encodeCanonicalJson } from "../../src/base/canonical-json.ts";
import { sha256 } from "../../src/base/digest.ts";
import { readStatus, rollBack } from "../../src/fetch/rollback.ts";
import { update } from "../../src/fetch/update.ts";
import type { UpdateResult } from "../../src/fetch/update-report.ts";
import { decodeDeltaManifest, encodeDeltaManifest } from "../../src/format/manifest/delta-manifest.ts";
import { decodeManifest, encodeManifest, type Manifest } from "../../src/format/manifest/manifest.ts";
import { readTrustAnchors } from "../../src/trust/anchor.ts";
import { makeWorld, ok, release, run, snapshot, type World } from "../kit/world.ts";

const isRoot = process.getuid?.() === 0;
/** Debian's nobody: a process without rights, which only root can start. */
const NOBODY = 65534;

let world: World;

beforeAll(async () => {
  world = await makeWorld();
});
afterAll(() => world.remove());

type Changes = {
  readonly source?: string;
  readonly version?: string;
  readonly now?: Date;
  readonly onStep?: (index: number) => void;
};

function updateDevice(
  root: string,
  { source = world.page, version = "", now, onStep }: Changes = {},
): Promise<UpdateResult> {
  const anchors = readTrustAnchors(readFileSync(world.anchor));
  return update(
    { root, source, version, connections: 2, anchors },
    { now: () => now ?? new Date(), ...(onStep && { onStep }) },
  );
}

async function deviceWithOld(name: string): Promise<string> {
  const root = world.device(name);
  await updateDevice(root, { version: "1.0.0" });
  return root;
}

it("an error at any step of a switch puts everything back and says so", async () => {
  let steps = 0;
  for (let failAt = 0; ; failAt++) {
    const root = await deviceWithOld(`undo-${failAt}`);
    const outcome = await updateDevice(root, {
      onStep: (index) => {
        if (index === failAt) throw Object.assign(new Error("no space left on device"), { code: "ENOSPC" });
      },
    }).catch((error: unknown) => error);
    if (outcome && typeof outcome === "object" && "kind" in outcome && outcome.kind === "updated") break;
    expect(outcome).toMatchObject({ code: "SWITCH_FAILED", area: "local" });
    expect(snapshot(root), `failed at step ${failAt}`).toEqual(snapshot(world.old));
    expect(await readStatus(root)).toMatchObject({ version: "1.0.0", unfinished: false });
    await updateDevice(root);
    expect(snapshot(root)).toEqual(snapshot(world.new));
    steps++;
  }
  expect(steps).toBeGreaterThan(6);
});

describe("what is not ours in a device's tree", () => {
  it("is found before a folder that holds it becomes a file, and nothing changes", async () => {
    const root = world.device("occupied");
    await updateDevice(root);
    writeFileSync(join(root, "turns/own"), "mine");
    const before = snapshot(root);
    const back = await release(world, world.old, "1.2.0", world.at("bundle-of-occupied-1.2.0"));
    const occupied = { code: "PATH_OCCUPIED", area: "local", message: expect.stringContaining("turns/own") };
    await expect(updateDevice(root, { source: back })).rejects.toMatchObject(occupied);
    expect(snapshot(root)).toEqual(before);
    expect(await readStatus(root)).toMatchObject({ version: "1.1.0", unfinished: false });
  });

  it("stops a rollback before its first step, which can be done once it is moved away", async () => {
    const root = await deviceWithOld("occupied-rollback");
    await updateDevice(root);
    writeFileSync(join(root, "turns/own"), "mine");
    const before = snapshot(root);
    await expect(rollBack({ root }, { now: () => new Date() })).rejects.toMatchObject({
      code: "PATH_OCCUPIED",
    });
    expect(snapshot(root)).toEqual(before);
    rmSync(join(root, "turns/own"));
    await rollBack({ root }, { now: () => new Date() });
    expect(snapshot(root)).toEqual(snapshot(world.old));
  });

  it("stays beside a symlink that is put in, whatever its name", async () => {
    mkdirSync(world.at("linked"));
    writeFileSync(world.at("linked/target"), "t");
    writeFileSync(world.at("linked/a.themis-link"), "a file of the release");
    symlinkSync("target", world.at("linked/a"));
    symlinkSync("target", world.at(`linked/${"n".repeat(250)}`));
    const root = world.device("linked-device");
    writeFileSync(join(root, "a.own"), "mine");
    await updateDevice(root, {
      source: await release(world, world.at("linked"), "1.0.0", world.at("bundle-of-linked-1.0.0")),
    });
    expect(snapshot(root)).toEqual({ ...snapshot(world.at("linked")), ...ownFile(root) });
  });

  function ownFile(root: string) {
    return Object.fromEntries(Object.entries(snapshot(root)).filter(([path]) => path === "a.own"));
  }
});

it("a patch that makes another file falls back to the whole, for that file only, and is said once", async () => {
  const bundle = await resigned("wrong-patch", (folder) => {
    const pack = readFileSync(join(folder, "delta-1.0.0-0.pack"));
    const document = decodeDeltaManifest(readFileSync(join(folder, "delta-1.0.0.json")));
    const { offset, length } = document.deltas.find(({ path }) => path === "bin/appd")!.blob;
    pack.fill(0x55, offset + 20, offset + length);
    writeFileSync(join(folder, "delta-1.0.0-0.pack"), pack);
    return (manifest) => ({
      ...manifest,
      packs: manifest.packs.map((each) =>
        each.asset === "delta-1.0.0-0.pack"
          ? { ...each, sha256_hash: sha256(pack), pieces: [sha256(pack)] }
          : each,
      ),
    });
  });
  const root = await deviceWithOld("wrong-patch-device");
  const result = await updateDevice(root, { source: bundle });
  expect(result.fellBack.map(({ path }) => path)).toEqual(["bin/appd"]);
  expect(result.perFile.find(({ path }) => path === "Größe 1.txt")).toMatchObject({ action: "patch" });
  expect(snapshot(root)).toEqual(snapshot(world.new));
});

it.each<{ what: string; spoil: (pack: string) => void }>([
  { what: "is not there", spoil: (pack) => rmSync(pack) },
  {
    what: "has a wrong byte",
    spoil: (pack) => {
      const bytes = readFileSync(pack);
      bytes[bytes.length >> 1]! ^= 1;
      writeFileSync(pack, bytes);
    },
  },
  { what: "is short", spoil: (pack) => truncateSync(pack, statSync(pack).size - 1) },
])(
  "a pack of patches that $what costs the deltas and not the update, and is said once",
  async ({ what, spoil }) => {
    const name = `deltas-${what.replaceAll(" ", "-")}`;
    cpSync(world.at("bundle-1.1.0"), world.at(name), { recursive: true });
    spoil(world.at(name, "delta-1.0.0-0.pack"));
    const root = await deviceWithOld(`${name}-device`);
    const result = await updateDevice(root, { source: world.at(name) });
    expect(result.fellBack.length).toBeGreaterThan(0);
    expect(new Set(result.fellBack.map(({ path }) => path)).size).toBe(result.fellBack.length);
    expect(snapshot(root)).toEqual(snapshot(world.new));
  },
);

it("without any delta manifest everything comes whole", async () => {
  cpSync(world.at("bundle-1.1.0"), world.at("no-delta-manifest"), { recursive: true });
  rmSync(world.at("no-delta-manifest/delta-1.0.0.json"));
  const root = await deviceWithOld("no-delta-manifest-device");
  await updateDevice(root, { source: world.at("no-delta-manifest") });
  expect(snapshot(root)).toEqual(snapshot(world.new));
});

it.each([
  { why: "a pack that is shorter than said", change: (bytes: Buffer) => bytes.subarray(0, bytes.length - 1) },
  {
    why: "a pack that is longer than said",
    change: (bytes: Buffer) => Buffer.concat([bytes, Buffer.alloc(1)]),
  },
])("refuses $why", async ({ why, change }) => {
  const bundle = world.at(why.replaceAll(" ", "-"));
  cpSync(world.at("bundle-1.1.0"), bundle, { recursive: true });
  writeFileSync(join(bundle, "targets-0.pack"), change(readFileSync(join(bundle, "targets-0.pack"))));
  const root = world.device(`${why.replaceAll(" ", "-")}-device`);
  await expect(updateDevice(root, { source: bundle })).rejects.toMatchObject({
    code: "ASSET_SIZE",
    kind: "refused",
  });
  expect(readdirSync(root).filter((name) => name !== ".themis")).toEqual([]);
});

it.each([
  { why: "an expired manifest", change: { expires: "2020-01-01T00:00:00Z" }, code: "MANIFEST_EXPIRED" },
  { why: "another product", change: { product: "other", sequence: 9e15 }, code: "PRODUCT_MISMATCH" },
  { why: "a lower sequence", change: { sequence: 1 }, code: "RELEASE_OLDER" },
  { why: "a delta manifest of another release", change: { version: "3.0.0" }, code: "DOCUMENT_INVALID" },
])("refuses $why, though it is signed", async ({ why, change, code }) => {
  const bundle = await resigned(why.replaceAll(" ", "-"), () => (manifest) => ({ ...manifest, ...change }));
  const root = await deviceWithOld(`${why.replaceAll(" ", "-")}-device`);
  await expect(updateDevice(root, { source: bundle })).rejects.toMatchObject({ code, kind: "refused" });
  expect(snapshot(root)).toEqual(snapshot(world.old));
});

it.each(["../outside", "/etc/outside", ".themis/state.db", "a\\b", "C:/outside", "nul\u0000"])(
  "a signed manifest that names %j writes nothing at all",
  async (path) => {
    const bundle = world.at(`hostile-${Buffer.from(path).toString("hex")}`);
    cpSync(world.at("bundle-1.1.0"), bundle, { recursive: true });
    const manifest = JSON.parse(readFileSync(join(bundle, "manifest.json"), "utf8"));
    manifest.files = [{ ...manifest.files.find((each: { path: string }) => each.path === "bin/appd"), path }];
    writeFileSync(join(bundle, "manifest.json"), encodeCanonicalJson(manifest));
    await signBytes(bundle);
    const root = world.device(`hostile-device-${Buffer.from(path).toString("hex")}`);
    await expect(updateDevice(root, { source: bundle })).rejects.toMatchObject({
      code: "PATH_UNSAFE",
      kind: "refused",
    });
    expect(readdirSync(root)).toEqual([]);
  },
);

it("a clock that was set back does not revive an expired manifest", async () => {
  const bundle = await resigned("expiring", () => (manifest) => ({
    ...manifest,
    expires: "2030-01-01T00:00:00Z",
  }));
  const root = world.device("clock-device");
  await ok(
    "themis-bundle",
    "keygen",
    "--out",
    world.at("long-pki"),
    "--signer-days",
    "5000",
    "--root-days",
    "9000",
  );
  await sign(bundle, "long-pki");
  const anchors = readTrustAnchors(readFileSync(world.at("long-pki/root.pem")));
  const at = (date: string) =>
    update({ root, source: bundle, version: "", connections: 1, anchors }, { now: () => new Date(date) });
  await at("2029-12-31T00:00:00Z");
  const later = world.at("later");
  cpSync(bundle, later, { recursive: true });
  await expect(at("2030-01-02T00:00:00Z")).rejects.toMatchObject({ code: "MANIFEST_EXPIRED" });
});

it("refuses .themis behind a symlink", async () => {
  const root = world.device("linked-records");
  mkdirSync(world.at("linked-elsewhere"));
  symlinkSync(world.at("linked-elsewhere"), join(root, ".themis"));
  await expect(updateDevice(root)).rejects.toMatchObject({ code: "ROOT_UNSAFE" });
  expect(readdirSync(world.at("linked-elsewhere"))).toEqual([]);
});

it("goes back over two releases in one command", async () => {
  const root = await deviceWithOld("two-back");
  await updateDevice(root);
  const points = (await readStatus(root)).restorePoints;
  const first = points.at(-1)!;
  expect(await rollBack({ root, to: first.id }, { now: () => new Date() })).toMatchObject({
    from: "1.1.0",
    to: "",
  });
  expect(snapshot(root)).toEqual({});
  await expect(rollBack({ root }, { now: () => new Date() })).rejects.toMatchObject({
    code: "RESTORE_POINT_NOT_FOUND",
  });
});

describe.skipIf(!isRoot)("as root, who can mount and start others", () => {
  it("says before the first byte that the disk is too small, and changes nothing", async () => {
    const root = world.device("small-disk");
    expect(spawnSync("mount", ["-t", "tmpfs", "-o", "size=2m", "tmpfs", root]).status).toBe(0);
    try {
      const { status, stdout } = await run(
        "themis-fetch",
        "update",
        "--root",
        root,
        "--source",
        world.page,
        "--trust-anchor",
        world.anchor,
        "--json",
      );
      expect({ status, code: JSON.parse(stdout).error.code }).toEqual({ status: 6, code: "NO_SPACE" });
      expect(readdirSync(root)).toEqual([".themis"]);
    } finally {
      spawnSync("umount", [root]);
    }
  });

  it("builds nothing on a disk that is full, and leaves nothing", async () => {
    const disk = world.device("small-build");
    expect(spawnSync("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", disk]).status).toBe(0);
    try {
      const args = [
        "build",
        world.new,
        "--product",
        "app",
        "--version",
        "1.1.0",
        "--out",
        join(disk, "bundle"),
        "--json",
      ];
      const { status, stdout } = await run("themis-bundle", ...args);
      expect({ status, code: JSON.parse(stdout).error.code }).toEqual({ status: 6, code: "OUTPUT_FAILED" });
      expect(readdirSync(disk)).toEqual([]);
    } finally {
      spawnSync("umount", [disk]);
    }
  });

  it("says that a root is read-only", async () => {
    const root = await deviceWithOld("read-only");
    spawnSync("mount", ["--bind", root, root]);
    expect(spawnSync("mount", ["-o", "remount,ro,bind", root]).status).toBe(0);
    try {
      const { status, stdout } = await run(
        "themis-fetch",
        "update",
        "--root",
        root,
        "--source",
        world.page,
        "--trust-anchor",
        world.anchor,
        "--json",
      );
      expect({ status, code: JSON.parse(stdout).error.code }).toEqual({ status: 6, code: "ROOT_UNWRITABLE" });
      expect(snapshot(root)).toEqual(snapshot(world.old));
    } finally {
      spawnSync("umount", [root]);
    }
  });

  it.each([
    { what: "another file system", mount: (to: string) => ["-t", "tmpfs", "tmpfs", to] },
    { what: "the same one, mounted twice", mount: (to: string) => ["--bind", to, to] },
  ])("says before the first byte that nothing can be moved to $what", async ({ what, mount }) => {
    const root = await deviceWithOld(`mounted ${what}`);
    const [path] = decodeManifest(readFileSync(join(world.page, "1.1.0", "manifest.json")))
      .files.map((file) => file.path)
      .filter((each) => each.includes("/"));
    const folder = join(root, path!.slice(0, path!.indexOf("/")));
    mkdirSync(folder, { recursive: true });
    expect(spawnSync("mount", mount(folder)).status).toBe(0);
    const before = snapshot(root);
    try {
      const refused = updateDevice(root, { version: "1.1.0" });
      await expect(refused).rejects.toMatchObject({ code: "CROSS_DEVICE", facts: { folder } });
      expect(snapshot(root)).toEqual(before);
      expect(readdirSync(join(root, ".themis"))).not.toContain("transfer");
    } finally {
      spawnSync("umount", [folder]);
    }
    expect(await updateDevice(root, { version: "1.1.0" })).toMatchObject({ kind: "updated" });
  });

  it.each([
    { what: "immutable", code: "ROOT_UNWRITABLE", pin: ["chattr", "+i"], free: ["chattr", "-i"] },
    { what: "a mount point", code: "CROSS_DEVICE", pin: ["mount", "--bind"], free: ["umount"] },
  ])(
    "a file that is $what is found before anything is done, forwards and back",
    async ({ code, pin, free, what }) => {
      const root = await deviceWithOld(`pinned ${what}`);
      const { files } = decodeManifest(readFileSync(join(world.page, "1.1.0", "manifest.json")));
      const old = snapshot(root);
      const { path } = files.find(({ type, path, sha256_hash }) => {
        const full = join(root, path);
        return (
          type !== "directory" &&
          type !== "symlink" &&
          path in old &&
          sha256(readFileSync(full)) !== sha256_hash
        );
      })!;
      const full = join(root, path);
      const pinned = (): boolean =>
        spawnSync(pin[0]!, [...pin.slice(1), full, ...(pin[0] === "mount" ? [full] : [])]).status === 0;
      const freed = (): void => void spawnSync(free[0]!, [...free.slice(1), full]);
      if (!pinned()) return;
      try {
        await expect(updateDevice(root, { version: "1.1.0" })).rejects.toMatchObject({
          code,
          facts: { path: full },
        });
        expect(snapshot(root)).toEqual(old);
        await expect(readStatus(root)).resolves.toMatchObject({ unfinished: false, transfer: undefined });
      } finally {
        freed();
      }
      await updateDevice(root, { version: "1.1.0" });
      const next = snapshot(root);
      expect(pinned()).toBe(true);
      try {
        await expect(rollBack({ root }, { now: () => new Date() })).rejects.toMatchObject({ code });
        expect(snapshot(root)).toEqual(next);
        expect(await readStatus(root)).toMatchObject({ unfinished: false, version: "1.1.0" });
      } finally {
        freed();
      }
      await rollBack({ root }, { now: () => new Date() });
      expect(snapshot(root)).toEqual(old);
    },
  );

  it("goes back only where everything can be moved to", async () => {
    const root = await deviceWithOld("mounted later");
    await updateDevice(root, { version: "1.1.0" });
    const installed = snapshot(root);
    const folder = join(
      root,
      Object.keys(installed)
        .find((path) => path.includes("/"))!
        .split("/")[0]!,
    );
    expect(spawnSync("mount", ["--bind", folder, folder]).status).toBe(0);
    try {
      await expect(rollBack({ root }, { now: () => new Date() })).rejects.toMatchObject({
        code: "CROSS_DEVICE",
      });
      expect(snapshot(root)).toEqual(installed);
    } finally {
      spawnSync("umount", [folder]);
    }
    await rollBack({ root }, { now: () => new Date() });
    expect(snapshot(root)).toEqual(snapshot(world.old));
  });

  it("says which file of a tree it may not read", () => {
    chmodSync(world.folder, 0o755);
    cpSync(world.old, world.at("unreadable"), { recursive: true, verbatimSymlinks: true });
    chmodSync(world.at("unreadable/same.dat"), 0o600);
    mkdirSync(world.at("nobodys"));
    chownSync(world.at("nobodys"), NOBODY, NOBODY);
    const script = join(import.meta.dirname, "../../src/bin/themis-bundle.ts");
    const args = [
      "build",
      world.at("unreadable"),
      "--product",
      "app",
      "--version",
      "1.0.0",
      "--out",
      world.at("nobodys/out"),
      "--json",
    ];
    const { status, stdout } = spawnSync(process.execPath, [script, ...args], {
      encoding: "utf8",
      uid: NOBODY,
      gid: NOBODY,
      env: { PATH: process.env.PATH },
    });
    expect({ status, ...JSON.parse(stdout).error }).toMatchObject({
      status: 6,
      code: "TREE_UNREADABLE",
      message: expect.stringContaining("same.dat"),
    });
    expect(readdirSync(world.at("nobodys"))).toEqual([]);
  });

  it("installs folders that their owner may not write to, changes what is in them, and goes back", async () => {
    for (const [version, text] of [
      ["1.0.0", "old"],
      ["1.1.0", "new"],
    ] as const) {
      mkdirSync(world.at(`closed-${version}/deep/in`), { recursive: true });
      writeFileSync(world.at(`closed-${version}/deep/in/file`), text);
      if (version === "1.0.0") writeFileSync(world.at(`closed-${version}/deep/goes`), "goes");
      for (const folder of ["deep/in", "deep"]) chmodSync(world.at(`closed-${version}`, folder), 0o555);
    }
    const [old, next] = ["1.0.0", "1.1.0"].map((version) => world.at(`closed-${version}`)) as [
      string,
      string,
    ];
    const bundles = [
      await release(world, old, "1.0.0", world.at("bundle-of-closed-1.0.0")),
      await release(world, next, "1.1.0", world.at("bundle-of-closed-1.1.0"), "--from", `1.0.0=${old}`),
    ];
    const root = world.device("closed-device");
    chmodSync(world.folder, 0o755);
    chownSync(root, NOBODY, NOBODY);
    for (const source of bundles)
      expect(asNobody("update", root, "--source", source)).toMatchObject({ status: 0 });
    expect(snapshot(root)).toEqual(snapshot(next));
    expect(asNobody("rollback", root)).toMatchObject({ status: 0 });
    expect(snapshot(root)).toEqual(snapshot(old));
  });

  it("does not take records that it may not read for none", async () => {
    const root = await deviceWithOld("private");
    chmodSync(world.folder, 0o755);
    for (const command of ["status", "history", "restore-points"]) {
      expect(asNobody(command, root)).toMatchObject({ status: 6, error: { code: "STATE_UNREADABLE" } });
    }
  });

  function asNobody(command: string, root: string, ...more: string[]) {
    const script = join(import.meta.dirname, "../../dist/themis-fetch.js");
    const trust = command === "update" ? ["--trust-anchor", world.anchor] : [];
    const args = [script, command, "--root", root, ...trust, ...more, "--json"];
    const { status, stdout } = spawnSync(process.execPath, args, {
      encoding: "utf8",
      uid: NOBODY,
      gid: NOBODY,
      env: { PATH: process.env.PATH },
    });
    return { status, ...JSON.parse(stdout) };
  }
});

/** A copy of the newer bundle whose manifest was changed and signed again by the right key. */
async function resigned(
  name: string,
  prepare: (folder: string) => (manifest: Manifest) => Manifest,
): Promise<string> {
  const folder = world.at(`resigned-${name}`);
  cpSync(world.at("bundle-1.1.0"), folder, { recursive: true });
  const change = prepare(folder);
  const manifest = decodeManifest(readFileSync(join(folder, "manifest.json")));
  const document = decodeDeltaManifest(readFileSync(join(folder, "delta-1.0.0.json")));
  expect(
    Buffer.from(encodeDeltaManifest(document)).equals(readFileSync(join(folder, "delta-1.0.0.json"))),
  ).toBe(true);
  writeFileSync(join(folder, "manifest.json"), encodeManifest(change(manifest)));
  await signBytes(folder);
  return folder;
}

async function sign(bundle: string, pki = "pki"): Promise<void> {
  await ok(
    "themis-bundle",
    "sign",
    bundle,
    "--key",
    world.at(pki, "signer-key.pem"),
    "--certificates",
    world.at(pki, "signer.pem"),
  );
}

/** Past the command's own checks, as an attacker with the key would. */
async function signBytes(folder: string): Promise<void> {
  const { openSigner, signManifest } = await import("../../src/publish/sign/sign.ts");
  const signer = await openSigner({ key: world.at("pki/signer-key.pem"), secrets: { env: {} } });
  const signature = await signManifest({
    manifest: readFileSync(join(folder, "manifest.json")),
    certificatesPem: readFileSync(world.at("pki/signer.pem"), "latin1"),
    signer,
    now: new Date(),
  });
  writeFileSync(join(folder, "manifest.json.p7s"), signature);
}
