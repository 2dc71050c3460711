/** Faults 54 to 62, byte for byte. */
import { expect } from "vitest";
import { isWhole, proveRows, type Row, refusal } from "./proof.ts";
import { statusFaults } from "./status-faults.ts";

proveRows(statusFaults, [
  { number: 54, way: "each after the other", shows: refusal(500) },
  { number: 54, way: "each after the other", before: 3, shows: refusal(504) },
  { number: 55, way: "503", settings: { retryAfterSeconds: 7 }, shows: refusal(503, "retry-after", /^7$/) },
  { number: 55, way: "429", shows: refusal(429, "retry-after", /^1$/) },
  {
    number: 56,
    way: "date",
    settings: { retryAfterSeconds: 100 },
    shows: ({ status, header }) => {
      const waitMs = Date.parse(header("retry-after")[0]!) - Date.now();
      expect([status, waitMs > 97_000, waitMs <= 100_000]).toEqual([503, true, true]);
    },
  },
  { number: 56, way: "date in the past", shows: refusal(503, "retry-after", /1994/) },
  { number: 56, way: "garbage", shows: refusal(503, "retry-after", /^soon/) },
  { number: 56, way: "99999", shows: refusal(503, "retry-after", /^99999$/) },
  { number: 56, way: "negative", shows: refusal(503, "retry-after", /^-5$/) },
  {
    number: 57,
    way: "403",
    settings: { rateResetSeconds: 30 },
    shows: ({ status, header }) => {
      expect([status, header("x-ratelimit-remaining"), header("retry-after")]).toEqual([403, ["0"], []]);
      const waitSeconds = Number(header("x-ratelimit-reset")[0]) - Date.now() / 1000;
      expect([waitSeconds > 28, waitSeconds < 31.1]).toEqual([true, true]);
    },
  },
  ...[403, 429].map(
    (status): Row => ({
      number: 58,
      way: String(status),
      shows: (seen) => {
        expect([seen.status, seen.header("retry-after")]).toEqual([status, []]);
        expect(JSON.parse(seen.rest.toString()).message).toMatch(/secondary rate limit/);
      },
    }),
  ),
  { number: 59, way: "404", shows: refusal(404) },
  { number: 60, way: "absent", ask: { headers: { authorization: "Bearer a" } }, shows: refusal(404) },
  { number: 60, way: "private", shows: refusal(404) },
  {
    number: 60,
    way: "private",
    ask: { headers: { authorization: "Bearer a" } },
    shows: (seen) => isWhole(seen),
  },
  { number: 61, way: "any", settings: { status: 418 }, shows: refusal(418) },
  ...[401, 403, 410, 451].map((status): Row => ({ number: 61, way: String(status), shows: refusal(status) })),
  ...[520, 618].map((status): Row => ({ number: 62, way: String(status), shows: refusal(status) })),
]);
