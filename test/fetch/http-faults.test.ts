/**
 * What a server can do to an update: either the right release comes out of it, or a clear error and an untouched root.
 * Each fault strikes the pack of whole targets; transfer/faults.test.ts has all of them.
 */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { afterAll, beforeAll, expect, it } from "vitest";
import { update } from "../../src/fetch/update.ts";
import { PIECE_BYTES } from "../../src/format/manifest/blob.ts";
import { readTrustAnchors } from "../../src/trust/anchor.ts";
import { assetsOf } from "../kit/misbehaving-server/asset.ts";
import type { Script } from "../kit/misbehaving-server/fault.ts";
import { fault } from "../kit/misbehaving-server/faults.ts";
import { always, forAsset, once, untilRequest } from "../kit/misbehaving-server/script.ts";
import { type MisbehavingServer, misbehavingServer } from "../kit/misbehaving-server/server.ts";
import { signedStorage } from "../kit/misbehaving-server/signed-storage.ts";
import { orThemisError } from "../kit/small-world.ts";
import { makeWorld, snapshot, type World } from "../kit/world.ts";

let world: World;

beforeAll(async () => {
  world = await makeWorld();
});
afterAll(() => world.remove());

const PACK = "targets-0.pack";
let devices = 0;

function updateFrom(root: string, source: string) {
  const anchors = readTrustAnchors(readFileSync(world.anchor));
  const request = { root, source, version: "", connections: 2, anchors };
  return orThemisError(update(request, { now: () => new Date() }));
}

async function updateThrough(script: Script) {
  const root = world.device(`faults-${devices++}`);
  const server = await misbehavingServer({ assets: assetsOf(world.at("bundle-1.1.0")), script });
  try {
    return { root, server, error: await updateFrom(root, server.url) };
  } finally {
    await server.close();
  }
}

it.each<{ why: string; script: Script }>([
  { why: "a reset before any byte", script: untilRequest(2, fault(1, "RST")) },
  { why: "a reset in the middle of the body", script: untilRequest(2, fault(2), { afterBytes: 1_100_000 }) },
  { why: "500 and 503 in a row", script: untilRequest(3, fault(54)) },
  { why: "a server that ignores Range", script: always(fault(19)) },
  { why: "a 206 that starts earlier than asked", script: always(fault(21)) },
  { why: "a 206 shorter than asked", script: once(fault(22)) },
  { why: "a 206 longer than asked", script: always(fault(23)) },
  { why: "a Content-Range of unknown total", script: always(fault(28)) },
  { why: "one wrong piece, once", script: once(fault(50)) },
  { why: "a 206 without Content-Range, once", script: once(fault(24)) },
  { why: "a redirect to another place", script: always(fault(65, "relative")) },
])("survives $why", async ({ script }) => {
  const { root, error } = await updateThrough(forAsset(PACK, script));
  expect(error).toBeUndefined();
  expect(snapshot(root)).toEqual(snapshot(world.new));
});

it.each<{ why: string; code: string; script: Script }>([
  { why: "a wrong piece every time", code: "TRANSFER_DIGEST_MISMATCH", script: always(fault(50)) },
  {
    why: "the right Content-Range over shifted bytes",
    code: "TRANSFER_DIGEST_MISMATCH",
    script: always(fault(34)),
  },
  { why: "404 for the pack of whole targets", code: "SOURCE_STATUS", script: always(fault(59)) },
  { why: "403", code: "SOURCE_STATUS", script: always(fault(61, "403")) },
  { why: "a total that is not the manifest's", code: "ASSET_SIZE", script: always(fault(27)) },
  { why: "a login page in the pack's place", code: "ASSET_SIZE", script: always(fault(51)) },
  { why: "gzip that nobody asked for", code: "TRANSFER_INTERRUPTED", script: always(fault(43)) },
  { why: "a redirect that never ends", code: "SOURCE_REDIRECT", script: always(fault(65, "loop")) },
])("refuses $why, and the root stays as it was", async ({ script, code }) => {
  const { root, error } = await updateThrough(forAsset(PACK, script));
  expect(error).toMatchObject({ code });
  expect(readdirSync(root).filter((name) => name !== ".themis")).toEqual([]);
});

it("refuses a manifest without end, and the root stays as it was", async () => {
  const { root, error } = await updateThrough(forAsset("manifest.json", always(fault(48, "endless"))));
  expect(error).toMatchObject({ code: "ASSET_SIZE" });
  expect(readdirSync(root).filter((name) => name !== ".themis")).toEqual([]);
});

it("a cut costs what is missing: proven pieces are not asked for again", async () => {
  const script = forAsset(PACK, once(fault(3), { afterBytes: 1_500_000 }));
  const { server, error } = await updateThrough(script);
  expect(error).toBeUndefined();
  const { size } = statSync(world.at("bundle-1.1.0", PACK));
  expect(server.ledger.bodyBytes(PACK)).toBeLessThanOrEqual(size + PIECE_BYTES);
});

it("says that nobody is there, with the host and without credentials", async () => {
  const server = await misbehavingServer({ assets: new Map() });
  await server.close();
  const source = `http://user:secret@127.0.0.1:${server.port}/page?token=secret`;
  const failure = await updateFrom(world.device("nobody"), source);
  expect(failure).toMatchObject({ area: "network" });
  expect(failure?.message).toContain(`127.0.0.1:${server.port}`);
  expect(JSON.stringify([failure?.message, failure])).not.toContain("secret");
});

it("sends the credentials of a source to its own origin and nowhere else", async () => {
  const assets = assetsOf(world.at("bundle-1.1.0"));
  const storage = await signedStorage({ assets });
  const server = await misbehavingServer({ assets, storage, script: forAsset(PACK, always(fault(66))) });
  const root = world.device("credentials");
  try {
    const source = server.url.replace("http://", "http://user:secret@");
    expect(await updateFrom(root, source)).toBeUndefined();
  } finally {
    await server.close();
    await storage.close();
  }
  expect(snapshot(root)).toEqual(snapshot(world.new));
  const seenBy = ({ ledger }: MisbehavingServer) =>
    new Set(ledger.requests().map(({ headers }) => headers.authorization));
  expect(seenBy(server)).toEqual(new Set([`Basic ${Buffer.from("user:secret").toString("base64")}`]));
  expect(seenBy(storage)).toEqual(new Set([undefined]));
});
