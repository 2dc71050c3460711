/** Faults 19 to 34, byte for byte. */
import { expect } from "vitest";
import { BODY, END, isPart, isWhole, PART, proveRows, type Row, ranged, refusal, START } from "./proof.ts";
import { rangeFaults } from "./range-faults.ts";

proveRows(rangeFaults, [
  {
    number: 19,
    way: "200",
    ask: ranged,
    shows: (seen) => {
      isWhole(seen);
      expect(seen.header("accept-ranges")).toEqual([]);
    },
  },
  {
    number: 20,
    way: "200",
    ask: ranged,
    shows: (seen) => {
      isWhole(seen);
      expect(seen.header("accept-ranges")).toEqual(["bytes"]);
      expect(seen.header("content-range")).toEqual([]);
    },
  },
  { number: 21, way: "earlier", ask: ranged, shows: (seen) => isPart(seen, START - 512, END) },
  { number: 22, way: "shorter", ask: ranged, shows: (seen) => isPart(seen, START, START + 1000) },
  { number: 23, way: "longer", ask: ranged, shows: (seen) => isPart(seen, START, END + 512) },
  {
    number: 24,
    way: "206",
    ask: ranged,
    shows: ({ status, header, rest }) =>
      expect([status, header("content-range"), rest.equals(PART)]).toEqual([206, [], true]),
  },
  { number: 25, way: "206", ask: ranged, shows: (seen) => isPart(seen, 0, 10_000) },
  {
    number: 26,
    way: "whole body",
    ask: ranged,
    shows: (seen) => {
      isWhole(seen);
      expect(seen.header("content-range")).toEqual(["bytes 2000-5999/10000"]);
    },
  },
  {
    number: 26,
    way: "part for body",
    ask: ranged,
    shows: (seen) => {
      isWhole(seen, PART);
      expect(seen.header("content-range")).toEqual(["bytes 2000-5999/10000"]);
    },
  },
  {
    number: 27,
    way: "greater",
    ask: ranged,
    shows: ({ status, header, rest }) =>
      expect([status, header("content-range"), rest.equals(PART)]).toEqual([
        206,
        ["bytes 2000-5999/10512"],
        true,
      ]),
  },
  {
    number: 28,
    way: "*",
    ask: ranged,
    shows: ({ status, header, rest }) =>
      expect([status, header("content-range"), rest.equals(PART)]).toEqual([
        206,
        ["bytes 2000-5999/*"],
        true,
      ]),
  },
  {
    number: 29,
    way: "one part",
    ask: ranged,
    shows: ({ status, header, rest }) => {
      expect([status, header("content-range")]).toEqual([206, []]);
      expect(header("content-type")[0]).toMatch(/^multipart\/byteranges; boundary=THIS/);
      const head = "\r\n--THIS_STRING_SEPARATES\r\nContent-Type: application/octet-stream\r\n";
      const start = Buffer.from(`${head}Content-Range: bytes 2000-5999/10000\r\n\r\n`);
      expect(
        rest.equals(Buffer.concat([start, PART, Buffer.from("\r\n--THIS_STRING_SEPARATES--\r\n")])),
      ).toBe(true);
    },
  },
  {
    number: 30,
    way: "unsupported",
    ask: { headers: { range: "bytes=0-1,9-" } },
    shows: (seen) => isWhole(seen),
  },
  {
    number: 30,
    way: "bogus",
    ask: { headers: { range: "bytes=0-1,9-" } },
    shows: ({ status, header }) =>
      expect([status, header("content-type")]).toEqual([206, ["multipart/byteranges"]]),
  },
  {
    number: 30,
    way: "looping",
    ask: { headers: { range: "bytes=0-1,9-" } },
    shows: ({ status, rest }) => {
      expect(status).toBe(206);
      expect(rest.toString("latin1").split("Content-Range: bytes 0-511/10000")).toHaveLength(101);
    },
  },
  { number: 31, way: "416", ask: ranged, shows: refusal(416, "content-range", /^bytes \*\/10000$/) },
  {
    number: 32,
    way: "416",
    ask: { headers: { range: "bytes=10000-" } },
    shows: refusal(416, "content-range", /^bytes \*\/10000$/),
  },
  { number: 33, way: "403", ask: { method: "HEAD" }, shows: refusal(403) },
  { number: 33, way: "405", ask: { method: "HEAD" }, shows: refusal(405) },
  {
    number: 33,
    way: "lying",
    ask: { method: "HEAD" },
    shows: ({ status, header, rest }) =>
      expect([status, header("content-length"), header("etag"), rest.length]).toEqual([
        200,
        ["512"],
        ['"of-another"'],
        0,
      ]),
  },
  ...(
    [
      ["shifted", BODY.subarray(START + 512, END + 512)],
      ["zeros", Buffer.alloc(4000)],
      ["error page for body", Buffer.concat([Buffer.from('{"error":"internal"}')], 4000)],
    ] as const
  ).map(
    ([way, body]): Row => ({
      number: 34,
      way,
      ask: ranged,
      shows: ({ status, header, rest }) =>
        expect([status, header("content-range"), rest.equals(body)]).toEqual([
          206,
          ["bytes 2000-5999/10000"],
          true,
        ]),
    }),
  ),
]);
