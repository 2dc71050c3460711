/** The invariants under random mixtures of faults; a counterexample names the faults it needs, fast-check prints the seed. */
import fc from "fast-check";
import { expect, it } from "vitest";
import { PIECE_BYTES } from "../../../src/format/manifest/blob.ts";
import { arbitraryDraws, drawn, faultsWithoutStorage } from "../../kit/misbehaving-server/draws.ts";
import { misbehavingServer } from "../../kit/misbehaving-server/server.ts";
import { content, Device, PACK } from "./downloads.ts";

/** Those that wait for a second or more are in faults.test.ts; here they would only cost time. */
const SLOW = new Set([6, 7, 8, 9, 55, 56, 57]);
const candidates = faultsWithoutStorage.filter(({ number }) => !SLOW.has(number));
const settings = { floodBytes: 8 * PIECE_BYTES, outageMs: 30 };

it("whatever happens, what is there is right, and the end is a whole file or a typed error", async () => {
  await fc.assert(
    fc.asyncProperty(
      arbitraryDraws({ bodyBytes: content.length, settings, candidates }),
      fc.integer({ min: 1, max: 4 }),
      async (draws, connections) => {
        const device = new Device();
        const server = await misbehavingServer({ assets: new Map([[PACK, content]]), script: drawn(draws) });
        try {
          const first = await device.fetch([server.url], connections);
          expect(device.wrong()).toEqual([]);
          if (!first.error) expect(device.isWhole()).toBe(true);
          // The draws are used up after a few runs, and what was proven is never asked for again.
          for (let i = 0; i < draws.length + 1 && !device.isWhole(); i++) {
            await device.fetch([server.url], connections);
            expect(device.wrong()).toEqual([]);
          }
          expect(device.isWhole()).toBe(true);
          const idle = server.ledger.requests().length;
          expect((await device.fetch([server.url], connections)).receivedBytes).toBe(0);
          expect(server.ledger.requests().length).toBe(idle);
        } finally {
          await server.close();
          device.remove();
        }
      },
    ),
    { numRuns: 60 },
  );
});
