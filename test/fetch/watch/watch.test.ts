/** A watch in this process, with times that no configuration allows: deadline, memory, clock. */
import { mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { Alarm } from "../../../src/base/alarm.ts";
import type { UpdateEvent } from "../../../src/fetch/notify/update-event.ts";
import { type WatchEvent, type WatchSettings, watch, watchOnce } from "../../../src/fetch/watch/watch.ts";
import { readTrustAnchors } from "../../../src/trust/anchor.ts";
import { makeSmallWorld, type SmallWorld } from "../../kit/small-world.ts";
import { snapshot } from "../../kit/world.ts";

let world: SmallWorld;
beforeAll(async () => {
  world = await makeSmallWorld();
});
afterAll(() => world.remove());

function settings(root: string, more: Partial<WatchSettings> = {}) {
  const notified: UpdateEvent[] = [];
  const stop = new AbortController();
  const anchors = readTrustAnchors(readFileSync(world.anchor));
  const notify = async (event: UpdateEvent) => {
    notified.push(event);
    return [];
  };
  const signal = stop.signal;
  const request = async () => ({
    root,
    source: world.newBundle,
    version: "",
    connections: 2,
    anchors,
    notify,
    signal,
  });
  const times = { intervalMs: 3_600_000, jitterMs: 0, deadlineMs: undefined };
  const made: WatchSettings = { ...times, root, request, notify, signal, autoUpdate: true, ...more };
  return { made, notified, stop };
}

/** Runs until `enough` events have come. */
async function events(
  { made, stop }: ReturnType<typeof settings>,
  enough: (seen: readonly WatchEvent[], alarm: Alarm) => boolean,
  now = () => new Date(),
): Promise<readonly WatchEvent[]> {
  const seen: WatchEvent[] = [];
  const alarm = new Alarm();
  const tell = (event: WatchEvent): void => {
    seen.push(event);
    if (enough(seen, alarm)) stop.abort();
  };
  await watch(async () => made, alarm, { now, tell, chance: () => 1 });
  return seen;
}

const kinds = (seen: readonly WatchEvent[]) => seen.map(({ kind }) => kind);

it("a release that is not installed by its deadline is said and notified once, and tried until then", async () => {
  const root = world.device("old");
  const before = { command: ["false"], timeoutMs: 10_000 };
  const setting = settings(root, { deadlineMs: 2500 });
  const request = async () => ({ ...(await setting.made.request()), hooks: { before } });
  const rested = (all: readonly WatchEvent[]) =>
    all.flatMap((each) => (each.kind === "resting" ? [each.forMs] : []));
  const seen = await events({ ...setting, made: { ...setting.made, request } }, (all) => {
    const overdueAt = kinds(all).indexOf("overdue");
    return overdueAt !== -1 && rested(all.slice(overdueAt)).length === 3;
  });
  const said = kinds(seen).filter((kind) => kind !== "resting");
  expect(said).toEqual(["watching", "offered", "failed", "overdue"]);
  expect(Math.max(...rested(seen))).toBeLessThanOrEqual(2500);
  expect(setting.notified).toMatchObject([
    { kind: "failed", to: "1.1.0", message: expect.stringContaining("is not installed after 2s500ms") },
  ]);
  expect(snapshot(root)).toEqual(snapshot(world.old));
});

it("a clock that jumps by hours, back and forth, ends no deadline", async () => {
  const root = world.device("old");
  const hours = [2, 1, 3];
  let ahead = 0;
  const setting = settings(root, { autoUpdate: false, deadlineMs: 3_600_000 });
  const seen = await events(
    setting,
    (all, alarm) => {
      if (all.at(-1)!.kind !== "resting") return false;
      ahead = hours.shift() ?? 0;
      alarm.ring();
      return hours.length === 0;
    },
    () => new Date(Date.now() + ahead * 3_600_000),
  );
  const said = kinds(seen).filter((kind) => kind !== "resting" && kind !== "watching");
  expect(said).toEqual(["offered"]);
});

it.each([
  { what: "nothing", put: (_: string) => {} },
  { what: "half of it", put: (path: string) => writeFileSync(path, '{"schema_ver') },
  { what: "another document", put: (path: string) => writeFileSync(path, "[1]") },
  { what: "a folder", put: (path: string) => mkdirSync(path) },
  { what: "a link to elsewhere", put: (path: string) => symlinkSync("/etc/passwd", path) },
])("its memory may be $what", async ({ put }) => {
  const root = world.device("old");
  const path = join(root, ".themis", "watch.json");
  rmSync(path, { force: true });
  put(path);
  const setting = settings(root, { autoUpdate: false });
  const told: WatchEvent[] = [];
  const tools = { now: () => new Date(), tell: (event: WatchEvent) => void told.push(event) };
  expect((await watchOnce(setting.made, tools)).kind).toBe("offered");
  expect(kinds(told)).toEqual(["offered"]);
  expect(setting.notified).toMatchObject([{ kind: "offered", from: "1.0.0", to: "1.1.0" }]);
});

it("an alarm rung during a look ends the next rest, and a rest ends at once by its signal", async () => {
  const alarm = new Alarm();
  alarm.ring();
  expect(await alarm.wait(2 ** 40)).toBe("rung");
  expect(await alarm.wait(1)).toBe("over");
  const stop = new AbortController();
  const waits = alarm.wait(2 ** 40, stop.signal);
  stop.abort(new Error("enough"));
  await expect(waits).rejects.toThrow("enough");
});
