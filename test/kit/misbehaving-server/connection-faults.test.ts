/** Faults 1 to 18, without 17, byte for byte. */
import { expect } from "vitest";
import { rawAsk, rawConnection } from "../raw-client.ts";
import { connectionFaults } from "./connection-faults.ts";
import { BODY, hasChunks, isWhole, PART, proveRows, type Row, ranged } from "./proof.ts";

proveRows(connectionFaults, [
  { number: 1, way: "RST", shows: ({ bytes, end }) => expect([bytes.length, end]).toEqual([0, "RST"]) },
  {
    number: 1,
    way: "refused",
    settings: { outageMs: 80 },
    shows: async ({ bytes, end, server }) => {
      expect([bytes.length, end]).toEqual([0, "RST"]);
      expect(await rawAsk(server.port, { target: "/" })).toMatchObject({ end: "refused" });
      await expect.poll(() => rawAsk(server.port, { target: "/other" })).toMatchObject({ end: "RST" });
    },
  },
  {
    number: 2,
    way: "RST",
    settings: { afterBytes: 777 },
    shows: ({ rest, end, header }) => {
      expect(rest.equals(BODY.subarray(0, 777))).toBe(true);
      expect([header("content-length"), end]).toEqual([["10000"], "RST"]);
    },
  },
  {
    number: 3,
    way: "FIN",
    settings: { afterBytes: 1_000_000 },
    ask: ranged,
    shows: ({ rest, end, header }) => {
      expect(rest.equals(PART.subarray(0, -1))).toBe(true);
      expect([header("content-length"), end]).toEqual([["4000"], "FIN"]);
    },
  },
  {
    number: 4,
    way: "FIN between chunks",
    shows: ({ rest, end }) => {
      hasChunks(rest, BODY.subarray(0, 1000), false);
      expect(end).toBe("FIN");
    },
  },
  {
    number: 4,
    way: "FIN for the last chunk",
    shows: ({ rest, end }) => {
      hasChunks(rest, BODY, false);
      expect(end).toBe("FIN");
    },
  },
  {
    number: 5,
    way: "FIN",
    shows: ({ status, header, rest, end }) =>
      expect([status, header("content-length"), rest.length, end]).toEqual([200, ["10000"], 0, "FIN"]),
  },
  {
    number: 6,
    way: "silence",
    ask: { patienceMs: 80 },
    shows: ({ bytes, end }) => expect([bytes.length, end]).toEqual([0, "open"]),
  },
  {
    number: 6,
    way: "silence",
    settings: { stallMs: 50 },
    shows: (seen) => {
      isWhole(seen);
      expect(seen.arrivalsMs[0]).toBeGreaterThanOrEqual(49);
    },
  },
  {
    number: 6,
    way: "silence in the head",
    ask: { patienceMs: 80 },
    shows: ({ bytes, status, end }) => {
      expect(bytes.toString("latin1")).toMatch(/^HTTP\/1\.1 200 /);
      expect([status, end]).toEqual([0, "open"]);
    },
  },
  {
    number: 6,
    way: "silence in the head",
    settings: { stallMs: 50 },
    shows: (seen) => {
      isWhole(seen);
      expect(seen.arrivalsMs.at(-1)).toBeGreaterThanOrEqual(49);
    },
  },
  {
    number: 7,
    way: "silence",
    settings: { afterBytes: 100 },
    ask: { ...ranged, patienceMs: 80 },
    shows: ({ rest, end }) => {
      expect(rest.equals(PART.subarray(0, 100))).toBe(true);
      expect(end).toBe("open");
    },
  },
  {
    number: 7,
    way: "silence",
    settings: { stallMs: 50 },
    shows: (seen) => {
      isWhole(seen);
      expect(seen.arrivalsMs.at(-1)).toBeGreaterThanOrEqual(49);
    },
  },
  {
    number: 8,
    way: "drip",
    settings: { afterBytes: 9900, dripBytes: 10, dripMs: 10 },
    shows: (seen) => {
      isWhole(seen);
      expect(seen.arrivalsMs.length).toBeGreaterThanOrEqual(10);
      expect(seen.arrivalsMs.at(-1)).toBeGreaterThanOrEqual(95);
    },
  },
  {
    number: 9,
    way: "drip",
    settings: { dripMs: 1 },
    shows: (seen) => {
      isWhole(seen);
      expect(seen.arrivalsMs.length).toBeGreaterThan(seen.headBytes / 2);
    },
  },
  {
    number: 10,
    way: "RST",
    before: 1,
    shows: ({ bytes, end, server }) => {
      expect([bytes.length, end]).toEqual([0, "RST"]);
      expect(server.ledger.requests().map((entry) => entry.fault?.number)).toEqual([undefined, 10]);
    },
  },
  {
    number: 10,
    way: "FIN",
    before: 1,
    shows: ({ bytes, end }) => expect([bytes.length, end]).toEqual([0, "FIN"]),
  },
  {
    number: 10,
    way: "silence",
    ask: { patienceMs: 80 },
    before: 1,
    shows: ({ bytes, end }) => expect([bytes.length, end]).toEqual([0, "open"]),
  },
  {
    number: 11,
    way: "another protocol",
    shows: ({ bytes, end }) => expect([bytes.toString(), end]).toEqual(["SSH-2.0-OpenSSH_9.6\r\n", "FIN"]),
  },
  {
    number: 11,
    way: "noise",
    shows: ({ bytes, status, end }) => expect([bytes.length, status, end]).toEqual([256, 0, "FIN"]),
  },
  ...["one long", "many short"].map(
    (way): Row => ({
      number: 12,
      way,
      shows: (seen) => {
        isWhole(seen);
        expect(seen.headBytes).toBeGreaterThan(20 * 1024);
      },
    }),
  ),
  {
    number: 13,
    way: "two lengths",
    shows: ({ header, rest }) =>
      expect([header("content-length"), rest.length]).toEqual([["10512", "10000"], 10_000]),
  },
  {
    number: 13,
    way: "length and chunked",
    shows: ({ header, rest }) => {
      expect([header("content-length"), header("transfer-encoding")]).toEqual([["10000"], ["chunked"]]);
      hasChunks(rest, BODY, true);
    },
  },
  {
    number: 14,
    way: "size is no number",
    shows: ({ rest, end }) => {
      hasChunks(rest, BODY.subarray(0, 1000), false);
      expect([rest.subarray(-4).toString(), end]).toEqual(["zz\r\n", "FIN"]);
    },
  },
  {
    number: 14,
    way: "size is too small",
    shows: ({ rest, end, server }) => {
      hasChunks(rest, BODY.subarray(0, 1000), false);
      expect(rest.subarray(-9000).equals(BODY.subarray(1000))).toBe(true);
      expect([server.ledger.bodyBytes(), end]).toEqual([10_000, "FIN"]);
    },
  },
  ...(
    [
      ["103", [103]],
      ["100", [100]],
      ["102 and 199", [102, 199]],
    ] as const
  ).map(
    ([way, informational]): Row => ({
      number: 15,
      way,
      shows: (seen) => {
        isWhole(seen);
        expect(seen.informational).toEqual(informational);
      },
    }),
  ),
  {
    number: 16,
    way: "503",
    shows: async (seen) => {
      isWhole(seen);
      expect(await rawAsk(seen.server.port, { target: "/app.pack" })).toMatchObject({
        status: 503,
        end: "FIN",
      });
      isWhole(await seen.connection.ask({ target: "/app.pack" }));
      seen.connection.close();
      await expect.poll(() => seen.server.ledger.connectionsOpen).toBe(0);
      isWhole(await rawAsk(seen.server.port, { target: "/app.pack" }));
    },
  },
  {
    number: 16,
    way: "RST",
    settings: { maxConnections: 2 },
    shows: async (seen) => {
      isWhole(seen);
      const second = rawConnection(seen.server.port);
      isWhole(await second.ask({ target: "/app.pack" }));
      expect(await rawAsk(seen.server.port, { target: "/app.pack" })).toMatchObject({
        status: 0,
        end: "RST",
      });
      second.close();
    },
  },
  {
    number: 18,
    way: "RST everywhere, then refused",
    settings: { outageMs: 80 },
    shows: async ({ rest, end, server }) => {
      expect([rest.length, end]).toEqual([1000, "RST"]);
      expect(await rawAsk(server.port, { target: "/" })).toMatchObject({ end: "refused" });
      await expect.poll(() => rawAsk(server.port, { target: "/absent" })).toMatchObject({ status: 404 });
    },
  },
]);
