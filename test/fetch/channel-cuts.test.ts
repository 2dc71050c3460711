/** A device that follows a channel is killed: what it obeyed is not forgotten, and what was begun ends with a whole release. */
import { spawnSync } from "node:child_process";
import { cpSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type ChannelWorld, makeChannelWorld } from "../kit/channel-world.ts";
import { ok } from "../kit/world.ts";

let world: ChannelWorld;
/** Offers 1.0.0; then 3.0.0 by way of 2.0.0. */
let older: string;
let newer: string;
let prepared: string;
beforeAll(async () => {
  world = await makeChannelWorld();
  await world.channel("promote", world.bundle("1.0.0"));
  older = world.keepPage();
  prepared = world.device();
  await world.update(prepared);
  await world.channel("promote", world.bundle("3.0.0"), "--through", world.bundle("2.0.0"));
  newer = world.keepPage();
});
afterAll(() => world?.remove());

function device(): string {
  const root = world.device();
  cpSync(prepared, root, { recursive: true, verbatimSymlinks: true });
  return root;
}

function killed(root: string, when: string): boolean {
  const script = join(import.meta.dirname, "../kit/obey-and-die.ts");
  const { status, signal, stderr } = spawnSync(
    process.execPath,
    [script, root, world.page, world.anchor, when],
    { encoding: "utf8" },
  );
  if (status !== 0 && signal !== "SIGKILL") throw new Error(stderr);
  return signal === "SIGKILL";
}

const runs = (root: string): string => readFileSync(join(root, "version"), "utf8").trim();

it("between the moment it obeys and the first byte that it installs, the older document is refused afterwards", async () => {
  const root = device();
  expect(killed(root, "fetching")).toBe(true);
  expect(runs(root)).toBe("1.0.0");
  world.bringPage(older);
  expect(await world.refused("themis-fetch", "update", ...world.of(root))).toBe("CHANNEL_OLDER");
  expect(runs(root)).toBe("1.0.0");
  rmSync(join(world.page, "channels"), { recursive: true });
  expect(await world.refused("themis-fetch", "update", ...world.of(root))).toBe("CHANNEL_MISSING");
  world.bringPage(newer);
  expect(await world.update(root)).toBe("2.0.0");
});

it("before each step of a switch: the next update ends it and goes on from where the device then is", async () => {
  let cuts = 0;
  for (let step = 0; ; step++, cuts++) {
    const root = device();
    if (!killed(root, String(step))) break;
    const done = await ok("themis-fetch", "update", ...world.of(root));
    // The cut switch to 2.0.0 is finished, and from there 3.0.0 is next.
    expect(done).toMatchObject({ recovery: "finished", from: "2.0.0", to: "3.0.0" });
    expect(runs(root)).toBe("3.0.0");
  }
  expect(cuts).toBeGreaterThanOrEqual(2);
});

it("the device's number stays what it was", async () => {
  const root = device();
  const bucket = async () =>
    ((await ok("themis-fetch", "why", ...world.of(root))) as { channel: { bucket: number } }).channel.bucket;
  const before = await bucket();
  killed(root, "fetching");
  expect(await bucket()).toBe(before);
  killed(root, "1");
  await world.update(root);
  expect(await bucket()).toBe(before);
});
