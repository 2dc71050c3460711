/** Several places, one release: whoever fails, lies or crawls is left for another, in the middle of a pack. */
import { afterEach, expect, it } from "vitest";
import { Mirrors } from "../../../src/fetch/transfer/mirrors.ts";
import type { Source } from "../../../src/fetch/transfer/source.ts";
import { PIECE_BYTES } from "../../../src/format/manifest/blob.ts";
import { fault } from "../../kit/misbehaving-server/faults.ts";
import { always, rightly } from "../../kit/misbehaving-server/script.ts";
import { misbehavingServer } from "../../kit/misbehaving-server/server.ts";
import { content, Device, PACK } from "./downloads.ts";

const assets = new Map([[PACK, content]]);
const settings = { afterBytes: PIECE_BYTES + 1000, floodBytes: 8 * PIECE_BYTES };

let device: Device;
afterEach(() => device?.remove());

it.each([
  ["is not there", 59, "404"],
  ["is down", 54, "each after the other"],
  ["breaks off after a piece each time", 2, "RST"],
  ["has other bytes in the right place", 34, "shifted"],
  ["has another file under the name", 42, "longer"],
  ["has a stale file of the same length", 42, "same length"],
  ["shows a login page", 51, "200"],
  ["stalls", 7, "silence"],
  ["crawls", 8, "drip"],
])("a source that %s is left for a mirror", async (_, number, way) => {
  device = new Device();
  const bad = await misbehavingServer({ assets, script: always(fault(number, way)), settings });
  const good = await misbehavingServer({ assets, script: rightly });
  const { error } = await device.fetch([bad.url, good.url], 2);
  await Promise.all([bad.close(), good.close()]);
  expect(error).toBe(undefined);
  expect(device.isWhole()).toBe(true);
  expect(good.ledger.bodyBytes()).toBeLessThanOrEqual(content.length + 2 * PIECE_BYTES);
});

it.each([
  ["wrong", "wrong", [34, "shifted"], [34, "shifted"], "TRANSFER_DIGEST_MISMATCH"],
  ["absent", "wrong", [59, "404"], [34, "shifted"], "TRANSFER_DIGEST_MISMATCH"],
  ["wrong", "absent", [34, "shifted"], [59, "404"], "TRANSFER_DIGEST_MISMATCH"],
  ["absent", "another file", [59, "404"], [42, "longer"], "ASSET_SIZE"],
  ["absent", "absent", [59, "404"], [59, "404"], "SOURCE_STATUS"],
] as const)(
  "two of which one is %s and the other %s end in an error",
  async (_one, _two, first, second, code) => {
    device = new Device();
    const servers = await Promise.all(
      [first, second].map(([number, way]) =>
        misbehavingServer({ assets, script: always(fault(number, way)), settings }),
      ),
    );
    const { error } = await device.fetch(
      servers.map(({ url }) => url),
      2,
    );
    await Promise.all(servers.map((server) => server.close()));
    expect(error).toMatchObject({ code });
    expect(device.wrong()).toEqual([]);
  },
);

const source = { name: "x" } as Source;

it("the first is asked as long as it is not far slower than another", () => {
  const mirrors = new Mirrors([source, source], 4, 100);
  const [first, second] = mirrors.all;
  expect(mirrors.pick(0)).toBe(first);
  mirrors.succeeded(first!, 1 << 20, 1000);
  mirrors.succeeded(second!, 3 << 20, 1000);
  expect(mirrors.pick(0)).toBe(first);
  mirrors.succeeded(second!, 40 << 20, 1000);
  expect(mirrors.pick(0)).toBe(second);
  // Where the fast one has no connection free, a slow one is better than none.
  second!.busy = second!.connections;
  expect(mirrors.pick(0)).toBe(first);
});

it("one that failed rests, longer each time, and at least as long as it asked for", () => {
  const mirrors = new Mirrors([source, source], 4, 100);
  const [first, second] = mirrors.all;
  expect(mirrors.failed(first!, 1000, 0, 1)).toBe(100);
  expect(mirrors.pick(1050)).toBe(second);
  expect(mirrors.pick(1100)).toBe(first);
  expect(mirrors.failed(first!, 1100, 0, 1)).toBe(200);
  expect(mirrors.failed(first!, 1100, 30_000, 1)).toBe(30_000);
  for (let i = 0; i < 30; i++) mirrors.failed(first!, 1100, 0, 1);
  expect(mirrors.failed(first!, 1100, 0, 1)).toBe(60_000);
  expect(mirrors.wakesAtMs()).toBe(61_100);
  mirrors.succeeded(first!, 1 << 20, 10);
  expect(mirrors.failed(first!, 1100, 0, 1)).toBe(100);
});
