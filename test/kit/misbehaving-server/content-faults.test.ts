/** Faults 43 to 53, byte for byte. */
import { gunzipSync } from "node:zlib";
import { expect } from "vitest";
import { contentFaults } from "./content-faults.ts";
import { BODY, hasChunks, isWhole, PART, proveRows, type Row, ranged, refusal } from "./proof.ts";

proveRows(contentFaults, [
  {
    number: 43,
    way: "each body",
    ask: ranged,
    shows: ({ status, header, rest }) => {
      expect([status, header("content-encoding")]).toEqual([206, ["gzip"]]);
      expect(gunzipSync(rest).equals(PART)).toBe(true);
    },
  },
  {
    number: 43,
    way: "part of the encoded whole",
    ask: { headers: { range: "bytes=0-" } },
    shows: ({ status, header, rest }) => {
      expect([status, header("content-encoding")]).toEqual([206, ["gzip"]]);
      expect(header("content-range")).toEqual([`bytes 0-${rest.length - 1}/${rest.length}`]);
      expect(gunzipSync(rest).equals(BODY)).toBe(true);
    },
  },
  {
    number: 44,
    way: "plain",
    shows: (seen) => {
      isWhole(seen);
      expect(seen.header("content-encoding")).toEqual(["gzip"]);
    },
  },
  {
    number: 45,
    way: "zeros",
    settings: { floodBytes: 32 * 1024 * 1024 },
    shows: ({ rest, header }) => {
      expect(header("content-encoding")).toEqual(["gzip"]);
      expect(rest.length).toBeLessThan(64 * 1024);
      expect(gunzipSync(rest)).toHaveLength(32 * 1024 * 1024);
    },
  },
  {
    number: 46,
    way: "close-delimited",
    shows: ({ status, header, rest, end }) =>
      expect([status, header("content-length"), rest.equals(BODY), end]).toEqual([200, [], true, "FIN"]),
  },
  {
    number: 46,
    way: "chunked",
    ask: ranged,
    shows: ({ status, header, rest }) => {
      expect([status, header("content-length")]).toEqual([206, []]);
      hasChunks(rest, PART, true);
    },
  },
  { number: 47, way: "shorter", shows: (seen) => isWhole(seen, BODY.subarray(0, 1000)) },
  {
    number: 48,
    way: "extra bytes in the length",
    shows: (seen) => isWhole(seen, Buffer.concat([BODY, Buffer.alloc(512, "X")])),
  },
  {
    number: 48,
    way: "extra bytes after the length",
    shows: ({ header, rest }) => {
      expect(header("content-length")).toEqual(["10000"]);
      expect(rest.equals(Buffer.concat([BODY, Buffer.alloc(512, "X")]))).toBe(true);
    },
  },
  {
    number: 48,
    way: "endless",
    settings: { floodBytes: 4 * 1024 * 1024 },
    ask: ranged,
    shows: ({ status, header, rest, end, server }) => {
      expect([status, header("content-length"), end]).toEqual([206, [], "FIN"]);
      expect(rest).toHaveLength(4000 + 4 * 1024 * 1024);
      expect(server.ledger.bodyBytes("app.pack")).toBe(rest.length);
    },
  },
  { number: 49, way: "200", ask: ranged, shows: (seen) => isWhole(seen, Buffer.alloc(0)) },
  {
    number: 50,
    way: "in the middle",
    ask: ranged,
    shows: ({ status, rest }) => {
      const wrong = [...rest.entries()].filter(([at, byte]) => byte !== PART[at]);
      expect([status, wrong]).toEqual([206, [[2000, PART[2000]! ^ 1]]]);
    },
  },
  { number: 51, way: "200", shows: refusal(200, "content-type", /^text\/html/) },
  {
    number: 52,
    way: "200",
    shows: ({ status, rest }) => expect([status, JSON.parse(rest.toString()).error.code]).toEqual([200, 17]),
  },
  ...(
    [
      ["traversal", /"\.\.\/\.\.\/evil"/],
      ["absolute", /"\/etc\//],
      ["Windows drive", /"C:\\Windows\\/],
      ["Windows device", /"CON"/],
      ["encoded", /\.\.%2F/],
    ] as const
  ).map(
    ([way, name]): Row => ({
      number: 53,
      way,
      shows: (seen) => {
        isWhole(seen);
        expect(seen.header("content-disposition")[0]).toMatch(name);
      },
    }),
  ),
]);
