/** What themis.yml says about a switch, by the commands: service, checks, confirmation, hooks, who is told. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { receiver } from "../kit/receiver.ts";
import { makeSmallWorld, type SmallWorld } from "../kit/small-world.ts";
import { installed, STRATEGIES } from "../kit/strategies.ts";
import { ok, run, snapshot } from "../kit/world.ts";

describe.each(STRATEGIES)("%s", (strategy) => {
  let world: SmallWorld;
  beforeAll(async () => {
    world = await makeSmallWorld(strategy);
  });
  afterAll(() => world.remove());

  /** themis.yml in a folder of its own. */
  function configured(root: string, hotReload: string, more = ""): string[] {
    const folder = world.at("configured");
    mkdirSync(folder, { recursive: true });
    const file = world.at("configured", "themis.yml");
    writeFileSync(
      file,
      `checker:\n  source: ${world.newBundle}\n  trustAnchor: ${world.anchor}\nhotReload:\n  root: ${root}\n${hotReload}${more}`,
    );
    return ["--config", file];
  }

  it("a store that themis.yml names, relative to itself, gets what comes and gives it to the next root", async () => {
    const store = "autoUpdate:\n  store: objects\n";
    const first = world.device("old");
    expect((await run("themis-fetch", "update", ...configured(first, "", store))).status).toBe(0);
    expect(existsSync(world.at("configured", "objects", "sha256"))).toBe(true);
    const second = world.device("old");
    const plan = await ok("themis-fetch", "plan", ...configured(second, "", store));
    expect(plan).toMatchObject({ to: "1.1.0", bytesToFetch: 0 });
  });

  it("checks that fail roll back with exit 1, name the check, and history says who and why", async () => {
    const root = world.device("old");
    const config = configured(root, "  checks:\n    - name: answers\n      command: [sh, -c, exit 7]\n");
    const { status, stdout } = await run("themis-fetch", "update", ...config, "--json");
    expect(status).toBe(1);
    expect(JSON.parse(stdout).error).toMatchObject({
      code: "CHECK_FAILED",
      message: expect.stringContaining("answers"),
      facts: { rolledBack: true },
    });
    expect(installed(strategy, root)).toEqual(snapshot(world.old));
    const said = await run("themis-fetch", "status", "--root", root);
    expect(said.stdout).toMatch(/ended as rolled-back: (?!rolled back)/);
    expect((await run("themis-fetch", "history", "--root", root)).stdout).toMatch(/ who [\s\S]*rolled back/);
  });

  it("a release that must be confirmed is kept by confirm", async () => {
    const root = world.device("old");
    const config = configured(root, "  confirm:\n    by: operator\n    within: 1h\n");
    const { status, stdout } = await run("themis-fetch", "update", ...config);
    expect(status).toBe(0);
    expect(stdout).toMatch(
      /themis-fetch confirm keeps it until .*; after that the next command .*watch, takes it back/,
    );
    const waits = await run("themis-fetch", "status", "--root", root);
    expect(waits.stdout).toMatch(/^app 1\.1\.0 \(sequence \d+, not confirmed\)/);
    expect(waits.stdout).toContain("for themis-fetch confirm; after that the next command");
    expect((await run("themis-fetch", "update", ...config)).status).toBe(6);
    expect((await run("themis-fetch", "confirm", "--root", root)).stdout).toContain("1.1.0 is confirmed");
    expect((await run("themis-fetch", "confirm", "--root", root)).status).toBe(2);
    expect(installed(strategy, root)).toEqual(snapshot(world.new));
  });

  it("one whose time is over is said to be taken back by the next command, and is", async () => {
    const root = world.device("old");
    const config = configured(root, "  confirm:\n    by: operator\n    within: 1s\n");
    const { confirmUntil } = await ok("themis-fetch", "update", ...config);
    while (Date.now() <= Date.parse(String(confirmUntil))) await setTimeout(100);
    expect(await ok("themis-fetch", "status", "--root", root)).toMatchObject({
      version: "1.0.0",
      runs: { version: "1.1.0" },
      confirmUntil,
      confirmIsOver: true,
    });
    expect((await run("themis-fetch", "status", "--root", root)).stdout).toContain(
      `1.1.0 was to be confirmed until ${confirmUntil}; the next command that changes something, or watch, goes back to 1.0.0`,
    );
    const { status, stdout } = await run("themis-fetch", "update", ...config, "--json");
    expect(status).toBe(1);
    expect(JSON.parse(stdout).error).toMatchObject({ code: "RELEASE_HELD_BACK" });
    expect(installed(strategy, root)).toEqual(snapshot(world.old));
    expect((await run("themis-fetch", "status", "--root", root)).stdout).toMatch(
      /^app 1\.0\.0 \(sequence \d+\)/,
    );
  });

  it("hooks hear, a webhook is told, and its secret is nowhere", async () => {
    const root = world.device("old");
    const heard = world.at("heard");
    const told = await receiver();
    try {
      const secret = world.at("secret");
      writeFileSync(secret, `whsec_${Buffer.from("a secret of thirty-two bytes, ok").toString("base64")}`);
      const config = configured(
        root,
        `  hooks:\n    after:\n      command: [sh, -c, 'echo "$THEMIS_OUTCOME" > ${heard}']\n`,
        `notifications:\n  webhook:\n    url: ${told.url}/hook\n    secretFile: ${secret}\n`,
      );
      const { status, stdout, stderr } = await run("themis-fetch", "update", ...config);
      expect({ status, stderr: stderr.includes("whsec_") || stdout.includes("whsec_") }).toEqual({
        status: 0,
        stderr: false,
      });
      expect(existsSync(heard) && readFileSync(heard, "utf8").trim()).toBe("updated");
      expect(told.posted).toHaveLength(1);
      expect(JSON.parse(told.posted[0]!.body)).toMatchObject({ data: { to: "1.1.0" } });
    } finally {
      await told.close();
    }
  });

  it("restore points are kept within the bounds of themis.yml, or of a flag, and listed with what they take", async () => {
    const kind = strategy === "slots" ? "slot" : "compact";
    const listed = async (root: string): Promise<{ kind: string; bytes: number }[]> =>
      (await ok("themis-fetch", "restore-points", "--root", root)).restorePoints as [];
    const bounded = world.device("old");
    const config = configured(bounded, "", "autoUpdate:\n  restorePoints:\n    count: 1\n");
    expect((await run("themis-fetch", "update", ...config)).status).toBe(0);
    expect(await listed(bounded)).toMatchObject([{ kind, bytes: expect.any(Number) }]);
    const flagged = world.device("old");
    expect((await run("themis-fetch", "update", ...config, "--keep-points", "5")).status).toBe(0);
    expect(await listed(flagged)).toHaveLength(2);
    const { stdout } = await run("themis-fetch", "restore-points", "--root", flagged);
    expect(stdout).toMatch(
      new RegExp(`restore point .* kind +on disk\\n[- ]+\\n.*1\\.0\\.0 +1\\.1\\.0 +${kind} +[\\d.]+ KiB\\n`),
    );
    for (const wrong of [
      ["--keep-points", "0"],
      ["--keep-points-for", "1ms"],
      ["--keep-points-bytes", "much"],
    ])
      expect((await run("themis-fetch", "update", ...config, ...wrong)).status).toBe(2);
  });
});
