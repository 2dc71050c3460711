/** A watch, and a configuration, obey the channel's document as update does: as processes, on a signed page. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { readStatus } from "../../src/fetch/rollback.ts";
import { type ChannelWorld, makeChannelWorld } from "../kit/channel-world.ts";
import { ok, run, start } from "../kit/world.ts";

let world: ChannelWorld;
let begun: { readonly page: string; readonly file: Buffer };
beforeAll(async () => {
  world = await makeChannelWorld();
  await world.channel("promote", world.bundle("1.0.0"));
  begun = { page: world.keepPage(), file: readFileSync(world.file) };
});
afterAll(() => world?.remove());
beforeEach(() => {
  world.bringPage(begun.page);
  writeFileSync(world.file, begun.file);
});

function configure(root: string, more = ""): string {
  const file = world.at("themis.yml");
  writeFileSync(
    file,
    `checker:
  source: ${world.page}
  trustAnchor: ${world.anchor}
  channel: stable
  requireChannel: true
  interval: 1h
${more}autoUpdate: { enabled: true }
hotReload: { root: ${root} }
`,
  );
  return file;
}

const once = (root: string) => ok("themis-fetch", "watch", "--once", "--config", configure(root));
const runs = (root: string): string => readFileSync(join(root, "version"), "utf8").trim();

it("a look takes what is offered, stays where it is held, and remembers that it was", async () => {
  const root = world.device();
  expect(await once(root)).toMatchObject({ kind: "updated", to: "1.0.0" });
  await world.channel("promote", world.bundle("2.0.0"));
  const offering = world.keepPage();
  await world.channel("hold", "--reason", "we look into it");
  expect(await once(root)).toMatchObject({ kind: "up-to-date", channel: { kind: "stay" } });
  expect((await readStatus(root)).channel).toEqual({ channel: "stable", version: 4 });
  // The document from before the hold offers 2.0.0, and nobody can bring it back.
  world.bringPage(offering);
  const args = ["watch", "--once", "--config", configure(root)];
  expect(await world.refused("themis-fetch", ...args)).toBe("CHANNEL_OLDER");
  expect(runs(root)).toBe("1.0.0");
});

it("a new device draws its number by its first look, and is in or out by it", async () => {
  await world.channel("promote", world.bundle("2.0.0"), "--percentage", "50");
  const seen = new Set<string>();
  for (let i = 0; i < 12 && seen.size < 2; i++) {
    const root = world.device();
    await once(root);
    const told = (await ok("themis-fetch", "why", "--config", configure(root))) as {
      channel: { bucket: number };
    };
    expect(runs(root)).toBe(told.channel.bucket < 5000 ? "2.0.0" : "1.0.0");
    seen.add(runs(root));
  }
  // That all twelve are on one side is 1 in 2048.
  expect([...seen].sort()).toEqual(["1.0.0", "2.0.0"]);
});

it("goes over a step to the release behind it without waiting for the next interval, and says why it stays then", async () => {
  const root = world.device();
  await once(root);
  await world.channel("promote", world.bundle("3.0.0"), "--through", world.bundle("2.0.0"));
  const { child, done } = start("themis-fetch", "watch", "--config", configure(root));
  let said = "";
  child.stderr.on("data", (text: string) => {
    said += text;
    if (said.includes("2.0.0 -> 3.0.0")) child.kill("SIGTERM");
  });
  expect((await done).status).toBe(0);
  expect(said).toContain("1.0.0 -> 2.0.0");
  expect(runs(root)).toBe("3.0.0");
});

it("goes back from a recalled release, and says so", async () => {
  const root = world.device();
  await world.channel("promote", world.bundle("2.0.0"), "--percentage", "99.99");
  await world.update(root, "--version", "2.0.0");
  await world.channel("recall", "2.0.0", "--reason", "loses writes", "--go-back");
  const back = await once(root);
  expect(back).toMatchObject({ kind: "updated", from: "2.0.0", to: "1.0.0" });
  expect(JSON.stringify(back.channel)).toContain("2.0.0 was recalled by its publisher: loses writes");
});

it("what an operator went back to by --allow-downgrade stays", async () => {
  const root = world.device();
  await world.channel("promote", world.bundle("2.0.0"));
  await once(root);
  await world.update(root, "--version", "1.0.0", "--allow-downgrade");
  const looked = await run("themis-fetch", "watch", "--once", "--config", configure(root), "--json");
  expect(JSON.parse(looked.stdout).error.code).toBe("RELEASE_HELD_BACK");
  expect(runs(root)).toBe("1.0.0");
});

it.each([
  { where: "themis.yml", more: "  allowDowngrade: true\n", env: {} },
  { where: "the environment", more: "", env: { THEMIS_CHECKER_ALLOW_DOWNGRADE: "true" } },
])("allowDowngrade is no setting of $where", async ({ more, env }) => {
  const root = world.device();
  await world.channel("promote", world.bundle("2.0.0"));
  await world.update(root);
  const file = configure(root, more);
  Object.assign(process.env, env);
  try {
    const { status } = await run("themis-fetch", "update", "--config", file, "--version", "1.0.0");
    expect([2, 4]).toContain(status);
    expect(runs(root)).toBe("2.0.0");
  } finally {
    for (const name of Object.keys(env)) delete process.env[name];
  }
});
