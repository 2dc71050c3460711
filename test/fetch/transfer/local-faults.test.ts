/**
 * Faults 70 to 73 of the specification: what happens to a transfer on the device's side, while a server serves rightly
 * or makes it wait.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { hintFor } from "../../../src/bin/hints.ts";
import { update } from "../../../src/fetch/update.ts";
import { PIECE_BYTES } from "../../../src/format/manifest/blob.ts";
import { readTrustAnchors } from "../../../src/trust/anchor.ts";
import { assetsOf } from "../../kit/misbehaving-server/asset.ts";
import { fault, faults } from "../../kit/misbehaving-server/faults.ts";
import { forAsset, once, rightly } from "../../kit/misbehaving-server/script.ts";
import { type MisbehavingServer, misbehavingServer } from "../../kit/misbehaving-server/server.ts";
import { makeSmallWorld, orThemisError, type SmallWorld } from "../../kit/small-world.ts";
import { snapshot, start } from "../../kit/world.ts";
import { content, Device, PACK } from "./downloads.ts";

const isRoot = process.getuid?.() === 0;
const named = (number: number): string => `${number} ${faults[number - 1]!.name}`;

let world: SmallWorld;
beforeAll(async () => {
  world = await makeSmallWorld();
});
afterAll(() => world.remove());

/** Serves the newer release; the first answer for the pack of whole targets stops after so many bytes, for ever. */
async function stallingServer(afterBytes: number): Promise<MisbehavingServer> {
  const script = forAsset(PACK, once(fault(7), { afterBytes, stallMs: Number.POSITIVE_INFINITY }));
  return misbehavingServer({ assets: assetsOf(world.newBundle), script });
}

function startUpdate(root: string, source: string) {
  const args = ["--root", root, "--source", source, "--trust-anchor", world.anchor, "--connections", "1"];
  return start("themis-fetch", "update", ...args, "--json");
}

/** Until so much has come that the whole pieces of it are on the disk; the test's own time limit ends it. */
async function arrived(root: string, server: MisbehavingServer, bytes: number): Promise<void> {
  const folder = join(root, ".themis/transfer");
  const onDisk = (): number =>
    Math.max(
      0,
      ...(existsSync(folder) ? readdirSync(folder) : []).map((name) => statSync(join(folder, name)).size),
    );
  while (server.ledger.bodyBytes(PACK) < bytes || onDisk() < bytes - (bytes % PIECE_BYTES))
    await new Promise((resolve) => setTimeout(resolve, 5));
}

describe.skipIf(!isRoot)(named(70), () => {
  it("says so, keeps what was proven, and goes on from there when there is room", async () => {
    const device = new Device();
    mkdirSync(device.transfer);
    const mount = (...options: string[]): number | null =>
      spawnSync("mount", [...options, "tmpfs", device.transfer]).status;
    expect(mount("-t", "tmpfs", "-o", "size=2m")).toBe(0);
    const server = await misbehavingServer({ assets: new Map([[PACK, content]]), script: rightly });
    try {
      const { error } = await device.fetch([server.url]);
      expect(error).toMatchObject({ code: "NO_SPACE", area: "local" });
      expect(device.wrong()).toEqual([]);
      expect(mount("-o", "remount,size=16m")).toBe(0);
      const { receivedBytes } = await device.fetch([server.url]);
      expect(device.isWhole()).toBe(true);
      expect(receivedBytes).toBeLessThanOrEqual(content.length - PIECE_BYTES);
    } finally {
      await server.close();
      spawnSync("umount", [device.transfer]);
      device.remove();
    }
  });
});

describe(named(71), () => {
  it.each([
    { signal: "SIGINT", afterBytes: PIECE_BYTES + 100_000, status: 130 },
    { signal: "SIGTERM", afterBytes: 600_000, status: 130 },
    { signal: "SIGKILL", afterBytes: 1, status: null },
    { signal: "SIGKILL", afterBytes: PIECE_BYTES + 1, status: null },
  ] as const)("$signal after $afterBytes bytes: resumed", async ({ signal, afterBytes, status }) => {
    const root = world.device("old");
    const server = await stallingServer(afterBytes);
    const { child, done } = startUpdate(root, server.url);
    await arrived(root, server, afterBytes);
    child.kill(signal);
    expect((await done).status).toBe(status);
    expect(snapshot(root)).toEqual(snapshot(world.old));
    const again = await startUpdate(root, server.url).done;
    await server.close();
    expect(again.status, again.stderr).toBe(0);
    expect(JSON.parse(again.stdout)).toMatchObject({ kind: "updated", from: "1.0.0", to: "1.1.0" });
    expect(snapshot(root)).toEqual(snapshot(world.new));
    const { size } = statSync(join(world.newBundle, PACK));
    expect(server.ledger.bodyBytes(PACK)).toBeLessThanOrEqual(size + PIECE_BYTES);
  });
});

describe(named(72), () => {
  it("the second says who is there, and takes the place of a first that died", async () => {
    const root = world.device("old");
    const server = await stallingServer(1);
    const first = startUpdate(root, server.url);
    await arrived(root, server, 1);
    const second = await startUpdate(root, server.url).done;
    expect(second.status).toBe(6);
    expect(JSON.parse(second.stdout).error).toMatchObject({ code: "ALREADY_IN_PROGRESS" });
    first.child.kill("SIGKILL");
    await first.done;
    const third = await startUpdate(root, server.url).done;
    await server.close();
    expect(third.status, third.stderr).toBe(0);
    expect(snapshot(root)).toEqual(snapshot(world.new));
  });
});

describe(named(73), () => {
  const day = 24 * 3600_000;
  it.each([
    { clock: "of 1970", now: () => new Date(0) },
    { clock: "of last year", now: () => new Date(Date.now() - 365 * day) },
    { clock: "of the next century", now: () => new Date(Date.now() + 100 * 365 * day) },
  ])("a clock $clock: named, and no pack is asked for", async ({ now }) => {
    const root = world.device("old");
    const server = await misbehavingServer({ assets: assetsOf(world.newBundle), script: rightly });
    const anchors = readTrustAnchors(readFileSync(world.anchor));
    const request = { root, source: server.url, version: "", connections: 1, anchors };
    const error = await orThemisError(update(request, { now }));
    expect(error?.code).toBe("CHAIN_EXPIRED");
    expect(error?.message).toContain(`it is ${now().getUTCFullYear()}`);
    expect(hintFor("CHAIN_EXPIRED")).toContain("clock");
    expect(server.ledger.requests(PACK)).toEqual([]);
    expect(snapshot(root)).toEqual(snapshot(world.old));
    // With the right one it is as if nothing had been.
    expect(await orThemisError(update(request, { now: () => new Date() }))).toBe(undefined);
    await server.close();
    expect(snapshot(root)).toEqual(snapshot(world.new));
  });

  it("a clock that jumps back in the middle makes no wait negative", async () => {
    const root = world.device("old");
    const script = forAsset(PACK, once(fault(56, "date in the past")));
    const server = await misbehavingServer({ assets: assetsOf(world.newBundle), script });
    const anchors = readTrustAnchors(readFileSync(world.anchor));
    let asked = 0;
    const now = (): Date => new Date(Date.now() - (asked++ < 3 ? 0 : 3600_000));
    const request = { root, source: server.url, version: "", connections: 1, anchors };
    expect(await orThemisError(update(request, { now }))).toBe(undefined);
    await server.close();
    expect(snapshot(root)).toEqual(snapshot(world.new));
  });
});
