import fc from "fast-check";
import { expect, it } from "vitest";
import { isSameName, nearestName } from "../../src/base/nearest-name.ts";
import { parseDuration, parseSize, writeDuration, writeSize } from "../../src/base/units.ts";

it.each([
  ["90s", 90_000],
  ["10m", 600_000],
  ["1h30m", 5_400_000],
  ["500ms", 500],
  ["1m500ms", 60_500],
  ["2d", 172_800_000],
  ["0s", 0],
])("%s is %i ms", (text, ms) => {
  expect(parseDuration(text)).toBe(ms);
});

it.each(["", "10", "10 m", "m", "30m1h", "1h1h", "1.5h", "-1s", "1H", "1w", "9999999999s", "1e3s", "٣s"])(
  "%j is no span of time",
  (text) => {
    expect(parseDuration(text)).toBeUndefined();
  },
);

it.each([
  [1023, "1023 B"],
  [1536, "1.50 KiB"],
  [966_367_641_600, "900.0 GiB"],
])("%i bytes are %s", (bytes, text) => {
  expect(writeSize(bytes)).toBe(text);
});

it("reads back the spans that it writes", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 86_400_000 * 9999 }), (ms) => {
      expect(parseDuration(writeDuration(ms))).toBe(ms);
    }),
  );
});

it.each([
  ["96M", 96 * 2 ** 20],
  ["1k", 1024],
  ["2G", 2 ** 31],
  ["17", 17],
])("%s is %i bytes", (text, bytes) => {
  expect(parseSize(text)).toBe(bytes);
});

it.each(["", "M", "1.5M", "1 M", "1T", "1MB", "-1", "0x10", "999999999G"])("%j is no size", (text) => {
  expect(parseSize(text)).toBeUndefined();
});

const KNOWN = ["source", "interval", "trustAnchor", "mirrors", "api"];

it.each([
  ["intervall", "interval"],
  ["trust_anchor", "trustAnchor"],
  ["TRUST-ANCHOR", "trustAnchor"],
  ["soruce", "source"],
  ["mirror", "mirrors"],
  ["ap", "api"],
])("%s is near %s", (name, nearest) => {
  expect(nearestName(name, KNOWN)).toBe(nearest);
});

it.each(["x", "colour", "", "i".repeat(100_000)])("nothing is near %.20j", (name) => {
  expect(nearestName(name, KNOWN)).toBeUndefined();
});

it("names are the same but for case and signs", () => {
  expect([isSameName("routing_key", "routingKey"), isSameName("routing_key", "routingKeys")]).toEqual([
    true,
    false,
  ]);
});
