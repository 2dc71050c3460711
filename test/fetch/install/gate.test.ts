/** A release counts when its checks have passed, and an operator where one is asked; otherwise the one before is back. */
import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { confirm } from "../../../src/fetch/confirm.ts";
import type { Check } from "../../../src/fetch/health/check.ts";
import { DownloadEngine, HotReloadEngine } from "../../../src/fetch/hot-reload-engine.ts";
import type { Gate } from "../../../src/fetch/install/gate.ts";
import type { UpdateEvent } from "../../../src/fetch/notify/update-event.ts";
import { readStatus, rollBack } from "../../../src/fetch/rollback.ts";
import { CommandService } from "../../../src/fetch/service/command-service.ts";
import { update } from "../../../src/fetch/update.ts";
import type { UpdateRequest } from "../../../src/fetch/update-request.ts";
import { readTrustAnchors } from "../../../src/trust/anchor.ts";
import { makeSmallWorld, type SmallWorld } from "../../kit/small-world.ts";
import { installed, STRATEGIES, treeOf } from "../../kit/strategies.ts";
import { snapshot } from "../../kit/world.ts";

describe.each(STRATEGIES)("%s", (strategy) => {
  let world: SmallWorld;
  beforeAll(async () => {
    world = await makeSmallWorld(strategy);
  });
  afterAll(() => world.remove());

  let clock = Date.now();
  const tools = { now: () => new Date(clock) };
  afterEach(() => {
    clock = Date.now();
  });

  function requestFor(root: string, more: Partial<UpdateRequest> = {}): UpdateRequest {
    const anchors = readTrustAnchors(readFileSync(world.anchor));
    return { root, source: world.newBundle, anchors, version: "", connections: 1, ...more };
  }

  const gateOf = (checks: readonly Check[], more: Partial<Gate> = {}): Gate => ({
    checks,
    confirmation: { by: "checks" },
    ...more,
  });

  /** A command in the root. */
  const commandCheck = (name: string, ...command: string[]): Check => ({
    name,
    kind: "smoke",
    timeoutMs: 20_000,
    run: { command, expectStatus: 0 },
  });

  const passes = commandCheck("passes", "grep", "-q", "two", "data.txt");
  const fails = commandCheck("answers", "sh", "-c", "echo no answer; exit 7");

  describe("checks after the switch", () => {
    it("that pass make the release count, and are reported", async () => {
      const root = world.device("old");
      const result = await update(requestFor(root, { gate: gateOf([passes]) }), tools);
      expect(result).toMatchObject({
        kind: "updated",
        checks: [{ name: "passes", kind: "smoke", passed: true }],
        confirmUntil: "",
      });
      expect(installed(strategy, root)).toEqual(snapshot(world.new));
      expect((await readStatus(root)).deployment).toMatchObject({ state: "confirmed", to: "1.1.0", why: "" });
    });

    it("that fail put everything back byte for byte, and say which, what was expected and what was found", async () => {
      const root = world.device("old");
      await expect(update(requestFor(root, { gate: gateOf([passes, fails]) }), tools)).rejects.toMatchObject({
        code: "CHECK_FAILED",
        message: expect.stringMatching(
          /smoke check "answers" failed: expected .*0.*found .*7.*1\.0\.0 runs again/s,
        ),
        facts: { name: "answers", rolledBack: true },
      });
      expect(installed(strategy, root)).toEqual(snapshot(world.old));
      const status = await readStatus(root);
      expect(status).toMatchObject({ version: "1.0.0", unfinished: false });
      expect(status.deployment).toMatchObject({ state: "rolled-back", from: "1.0.0", to: "1.1.0" });
      expect(status.history[0]).toMatchObject({
        action: "update",
        result: expect.stringContaining("answers"),
      });
      expect(status.history[0]!.who).not.toBe("");
      // And the next update is an update.
      expect(await update(requestFor(root), tools)).toMatchObject({ kind: "updated" });
    });

    it("that find a corrupted binary bring the one before back, with its digest", async () => {
      const root = world.device("old");
      const before = installed(strategy, root)["bin/tool"];
      const corrupted: Check = {
        name: "intact",
        kind: "integration",
        timeoutMs: 20_000,
        run: {
          function: () => {
            writeFileSync(join(treeOf(strategy, root), "bin/tool"), "corrupt");
            return { passed: false, expected: "the program of the release", found: "another one" };
          },
        },
      };
      await expect(update(requestFor(root, { gate: gateOf([corrupted]) }), tools)).rejects.toMatchObject({
        code: "CHECK_FAILED",
      });
      expect(installed(strategy, root)["bin/tool"]).toBe(before);
      expect(installed(strategy, root)).toEqual(snapshot(world.old));
    });

    it("that are interrupted put everything back", async () => {
      const root = world.device("old");
      const abort = new AbortController();
      const waits: Check = {
        name: "waits",
        kind: "smoke",
        timeoutMs: 60_000,
        run: {
          function: (_, signal) => {
            abort.abort(new Error("interrupted"));
            return new Promise((_resolve, reject) => {
              signal.addEventListener("abort", () => reject(signal.reason));
              if (signal.aborted) reject(signal.reason);
            });
          },
        },
      };
      const request = requestFor(root, { gate: gateOf([waits]), signal: abort.signal });
      await expect(update(request, tools)).rejects.toThrow("interrupted");
      expect(installed(strategy, root)).toEqual(snapshot(world.old));
    });

    it.each([
      {
        why: "are data, are asked again by the next command",
        checks: "data",
        recovery: "finished",
        tree: "new",
      },
      {
        why: "were functions, cannot be asked: the release before is back",
        checks: "function",
        recovery: "undone",
        tree: "old",
      },
    ] as const)(
      "of a process that was killed meanwhile: when they $why",
      async ({ checks, recovery, tree }) => {
        const root = world.device("old");
        const script = join(import.meta.dirname, "../../kit/die-while-verifying.ts");
        const args = [script, root, world.newBundle, world.anchor, checks];
        const { signal, stderr } = spawnSync(process.execPath, args, { encoding: "utf8" });
        expect({ signal, stderr }).toMatchObject({ signal: "SIGKILL" });
        expect(await readStatus(root)).toMatchObject({
          unfinished: true,
          deployment: { state: "verifying" },
        });
        const again = await rollBack({ root, to: "nothing" }, tools).catch((error: unknown) => error);
        expect(again).toMatchObject({ code: "RESTORE_POINT_NOT_FOUND" });
        expect(installed(strategy, root)).toEqual(snapshot(world[tree]));
        expect((await readStatus(root)).deployment.state).toBe(
          recovery === "finished" ? "confirmed" : "rolled-back",
        );
      },
    );
  });

  describe("a release that an operator must confirm", () => {
    const gate = gateOf([passes], { confirmation: { by: "operator", withinMs: 600_000 } });

    it("waits, refuses another update, and counts once it is confirmed", async () => {
      const root = world.device("old");
      const { confirmUntil } = await update(requestFor(root, { gate }), tools);
      expect(confirmUntil).toBe(new Date(clock + 600_000).toISOString());
      expect(await readStatus(root)).toMatchObject({ confirmUntil, deployment: { state: "verifying" } });
      await expect(update(requestFor(root), tools)).rejects.toMatchObject({ code: "CONFIRMATION_PENDING" });
      expect(await confirm({ root }, tools)).toEqual({ from: "1.0.0", to: "1.1.0" });
      expect(installed(strategy, root)).toEqual(snapshot(world.new));
      expect(await readStatus(root)).toMatchObject({ version: "1.1.0", confirmUntil: "", unfinished: false });
      await expect(confirm({ root }, tools)).rejects.toMatchObject({ code: "NOTHING_TO_CONFIRM" });
      // The way back is still there.
      expect(await rollBack({ root }, tools)).toMatchObject({ from: "1.1.0", to: "1.0.0" });
      expect(installed(strategy, root)).toEqual(snapshot(world.old));
    });

    it("is gone when nobody did in time", async () => {
      const root = world.device("old");
      await update(requestFor(root, { gate }), tools);
      clock += 600_001;
      await expect(confirm({ root }, tools)).rejects.toMatchObject({
        code: "NOTHING_TO_CONFIRM",
        message: expect.stringContaining("1.1.0 was rolled back"),
      });
      expect(installed(strategy, root)).toEqual(snapshot(world.old));
      expect((await readStatus(root)).history[0]!.result).toContain("nobody confirmed");
    });

    it("is not installed again by the update that takes it back, and is by the next", async () => {
      const root = world.device("old");
      const { confirmUntil } = await update(requestFor(root, { gate }), tools);
      expect(await readStatus(root)).toMatchObject({ version: "1.0.0", runs: { version: "1.1.0" } });
      clock += 600_001;
      await expect(update(requestFor(root, { gate }), tools)).rejects.toMatchObject({
        code: "RELEASE_HELD_BACK",
        message: `1.1.0 was not confirmed until ${confirmUntil} and was taken back just now: 1.0.0 is there again`,
        hint: "themis-fetch update installs 1.1.0 again",
      });
      expect(installed(strategy, root)).toEqual(snapshot(world.old));
      expect(await readStatus(root)).toMatchObject({ runs: { version: "1.0.0" }, unfinished: false });
      expect(await update(requestFor(root, { gate }), tools)).toMatchObject({ kind: "updated" });
    });

    it("is gone when the operator goes back", async () => {
      const root = world.device("old");
      await update(requestFor(root, { gate }), tools);
      expect(await rollBack({ root }, tools)).toMatchObject({ from: "1.1.0", to: "1.0.0" });
      expect(installed(strategy, root)).toEqual(snapshot(world.old));
      expect((await readStatus(root)).deployment.state).toBe("rolled-back");
    });
  });

  describe("a service", () => {
    /** A process that runs from the tree; what it started with stands in its log. */
    function serviceIn(
      root: string,
      options: { readonly failsWith?: string; readonly stop?: string[] } = {},
    ) {
      const folder = world.at("service");
      rmSync(folder, { recursive: true, force: true });
      mkdirSync(folder);
      const [pid, log] = [join(folder, "pid"), join(folder, "log")];
      const script = (name: string, body: string): string[] => {
        writeFileSync(join(folder, name), `#!/bin/sh\n${body}\n`);
        chmodSync(join(folder, name), 0o755);
        return [join(folder, name)];
      };
      const refuses = options.failsWith
        ? `grep -q ${options.failsWith} ${treeOf(strategy, root)}/data.txt && exit 1`
        : ":";
      const service = new CommandService({
        name: "appd",
        start: script(
          "start",
          `${refuses}\ntail -1 ${treeOf(strategy, root)}/data.txt >> ${log}\nsleep 600 & echo $! > ${pid}`,
        ),
        stop: options.stop ?? script("stop", `echo stop >> ${log}; kill $(cat ${pid}); rm ${pid}`),
        status: script("status", `test -e ${pid} && kill -0 $(cat ${pid}) || exit 3`),
      });
      return {
        service,
        log: () => (existsSync(log) ? readFileSync(log, "utf8").trim().split("\n") : []),
        end: () => spawnSync("sh", ["-c", `test -e ${pid} && kill $(cat ${pid})`]),
      };
    }

    it("is stopped for the switch, and runs the new release afterwards", async () => {
      const root = world.device("old");
      const { service, log, end } = serviceIn(root);
      try {
        await service.start();
        const gate = gateOf([passes], { service: { service, drainMs: 10_000 } });
        const { restart } = await update(requestFor(root, { gate }), tools);
        expect(restart).toMatchObject({ drained: true });
        expect(log()).toEqual(["one", "stop", "two"]);
        await rollBack({ root }, { ...tools, gate });
        expect(log()).toEqual(["one", "stop", "two", "stop", "one"]);
      } finally {
        end();
      }
    });

    it.each([
      {
        why: "does not start with the new release",
        failsWith: "two",
        checks: [passes],
        log: ["one", "stop", "one"],
      },
      {
        why: "starts and fails a check",
        failsWith: undefined,
        checks: [fails],
        log: ["one", "stop", "two", "stop", "one"],
      },
    ])("that $why runs the one before again", async ({ failsWith, checks, log: expected }) => {
      const root = world.device("old");
      const { service, log, end } = serviceIn(root, failsWith ? { failsWith } : {});
      try {
        await service.start();
        const gate = gateOf(checks, { service: { service, drainMs: 10_000 } });
        await expect(update(requestFor(root, { gate }), tools)).rejects.toMatchObject({
          code: failsWith ? "SERVICE_FAILED" : "CHECK_FAILED",
          message: expect.stringContaining("1.0.0 runs again"),
        });
        expect(installed(strategy, root)).toEqual(snapshot(world.old));
        expect(log()).toEqual(expected);
        expect(await service.isRunning()).toBe(true);
      } finally {
        end();
      }
    });

    it("runs on no half tree: not between a failed switch and its undoing, nor while a rollback is unfinished", async () => {
      const root = world.device("old");
      const { service, log, end } = serviceIn(root);
      const onStep = (index: number): void => {
        if (index === 1) throw Object.assign(new Error("EIO"), { code: "EIO" });
      };
      try {
        await service.start();
        const gate = gateOf([passes], { service: { service, drainMs: 10_000 } });
        await expect(update(requestFor(root, { gate }), { ...tools, onStep })).rejects.toMatchObject({
          code: "SWITCH_FAILED",
          message: expect.stringContaining("was undone"),
        });
        expect(log()).toEqual(["one", "stop", "one"]);
        await update(requestFor(root, { gate }), tools);
        if (strategy === "slots") return;
        await expect(rollBack({ root }, { ...tools, gate, onStep })).rejects.toMatchObject({
          code: "SWITCH_FAILED",
          hint: expect.stringContaining("the service stays stopped until then"),
        });
        expect(await service.isRunning()).toBe(false);
        await rollBack({ root }, { ...tools, gate });
        expect(await service.isRunning()).toBe(true);
        expect(log()).toEqual(["one", "stop", "one", "stop", "two", "stop", "one"]);
        expect(installed(strategy, root)).toEqual(snapshot(world.old));
      } finally {
        end();
      }
    });

    it("that cannot be stopped leaves everything as it was: nothing was switched, and nothing is left to undo", async () => {
      const root = world.device("old");
      const { service, log, end } = serviceIn(root, { stop: ["false"] });
      try {
        await service.start();
        const gate = gateOf([passes], { service: { service, drainMs: 10_000 } });
        const before = await readStatus(root);
        await expect(update(requestFor(root, { gate }), tools)).rejects.toMatchObject({
          code: "SERVICE_FAILED",
          message:
            'appd could not be stopped: "false": status 1; nothing was switched, and 1.0.0 runs as before',
          hint: 'run "false" by hand, and see hotReload.service.command.stop',
        });
        const after = await readStatus(root);
        expect(after).toMatchObject({ unfinished: false, version: "1.0.0", runs: { version: "1.0.0" } });
        expect(after.restorePoints).toEqual(before.restorePoints);
        expect(after.deployment.why).toBe(
          'undone: nothing was switched: appd could not be stopped: "false": status 1',
        );
        expect(installed(strategy, root)).toEqual(snapshot(world.old));
        expect(await service.isRunning()).toBe(true);
        expect(log()).toEqual(["one"]);
        // And the next update is an update.
        expect(await update(requestFor(root), tools)).toMatchObject({ kind: "updated", recovery: "nothing" });
      } finally {
        end();
      }
    });

    it("that starts with neither release is said to be left stopped, once the one before is back", async () => {
      const root = world.device("old");
      const { service, end } = serviceIn(root);
      try {
        await service.start();
        writeFileSync(world.at("service", "start"), "#!/bin/sh\nexit 9\n");
        const gate = gateOf([passes], { service: { service, drainMs: 10_000 } });
        const start = JSON.stringify(world.at("service", "start"));
        const why = `appd could not be started: ${start}: status 9`;
        await expect(update(requestFor(root, { gate }), tools)).rejects.toMatchObject({
          code: "SERVICE_FAILED",
          message: `${why}; 1.1.0 was rolled back, and the service is left stopped: for the same reason`,
          hint: expect.stringContaining("by hand"),
        });
        expect(installed(strategy, root)).toEqual(snapshot(world.old));
        const { unfinished, deployment } = await readStatus(root);
        expect({ unfinished, ...deployment }).toMatchObject({
          unfinished: false,
          state: "rolled-back",
          why: `rolled back: ${why}; the service is left stopped`,
        });
      } finally {
        end();
      }
    });

    it("that was stopped by a process that was killed is started by the next command", async () => {
      const root = world.device("old");
      const { service, log, end } = serviceIn(root);
      try {
        await service.start();
        const script = join(import.meta.dirname, "../../kit/die-while-stopped.ts");
        const { signal, stderr } = spawnSync(
          process.execPath,
          [script, root, world.newBundle, world.anchor, world.at("service")],
          { encoding: "utf8" },
        );
        expect({ signal, stderr }).toMatchObject({ signal: "SIGKILL" });
        expect(await service.isRunning()).toBe(false);
        const gate = gateOf([passes], { service: { service, drainMs: 10_000 } });
        expect(await update(requestFor(root, { gate }), tools)).toMatchObject({
          kind: "nothing-to-do",
          recovery: "finished",
        });
        expect(await service.isRunning()).toBe(true);
        expect(log()).toEqual(["one", "stop", "two"]);
      } finally {
        end();
      }
    });
  });

  describe("who is asked before, and told after", () => {
    it("a hook that refuses leaves everything as it was, and one afterwards hears how it ended", async () => {
      const root = world.device("old");
      const heard = world.at("heard");
      const after = {
        command: ["sh", "-c", `echo "$THEMIS_OUTCOME $THEMIS_FROM $THEMIS_TO" >> ${heard}`],
        timeoutMs: 20_000,
      };
      const before = { command: ["false"], timeoutMs: 20_000 };
      await expect(update(requestFor(root, { hooks: { before, after } }), tools)).rejects.toMatchObject({
        code: "HOOK_FAILED",
      });
      expect(existsSync(heard)).toBe(false);
      expect(installed(strategy, root)).toEqual(snapshot(world.old));
      await update(requestFor(root, { hooks: { after }, gate: gateOf([fails]) }), tools).catch(() => {});
      await update(requestFor(root, { hooks: { after } }), tools);
      expect(readFileSync(heard, "utf8").trim().split("\n")).toEqual([
        "rolled-back 1.0.0 1.1.0",
        "updated 1.0.0 1.1.0",
      ]);
    });

    it("notifications say what happened, and what they cannot tell is a notice", async () => {
      const root = world.device("old");
      const events: UpdateEvent[] = [];
      const notices: string[] = [];
      const notify = async (event: UpdateEvent): Promise<string[]> => {
        events.push(event);
        return ["nobody listens"];
      };
      const told = { ...tools, notice: (message: string) => notices.push(message) };
      await update(requestFor(root, { notify, gate: gateOf([fails]) }), told).catch(() => {});
      await update(requestFor(root, { notify }), told);
      expect(events).toMatchObject([
        {
          kind: "rolled-back",
          product: "app",
          from: "1.0.0",
          to: "1.1.0",
          message: expect.stringContaining("answers"),
        },
        { kind: "updated", product: "app", from: "1.0.0", to: "1.1.0" },
      ]);
      expect(notices).toEqual(["nobody listens", "nobody listens"]);
    });
  });

  it("other programs have it all in two engines", async () => {
    const root = world.device("old");
    const { version: _, ...request } = requestFor(root, { gate: gateOf([passes]) });
    await new DownloadEngine(request).download();
    const engine = new HotReloadEngine(request);
    const { plan } = await engine.dryRun();
    const { perFile } = await engine.apply();
    expect(perFile.map(({ path, action }) => ({ path, action }))).toEqual(
      plan.steps.map((step) => ({
        path: step.kind === "remove" ? step.path : step.target.path,
        action: step.kind,
      })),
    );
    expect(installed(strategy, root)).toEqual(snapshot(world.new));
    expect(await engine.listRollbackPoints()).toMatchObject([{ toVersion: "1.1.0" }, { toVersion: "1.0.0" }]);
    await expect(engine.confirm()).rejects.toMatchObject({ code: "NOTHING_TO_CONFIRM" });
    expect(await engine.rollback()).toMatchObject({ from: "1.1.0", to: "1.0.0" });
    expect(installed(strategy, root)).toEqual(snapshot(world.old));
  });
});
