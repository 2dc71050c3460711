/** What a transfer may cost, counted by the server. */
import { readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { ParallelDownloader } from "../../../src/fetch/parallel-downloader.ts";
import { PIECE_BYTES } from "../../../src/format/manifest/blob.ts";
import { fault } from "../../kit/misbehaving-server/faults.ts";
import { always, once, rightly } from "../../kit/misbehaving-server/script.ts";
import { misbehavingServer } from "../../kit/misbehaving-server/server.ts";
import { noise } from "../../kit/world.ts";
import { content, Device, LIMITS, PACK, pack, packOf } from "./downloads.ts";

let device: Device;
afterEach(() => device.remove());

const assets = new Map([[PACK, content]]);
const part = (): string => join(device.transfer, `${pack.sha256_hash}.part`);

// By FIN: a RST throws away what the client has not read yet, which a server cannot count.
describe("one cut at byte N costs the size and one piece at the most", () => {
  it.each([0, 1, PIECE_BYTES - 1, PIECE_BYTES, 2 * PIECE_BYTES + 77, content.length - 1])(
    "N = %i",
    async (afterBytes) => {
      device = new Device();
      const server = await misbehavingServer({ assets, script: once(fault(3), { afterBytes }) });
      expect((await device.fetch([server.url])).error).toBe(undefined);
      await server.close();
      expect(device.isWhole()).toBe(true);
      expect(server.ledger.bodyBytes()).toBeLessThanOrEqual(content.length + PIECE_BYTES);
    },
  );
});

it("a partial that is short, foreign or rotten costs its own pieces", async () => {
  device = new Device();
  const server = await misbehavingServer({ assets, script: rightly });
  await device.fetch([server.url]);
  const before = server.ledger.bodyBytes();
  const rotten = readFileSync(part());
  rotten[PIECE_BYTES + 5]! ^= 1;
  writeFileSync(part(), rotten);
  await device.fetch([server.url]);
  expect(server.ledger.bodyBytes() - before).toBe(PIECE_BYTES);
  truncateSync(part(), 3 * PIECE_BYTES + 10);
  await device.fetch([server.url]);
  expect(server.ledger.bodyBytes() - before).toBe(1.5 * PIECE_BYTES);
  writeFileSync(part(), noise(content.length, 12));
  await device.fetch([server.url]);
  await server.close();
  expect(server.ledger.bodyBytes() - before).toBe(1.5 * PIECE_BYTES + content.length);
  expect(device.isWhole()).toBe(true);
});

it("connections stay within their limit, and one piece takes one", async () => {
  device = new Device();
  const large = noise(70 * PIECE_BYTES, 405);
  const packs = [packOf(large, "large.pack"), packOf(content.subarray(0, 1000), "small.pack")];
  const server = await misbehavingServer({
    assets: new Map([
      ["large.pack", large],
      ["small.pack", content.subarray(0, 1000)],
    ]),
    script: rightly,
  });
  expect((await device.fetch([server.url], 3, packs)).error).toBe(undefined);
  expect(server.ledger.mostBusy).toBeLessThanOrEqual(3);
  expect(server.ledger.requests("large.pack").every(({ method }) => method === "GET")).toBe(true);
  expect(server.ledger.bodyBytes()).toBe(large.length + 1000);
  const other = new Device();
  const opened = server.ledger.connectionsOpened;
  await other.fetch([server.url], 3, [packs[1]!]);
  await server.close();
  other.remove();
  expect(server.ledger.connectionsOpened - opened).toBe(1);
  expect(server.ledger.requests("small.pack").length).toBe(2);
});

it("a server without ranges sends a pack once, whatever the number of connections", async () => {
  device = new Device();
  const large = noise(70 * PIECE_BYTES, 406);
  const wanted = packOf(large, "large.pack");
  const server = await misbehavingServer({
    assets: new Map([["large.pack", large]]),
    script: always(fault(20)),
  });
  const { error } = await device.fetch([server.url], 1, [wanted]);
  await server.close();
  expect(error).toBe(undefined);
  expect(device.isWhole(wanted, large)).toBe(true);
  expect(server.ledger.bodyBytes()).toBeLessThanOrEqual(2 * large.length);
});

it("only what is needed is asked for: neighbours in one range, no HEAD, no list of ranges", async () => {
  device = new Device();
  const server = await misbehavingServer({ assets, script: rightly });
  const blobs = [
    { pack: PACK, offset: 10, length: 20, encoding: "identity" as const },
    { pack: PACK, offset: PIECE_BYTES + 5, length: 100, encoding: "identity" as const },
    { pack: PACK, offset: 3 * PIECE_BYTES, length: 1, encoding: "identity" as const },
  ];
  await new ParallelDownloader({ sources: [server.url], connections: 1, limits: LIMITS }).download({
    packs: [pack],
    blobs,
    folder: device.transfer,
  });
  await server.close();
  expect(server.ledger.requests().map(({ method, range }) => [method, range])).toEqual([
    ["GET", `bytes=0-${2 * PIECE_BYTES - 1}`],
    ["GET", `bytes=${3 * PIECE_BYTES}-${content.length - 1}`],
  ]);
});
