/** A rate that holds, by a clock that the test moves. */
import fc from "fast-check";
import { expect, it } from "vitest";
import { RateLimit } from "../../../src/fetch/transfer/rate-limit.ts";

it("holds within 5 % over ten seconds, whatever the portions and however they come", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 20_000, max: 500_000_000 }),
      fc.array(fc.record({ bytes: fc.integer({ min: 1, max: 65_536 }), lateMs: fc.nat(3) }), {
        minLength: 1,
        maxLength: 50,
      }),
      (rate, portions) => {
        const limit = new RateLimit(rate, 0);
        let nowMs = 0;
        let bytes = 0;
        for (let i = 0; nowMs < 10_000 && i < 3_000_000; i++) {
          const portion = portions[i % portions.length]!;
          const size = Math.ceil((portion.bytes / 65_536) * Math.min(65_536, rate / 20));
          bytes += size;
          // Late only on the timer's side: time that is lost beyond the burst is nobody's to give back.
          nowMs += limit.take(size, nowMs) + (nowMs % 7 === 0 ? portion.lateMs : 0);
        }
        const allowed = (rate * nowMs) / 1000;
        expect(bytes).toBeLessThanOrEqual(allowed * 1.05 + rate * 0.1);
        expect(bytes).toBeGreaterThanOrEqual(allowed * 0.95);
      },
    ),
    { numRuns: 30 },
  );
});

it("a pause is no credit beyond a tenth of a second", () => {
  const limit = new RateLimit(1000, 0);
  expect(limit.take(100, 0)).toBe(0);
  expect(limit.take(100, 60_000)).toBe(0);
  expect(limit.take(100, 60_000)).toBeCloseTo(100, 6);
  expect(limit.take(50, 60_100)).toBeCloseTo(50, 6);
});
