/** What a device says of a transfer that is not finished, and what becomes of the parts of one that nobody wants any more. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { readStatus } from "../../src/fetch/rollback.ts";
import { DeviceState } from "../../src/fetch/state.ts";
import { download, update } from "../../src/fetch/update.ts";
import type { UpdateRequest } from "../../src/fetch/update-request.ts";
import { decodeManifest } from "../../src/format/manifest/manifest.ts";
import { readTrustAnchors } from "../../src/trust/anchor.ts";
import { makeWorld, run, snapshot, type World } from "../kit/world.ts";

let world: World;
beforeAll(async () => {
  world = await makeWorld();
});
afterAll(() => world.remove());

const tools = { now: () => new Date() };

function requestFor(root: string): UpdateRequest {
  const anchors = readTrustAnchors(readFileSync(world.anchor));
  return { root, source: world.page, anchors, version: "", connections: 1 };
}

it("names every piece that was proven, until the release is installed", async () => {
  const root = world.device("recorded");
  expect((await readStatus(root)).transfer).toBe(undefined);
  await download(requestFor(root), tools);
  const { packs } = decodeManifest(readFileSync(world.at("bundle-1.1.0/manifest.json")));
  const [pack] = packs.filter(({ asset }) => asset === "targets-0.pack");
  const state = DeviceState.read(join(root, ".themis"))!;
  const all = pack!.pieces.map((_, i) => i);
  expect(state.transfer()).toMatchObject({
    version: "1.1.0",
    packs: [{ asset: pack!.asset, sha256: pack!.sha256_hash, wanted: all, proven: all }],
  });
  state.close();
  expect((await readStatus(root)).transfer).toEqual({
    version: "1.1.0",
    wantedBytes: pack!.size_bytes,
    provenBytes: pack!.size_bytes,
  });
  const { stdout } = await run("themis-fetch", "status", "--root", root);
  expect(stdout).toMatch(/1\.1\.0 is being fetched: (.+) of \1 are proven/);
  await update(requestFor(root), tools);
  expect((await readStatus(root)).transfer).toBe(undefined);
});

it("is not believed: a piece that rotted after it was recorded is fetched again", async () => {
  const root = world.device("rotten");
  await download(requestFor(root), tools);
  const { packs } = decodeManifest(readFileSync(world.at("bundle-1.1.0/manifest.json")));
  const part = join(root, ".themis/transfer", `${packs[0]!.sha256_hash}.part`);
  const bytes = readFileSync(part);
  bytes[5000]! ^= 1;
  writeFileSync(part, bytes);
  expect((await update(requestFor(root), tools)).bytesFetched).toBeGreaterThanOrEqual(1 << 20);
  expect(snapshot(root)).toEqual(snapshot(world.new));
});

it("removes what was fetched of a release that is no longer wanted", async () => {
  const root = world.device("other-parts");
  const folder = join(root, ".themis/transfer");
  mkdirSync(folder, { recursive: true });
  const other = join(folder, `${"ab".repeat(32)}.part`);
  writeFileSync(other, "of another release");
  await download(requestFor(root), tools);
  expect(existsSync(other)).toBe(false);
});
