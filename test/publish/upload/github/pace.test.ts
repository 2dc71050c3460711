/** GitHub's limits on changes are kept before it has to say so. */
import { expect, it } from "vitest";
import { leastMs, Pace } from "../../../../src/publish/upload/github/pace.ts";

/** When each of so many changes is made, with a clock that waiting moves on. */
async function times(changes: number): Promise<number[]> {
  let now = 0;
  const pace = new Pace(
    async (ms) => {
      now += ms;
    },
    () => now,
  );
  const made: number[] = [];
  for (let i = 0; i < changes; i++) {
    await pace.take();
    made.push(now);
    now += 10;
  }
  return made;
}

it("lets a small release go at once, and never more than 80 in a minute or 500 in an hour", async () => {
  expect((await times(60)).at(-1)).toBe(590);
  const made = await times(1000);
  for (const [windowMs, most] of [
    [60_000, 80],
    [3_600_000, 500],
  ] as const) {
    for (const from of made)
      expect(made.filter((ms) => ms >= from && ms < from + windowMs).length).toBeLessThan(most);
  }
  expect(leastMs(60)).toBe(0);
  expect(made.at(-1)).toBeGreaterThanOrEqual(leastMs(1000));
});
