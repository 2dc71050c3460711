/** Faults 35 to 42, without 41, byte for byte. */
import { expect } from "vitest";
import { rawAsk } from "../raw-client.ts";
import { identityFaults } from "./identity-faults.ts";
import { END, isPart, isWhole, OTHER, proveRows, RANGE, ranged, resumed, START, TAG } from "./proof.ts";

proveRows(identityFaults, [
  {
    number: 35,
    way: "same length",
    ask: resumed,
    shows: (seen) => {
      isWhole(seen, OTHER.bytes);
      expect(seen.header("etag")).not.toEqual([TAG]);
    },
  },
  {
    number: 35,
    way: "longer",
    ask: ranged,
    shows: ({ status, header }) =>
      expect([status, header("content-range")]).toEqual([206, ["bytes 2000-5999/10512"]]),
  },
  {
    number: 36,
    way: "same length",
    ask: resumed,
    shows: ({ status, header, rest }) => {
      expect([status, rest.equals(OTHER.bytes.subarray(START, END))]).toEqual([206, true]);
      expect(header("etag")).not.toEqual([TAG]);
    },
  },
  {
    number: 36,
    way: "longer",
    ask: resumed,
    shows: ({ status, header }) =>
      expect([status, header("content-range")]).toEqual([206, ["bytes 2000-5999/10512"]]),
  },
  {
    number: 37,
    way: "stale content",
    ask: resumed,
    shows: ({ status, header, rest }) =>
      expect([status, header("etag"), rest.equals(OTHER.bytes.subarray(START, END))]).toEqual([
        206,
        [TAG],
        true,
      ]),
  },
  {
    number: 37,
    way: "stale cache",
    ask: resumed,
    shows: async ({ status, header, rest, server }) => {
      expect([status, header("etag"), rest.equals(OTHER.bytes.subarray(START, END))]).toEqual([
        206,
        [TAG],
        true,
      ]);
      const headers = { ...RANGE, "cache-control": "no-cache" };
      isPart(await rawAsk(server.port, { target: "/app.pack", headers }), START, END);
    },
  },
  {
    number: 38,
    way: "W/",
    ask: { headers: { ...RANGE, "if-range": `W/${TAG}` } },
    shows: (seen) => {
      isWhole(seen);
      expect(seen.header("etag")).toEqual([`W/${TAG}`]);
    },
  },
  {
    number: 39,
    way: "none",
    ask: ranged,
    shows: (seen) => {
      isPart(seen, START, END);
      expect([seen.header("etag"), seen.header("last-modified")]).toEqual([[], []]);
    },
  },
  {
    number: 40,
    way: "one for each answer",
    ask: { headers: { ...RANGE, "if-range": '"backend-0"' } },
    before: 1,
    shows: (seen) => {
      isWhole(seen);
      expect(seen.header("etag")).toEqual(['"backend-1"']);
    },
  },
  { number: 42, way: "same length", shows: (seen) => isWhole(seen, OTHER.bytes) },
  { number: 42, way: "longer", shows: ({ header }) => expect(header("content-length")).toEqual(["10512"]) },
]);
