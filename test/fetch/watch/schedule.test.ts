/** When a device looks again. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { restOf, type Situation, type WatchTimes } from "../../../src/fetch/watch/schedule.ts";

const HOUR = 3_600_000;
const MINUTE = 60_000;
const times: WatchTimes = { intervalMs: 6 * HOUR, jitterMs: 10 * MINUTE, deadlineMs: undefined };
const calm: Situation = { failures: 0, waitedMs: undefined, confirmInMs: undefined };

it.each([
  { when: "all is well", chance: 0, rest: 6 * HOUR },
  { when: "all is well, with all of the jitter", chance: 1, rest: 6 * HOUR + 10 * MINUTE },
  { when: "one look failed", failures: 1, chance: 1, rest: MINUTE },
  { when: "one look failed, by chance", failures: 1, chance: 0, rest: MINUTE / 2 },
  { when: "four looks failed", failures: 4, chance: 1, rest: 8 * MINUTE },
  { when: "a thousand looks failed", failures: 1000, chance: 1, rest: 6 * HOUR },
  { when: "looks are further apart than the deadline", deadlineMs: HOUR, chance: 1, rest: HOUR },
  { when: "a release waits", deadlineMs: 3 * HOUR, waitedMs: HOUR, chance: 1, rest: 2 * HOUR },
  {
    when: "a release waits and failed",
    deadlineMs: HOUR,
    waitedMs: HOUR - 1500,
    failures: 3,
    chance: 1,
    rest: 1500,
  },
  {
    when: "the deadline is over",
    deadlineMs: HOUR,
    waitedMs: 2 * HOUR,
    failures: 3,
    chance: 1,
    rest: 4 * MINUTE,
  },
  { when: "an operator is awaited", confirmInMs: 5000, chance: 1, rest: 5000 },
  { when: "an operator was awaited", confirmInMs: -5000, chance: 1, rest: 1000 },
])("rests as it should when $when", ({ deadlineMs, chance, rest, when: _, ...situation }) => {
  expect(restOf({ ...times, deadlineMs }, { ...calm, ...situation }, chance)).toBe(rest);
});

describe("whatever happens", () => {
  const span = fc.integer({ min: 0, max: 365 * 24 * HOUR });
  it("it rests a second at the least and interval and jitter at the most, and no release waits beyond its deadline", () => {
    fc.assert(
      fc.property(
        fc.record({
          intervalMs: fc.integer({ min: MINUTE, max: 365 * 24 * HOUR }),
          jitterMs: span,
          deadlineMs: fc.option(fc.integer({ min: MINUTE, max: 365 * 24 * HOUR }), { nil: undefined }),
        }),
        fc.record({
          failures: fc.nat(10_000),
          waitedMs: fc.option(span, { nil: undefined }),
          confirmInMs: fc.option(fc.integer({ min: -HOUR, max: 365 * 24 * HOUR }), { nil: undefined }),
        }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (some, situation, chance) => {
          const rest = restOf(some, situation, chance);
          expect(rest).toBeGreaterThanOrEqual(1000);
          expect(rest).toBeLessThanOrEqual(some.intervalMs + some.jitterMs);
          const { deadlineMs } = some;
          if (deadlineMs === undefined) return;
          expect(rest).toBeLessThanOrEqual(deadlineMs);
          const left = deadlineMs - (situation.waitedMs ?? 0);
          if (left > 1000) expect(rest).toBeLessThanOrEqual(left);
        },
      ),
    );
  });
});
