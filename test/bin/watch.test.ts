/** themis-fetch watch as a process: what it says, what it installs, and how it ends. */
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { takeLock } from "../../src/fetch/lock.ts";
import { readStatus } from "../../src/fetch/rollback.ts";
import { type Receiver, receiver } from "../kit/receiver.ts";
import { makeSmallWorld, type SmallWorld } from "../kit/small-world.ts";
import { run, snapshot, start } from "../kit/world.ts";

let world: SmallWorld;
let told: Receiver;
beforeAll(async () => {
  world = await makeSmallWorld();
  await run("themis-bundle", "keygen", "--out", world.at("other-pki"));
  writeFileSync(world.at("secret"), `whsec_${Buffer.alloc(32, 7).toString("base64")}`);
});
afterAll(() => world.remove());

const watchers: Watching[] = [];
beforeEach(async () => {
  told = await receiver();
  mkdirSync(world.at("etc"), { recursive: true });
});
afterEach(async () => {
  for (const each of watchers.splice(0)) each.kill();
  await told.close();
});

/** What a release page offers from now on. */
function offers(bundle: string): void {
  rmSync(world.at("page.next"), { force: true });
  symlinkSync(bundle, world.at("page.next"));
  renameSync(world.at("page.next"), world.at("page"));
}

type Configured = {
  readonly root: string;
  readonly source?: string;
  readonly anchor?: string;
  readonly checker?: string;
  readonly autoUpdate?: boolean;
  readonly hotReload?: string;
};

function configure({ root, source = world.at("page"), anchor = world.anchor, ...more }: Configured): string {
  const { checker = "", autoUpdate = true, hotReload = "" } = more;
  const file = world.at("etc", "themis.yml");
  writeFileSync(
    file,
    `checker:
  source: ${source}
  trustAnchor: ${anchor}
  interval: 1h
${checker}autoUpdate: { enabled: ${autoUpdate} }
hotReload:
  root: ${root}
${hotReload}notifications:
  webhook: { url: "${told.url}/hook", secretFile: ${world.at("secret")} }
`,
  );
  return file;
}

type Watching = {
  readonly said: () => string;
  readonly hup: () => void;
  readonly term: () => void;
  readonly kill: () => void;
  readonly done: ReturnType<typeof start>["done"];
};

function watching(file: string, ...more: string[]): Watching {
  const { child, done } = start("themis-fetch", "watch", "--config", file, ...more);
  let text = "";
  child.stderr.on("data", (some: string) => {
    text += some;
  });
  const made: Watching = {
    said: () => text,
    hup: () => child.kill("SIGHUP"),
    term: () => child.kill("SIGTERM"),
    kill: () => child.kill("SIGKILL"),
    done,
  };
  watchers.push(made);
  return made;
}

const patience = { timeout: 60_000 };
const saying = (watcher: Watching, what: string | RegExp, times = 1) =>
  expect.poll(() => watcher.said().split(what).length - 1, patience).toBe(times);
const ends = async (watcher: Watching): Promise<number | null> => {
  watcher.term();
  return (await watcher.done).status;
};
const bodies = () =>
  told.posted.map(({ body }) => JSON.parse(body) as { type: string; data: { to: string } });

describe("without autoUpdate", () => {
  it("says what is offered once, notifies once, and installs nothing", async () => {
    const root = world.device("old");
    offers(world.newBundle);
    const file = configure({ root, autoUpdate: false });
    const watcher = watching(file);
    await saying(watcher, "app 1.1.0 is offered, 1.0.0 is installed");
    await expect.poll(() => told.posted.length, patience).toBe(1);
    const once = await run("themis-fetch", "watch", "--once", "--config", file);
    expect(once).toMatchObject({ status: 0, stdout: expect.stringContaining("app 1.1.0 is offered") });
    expect(await ends(watcher)).toBe(0);
    const again = watching(file);
    await saying(again, "looks for releases");
    expect(await ends(again)).toBe(0);
    expect(again.said()).not.toContain("is offered");
    expect(bodies()).toMatchObject([{ type: "themis.update.offered", data: { to: "1.1.0" } }]);
    expect(snapshot(root)).toEqual(snapshot(world.old));
  });

  it("ends all the same a switch that was cut", async () => {
    const root = world.device("cut-2");
    offers(world.newBundle);
    const watcher = watching(configure({ root, autoUpdate: false }));
    await saying(watcher, "an earlier switch had been cut; it was finished");
    expect(await ends(watcher)).toBe(0);
    expect(snapshot(root)).toEqual(snapshot(world.new));
  });
});

describe("with autoUpdate", () => {
  it("installs what is offered, by SIGHUP at once, with the configuration as it is by then", async () => {
    const root = world.device("old");
    offers(world.newBundle);
    const file = configure({ root, anchor: world.at("other-pki", "root.pem") });
    const watcher = watching(file);
    await saying(watcher, "warning");
    configure({ root, hotReload: `  hooks:\n    before:\n      command: [touch, ${world.at("before")}]\n` });
    watcher.hup();
    await saying(watcher, "1.0.0 -> 1.1.0");
    expect(existsSync(world.at("before"))).toBe(true);
    expect(await ends(watcher)).toBe(0);
    expect(snapshot(root)).toEqual(snapshot(world.new));
    expect(bodies()).toMatchObject([{ type: "themis.update.updated" }]);
  });

  it("holds back a release that was rolled back, until SIGHUP asks for it", async () => {
    const root = world.device("old");
    offers(world.newBundle);
    const checks = (word: string) => `  checks:\n    - { name: fit, command: ["${word}"] }\n`;
    const file = configure({ root, hotReload: checks("false") });
    const first = watching(file);
    await saying(first, "CHECK_FAILED");
    expect(await ends(first)).toBe(0);
    const second = watching(file);
    await saying(second, "1.1.0 was here and was taken back at");
    expect(await run("themis-fetch", "watch", "--once", "--config", file)).toMatchObject({
      status: 1,
      stderr: expect.stringContaining("RELEASE_HELD_BACK"),
    });
    expect((await readStatus(root)).history.filter(({ toVersion }) => toVersion === "1.1.0")).toHaveLength(1);
    configure({ root, hotReload: checks("true") });
    second.hup();
    await saying(second, "1.0.0 -> 1.1.0");
    expect(await ends(second)).toBe(0);
    expect(snapshot(root)).toEqual(snapshot(world.new));
    expect(bodies().map(({ type }) => type)).toEqual(["themis.update.rolled_back", "themis.update.updated"]);
  });

  it("does not bring back what an operator went back from", async () => {
    const root = world.device("old");
    offers(world.newBundle);
    const file = configure({ root });
    expect((await run("themis-fetch", "watch", "--once", "--config", file)).status).toBe(0);
    expect((await run("themis-fetch", "rollback", "--config", file)).status).toBe(0);
    const { status, stderr } = await run("themis-fetch", "watch", "--once", "--config", file);
    expect({ status, stderr }).toMatchObject({
      status: 1,
      stderr: expect.stringContaining("an operator went back"),
    });
    expect(snapshot(root)).toEqual(snapshot(world.old));
  });

  it("goes back by itself when nobody has confirmed in time", async () => {
    const root = world.device("old");
    offers(world.newBundle);
    const confirm = "  confirm: { by: operator, within: 3s }\n";
    const watcher = watching(configure({ root, hotReload: confirm }));
    await saying(watcher, "themis-fetch confirm keeps it");
    expect(snapshot(root)).toEqual(snapshot(world.new));
    await saying(watcher, "it was undone");
    await saying(watcher, "1.1.0 was here and was taken back");
    expect(await ends(watcher)).toBe(0);
    expect(snapshot(root)).toEqual(snapshot(world.old));
  });

  it("waits for another update of the same root", async () => {
    const root = world.device("old");
    offers(world.newBundle);
    const file = configure({ root });
    const lock = takeLock(join(root, ".themis"));
    const watcher = watching(file);
    await saying(watcher, "ALREADY_IN_PROGRESS");
    expect((await run("themis-fetch", "watch", "--once", "--config", file)).status).toBe(6);
    expect(snapshot(root)).toEqual(snapshot(world.old));
    lock.release();
    watcher.hup();
    await saying(watcher, "1.0.0 -> 1.1.0");
    await saying(watcher, "it works again");
    expect(await ends(watcher)).toBe(0);
  });

  it("leaves what an operator has changed in the installed release, and says so once", async () => {
    const root = world.device("new");
    offers(world.newBundle);
    writeFileSync(join(root, "data.txt"), "an operator's\n");
    const watcher = watching(configure({ root }));
    await saying(watcher, "1 entries are not as 1.1.0 has them");
    expect(await ends(watcher)).toBe(0);
    expect(readFileSync(join(root, "data.txt"), "utf8")).toBe("an operator's\n");
  });
});

describe("failures", () => {
  let server: Server;
  let asked = 0;
  let answer = 500;
  beforeEach(async () => {
    asked = 0;
    server = createServer((_, response) => {
      asked++;
      response.writeHead(answer).end();
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  });
  afterEach(async () => {
    server.closeAllConnections();
    await new Promise((done) => server.close(done));
  });
  const url = () => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  it("are said once while they are the same, and are no reason to hurry", async () => {
    answer = 403;
    const watcher = watching(configure({ root: world.device("old"), source: url() }));
    await saying(watcher, "SOURCE_STATUS");
    const before = asked;
    await setTimeout(3000);
    expect(asked).toBe(before);
    watcher.hup();
    await expect.poll(() => asked, patience).toBeGreaterThan(before);
    answer = 404;
    watcher.hup();
    await saying(watcher, "there is no release at");
    expect(watcher.said().match(/warning/g)).toHaveLength(2);
    expect(await ends(watcher)).toBe(0);
  });

  it.each([
    {
      why: "nobody listens",
      of: () => ({ source: "http://127.0.0.1:9" }),
      status: 3,
      code: "SOURCE_UNREACHABLE",
    },
    {
      why: "a release is signed by somebody else",
      of: () => ({ anchor: world.at("other-pki", "root.pem") }),
      status: 4,
      code: "",
    },
    {
      why: "a release is of another channel",
      of: () => ({ checker: "  channel: beta\n" }),
      status: 4,
      code: "CHANNEL_MISMATCH",
    },
  ])("end --once with $status when $why, and do not end a watch", async ({ of, status, code }) => {
    const root = world.device("old");
    offers(world.newBundle);
    const file = configure({ root, ...of() });
    const once = await run("themis-fetch", "watch", "--once", "--config", file);
    expect(once).toMatchObject({ status, stderr: expect.stringContaining(code) });
    const watcher = watching(file);
    await saying(watcher, "warning");
    expect(await ends(watcher)).toBe(0);
    expect(snapshot(root)).toEqual(snapshot(world.old));
  });

  it("of a configuration end the start, and leave the one before in force later", async () => {
    const root = world.device("old");
    offers(world.oldBundle);
    const file = configure({ root, checker: "  intervall: 1h\n" });
    expect(await watching(file).done).toMatchObject({ status: 2 });
    configure({ root, autoUpdate: false });
    const watcher = watching(file);
    await saying(watcher, "looks for releases and installs none");
    configure({ root, checker: "  jitter: 9y\n" });
    watcher.hup();
    await saying(watcher, "the configuration before holds: CONFIG_");
    expect(await ends(watcher)).toBe(0);
  });
});

describe("an end", () => {
  it("is there at once in the middle of a wait", async () => {
    const root = world.device("new");
    offers(world.newBundle);
    const file = configure({ root });
    expect(await run("themis-fetch", "watch", "--once", "--exit-code", "--config", file)).toMatchObject({
      status: 5,
    });
    const { child, done } = start("themis-fetch", "watch", "--config", file, "--json");
    let said = "";
    child.stderr.on("data", (text: string) => {
      said += text;
    });
    await expect.poll(() => said, patience).toContain("looks for releases");
    await setTimeout(1500);
    child.kill("SIGINT");
    const { status, stdout } = await done;
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toEqual({
      schema: "themis-fetch/watch/1",
      looks: expect.any(Number),
      updates: 0,
    });
  });

  it("in the middle of an update puts the release before back, and the next start installs it", async () => {
    const root = world.device("old");
    offers(world.newBundle);
    const started = world.at("started");
    const check = `  checks:\n    - { name: slow, timeout: 10m, command: [sh, -c, "touch ${started}; sleep 600"] }\n`;
    const watcher = watching(configure({ root, hotReload: check }));
    await expect.poll(() => existsSync(started), patience).toBe(true);
    expect(await ends(watcher)).toBe(0);
    expect(snapshot(root)).toEqual(snapshot(world.old));
    const next = watching(configure({ root }));
    await saying(next, "1.0.0 -> 1.1.0");
    expect(await ends(next)).toBe(0);
  });
});
