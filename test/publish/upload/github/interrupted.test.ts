/**
 * The publisher is stopped at every call that it makes, and every call fails in every way: the next run ends in the same
 * published release, there is one, and nobody ever sees half of it.
 */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ThemisError } from "../../../../src/base/error.ts";
import type { SignedBundle } from "../../../../src/publish/prove-bundle.ts";
import type { Interference, Moment } from "../../../kit/github/server.ts";
import { jsonAnswer } from "../../../kit/misbehaving-server/answer.ts";
import { makeSmallWorld, type SmallWorld } from "../../../kit/small-world.ts";
import {
  expectNothingHalf,
  expectWhole,
  makePage,
  openSigned,
  type Page,
  publishHere,
  type Shown,
  shown,
} from "./kit.ts";

let world: SmallWorld;
let bundle: SignedBundle;
/** What an undisturbed run leaves, and how many calls it makes. */
let expected: Shown;
let calls: number;
beforeAll(async () => {
  world = await makeSmallWorld();
  bundle = await openSigned(world.newBundle);
  await onPage(async (page) => {
    await publishHere(page, bundle);
    expected = shown(page.repository.releases[0]!);
    calls = page.github.calls();
  });
  expect(calls).toBeGreaterThan(12);
});
afterAll(() => world.remove());

async function onPage<T>(work: (page: Page) => Promise<T>, options: { ghes?: boolean } = {}): Promise<T> {
  const page = await makePage(options);
  const done = await work(page);
  // Throws when anything that was asked or answered broke GitHub's description.
  await page.github.close();
  return done;
}

async function inTurns<T>(
  items: readonly T[],
  lanes: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const left = [...items];
  await Promise.all(
    Array.from({ length: lanes }, async () => {
      for (let item = left.shift(); item !== undefined; item = left.shift()) await work(item);
    }),
  );
}

const points = (): number[] => Array.from({ length: calls }, (_, index) => index + 1);

describe("killed", () => {
  it.each(["before", "during", "after"] as const)(
    "%s any call was carried out, it is ended by the next run",
    async (when) => {
      let killed = 0;
      await inTurns(points(), 3, (point) =>
        onPage(async (page) => {
          const running = page.start(world.newBundle);
          page.github.settings.interfere = async (moment) => {
            if (moment.number !== point || moment.when !== when) return undefined;
            running.child.kill("SIGKILL");
            await running.done;
            killed++;
            return "cut";
          };
          await running.done;
          page.github.settings.interfere = undefined;
          expectNothingHalf(page, expected);
          expect(await page.publish(world.newBundle)).toMatchObject({ status: 0 });
          expectWhole(page, expected);
        }),
      );
      expect(killed).toBe(when === "during" ? 5 : calls);
    },
  );
});

const status = (code: number, message: string, ...headers: [string, string][]): Interference =>
  jsonAnswer(code, { message }, ...headers);

const FAULTS: readonly {
  name: string;
  when: Moment["when"];
  says: Interference;
  codes: readonly string[];
}[] = [
  { name: "401", when: "before", says: status(401, "Bad credentials"), codes: ["TOKEN_REFUSED"] },
  {
    name: "403",
    when: "before",
    says: status(403, "Resource not accessible by integration"),
    codes: ["TOKEN_INSUFFICIENT"],
  },
  {
    name: "404",
    when: "before",
    says: status(404, "Not Found"),
    codes: ["TOKEN_INSUFFICIENT", "REPOSITORY_ABSENT", "UPLOAD_FAILED", "API_STATUS"],
  },
  { name: "422", when: "before", says: status(422, "Validation Failed"), codes: ["API_STATUS"] },
  { name: "429", when: "before", says: status(429, "slower", ["retry-after", "0"]), codes: [] },
  { name: "502", when: "before", says: status(502, "Server Error"), codes: [] },
  { name: "502 and yet done", when: "after", says: status(502, "Server Error"), codes: [] },
  { name: "a cut connection", when: "before", says: "cut", codes: [] },
  { name: "a cut connection and yet done", when: "after", says: "cut", codes: [] },
  { name: "a cut upload", when: "during", says: "cut", codes: [] },
];

describe.each([{ ghes: false }, { ghes: true }])("on a server %o", (options) => {
  it.each(FAULTS)(
    "$name, once at any call, is got over or told, and the next run ends it",
    async ({ when, says, codes }) => {
      await inTurns(points(), 6, (point) =>
        onPage(async (page) => {
          page.github.settings.interfere = (moment) =>
            moment.number === point && moment.when === when ? says : undefined;
          const error = await publishHere(page, bundle).then(
            () => undefined,
            (failure: unknown) => failure,
          );
          expectNothingHalf(page, expected);
          if (error !== undefined) {
            expect(error).toBeInstanceOf(ThemisError);
            expect({ point, code: (error as ThemisError).code, codes }).toMatchObject({
              code: expect.toBeOneOf([...codes]),
            });
          }
          page.github.settings.interfere = undefined;
          await publishHere(page, bundle);
          expectWhole(page, expected);
        }, options),
      );
    },
  );
});

describe("two at once", () => {
  it.each([0, 30, 150, 300])("begun %i ms apart end with one release", async (apartMs) => {
    await onPage(async (page) => {
      const first = page.start(world.newBundle);
      await new Promise((resolve) => setTimeout(resolve, apartMs));
      const second = page.start(world.newBundle);
      const answers = await Promise.all([first.done, second.done]);
      expect(answers).toMatchObject([{ status: 0 }, { status: 0 }]);
      expectWhole(page, expected);
    });
  });

  it.each([
    { what: "both have seen no draft", operation: "POST /repos/{owner}/{repo}/releases" },
    { what: "both have a complete draft", operation: "PATCH /repos/{owner}/{repo}/releases/{release_id}" },
    { what: "both upload", operation: "POST /repos/{owner}/{repo}/releases/{release_id}/assets" },
  ])("going on together when $what end with one release", async ({ operation }) => {
    await onPage(async (page) => {
      let waiting = 0;
      let go = (): void => {};
      const together = new Promise<undefined>((resolve) => {
        go = () => resolve(undefined);
      });
      page.github.settings.interfere = (moment) => {
        if (moment.when !== "before" || moment.operation !== operation) return undefined;
        if (++waiting === 2) go();
        return together;
      };
      const both = await Promise.all([publishHere(page, bundle), publishHere(page, bundle)]);
      expect(waiting).toBeGreaterThan(1);
      expect(both.map(({ state }) => state)).toEqual(["published", "published"]);
      expectWhole(page, expected);
    });
  });
});
