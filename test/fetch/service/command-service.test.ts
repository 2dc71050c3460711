/** A daemon of the old kind, behind three commands. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { CommandService } from "../../../src/fetch/service/command-service.ts";
import { restartAround } from "../../../src/fetch/service/restart.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "themis-command-service-"));
});
afterEach(() => {
  if (existsSync(join(folder, "pid"))) {
    try {
      process.kill(Number(readFileSync(join(folder, "pid"), "utf8")), "SIGKILL");
    } catch {
      // It has ended.
    }
  }
  rmSync(folder, { recursive: true, force: true });
});

/** @param loop what the daemon does */
function daemon(loop = "exec sleep 600", more: Partial<Record<"start" | "stop" | "status", string[]>> = {}) {
  writeFileSync(
    join(folder, "ctl"),
    `#!/bin/sh
alive() { [ -e pid ] && grep -q '^State:.[^Z]' "/proc/$(cat pid)/status" 2>/dev/null; }
case "$1" in
  start) sh -c 'echo $$ > pid; ${loop}' & while [ ! -s pid ]; do sleep 0.02; done ;;
  stop) alive && kill "$(cat pid)"; exit 0 ;;
  status) alive && exit 0; exit 3 ;;
esac
`,
    { mode: 0o755 },
  );
  const command = (verb: string) => ["./ctl", verb];
  return new CommandService({
    name: "app",
    start: command("start"),
    stop: command("stop"),
    status: command("status"),
    folder,
    ...more,
  });
}

it("starts what lives on, asks for it and stops it", async () => {
  const service = daemon();
  expect(await service.isRunning()).toBe(false);
  await service.start();
  expect(await service.isRunning()).toBe(true);
  expect(await service.stop(60_000)).toMatchObject({ drained: true });
  expect(await service.isRunning()).toBe(false);
});

it("waits until it has drained", async () => {
  const service = daemon('trap "sleep 0.5; exit 0" TERM; while :; do sleep 0.05; done');
  await service.start();
  await service.stop(60_000);
  expect(await service.isRunning()).toBe(false);
});

it("says of one that will not end that it runs on", async () => {
  const service = daemon('trap "" TERM; while :; do sleep 0.1; done');
  await service.start();
  await expect(service.stop(400)).rejects.toMatchObject({
    code: "SERVICE_FAILED",
    message: 'app runs on 400 ms after it was stopped by "./ctl stop"',
    hint: expect.stringContaining("drain"),
  });
});

it.each([
  ["fails to start", "start", ["false"], 'app could not be started: "false": status 1'],
  [
    "fails to stop",
    "stop",
    ["sh", "-c", "echo no right >&2; exit 4"],
    'app could not be stopped: "sh -c echo no right >&2; exit 4": status 4: no right',
  ],
  [
    "has no status",
    "status",
    ["sh", "-c", "exit 4"],
    'nobody knows whether app runs: "sh -c exit 4": status 4',
  ],
  [
    "has a program that is gone",
    "start",
    ["./gone"],
    'app could not be started: "./gone": it cannot be started (ENOENT)',
  ],
] as const)("says why, when it %s", async (_, verb, argv, message) => {
  const service = daemon(undefined, { [verb]: [...argv] });
  const call = {
    start: () => service.start(),
    stop: () => service.stop(1000),
    status: () => service.isRunning(),
  };
  await expect(call[verb]()).rejects.toMatchObject({
    code: "SERVICE_FAILED",
    message,
    hint: expect.stringContaining(`hotReload.service.command.${verb}`),
  });
});

it("that does not run again after a failed switch is told with both failures", async () => {
  const start = ["sh", "-c", "[ -e broken ] && exit 9; exec ./ctl start"];
  const service = daemon(undefined, { start });
  await service.start();
  const request = { service, drainMs: 60_000, facts: { root: folder, from: "1", to: "2" } };
  const work = restartAround(request, async () => {
    writeFileSync(join(folder, "broken"), "");
    throw new Error("the switch was undone");
  });
  await expect(work).rejects.toMatchObject({
    code: "SERVICE_FAILED",
    message: `app does not run again (app could not be started: ${JSON.stringify(start.join(" "))}: status 9) after this: the switch was undone`,
    cause: expect.objectContaining({ message: "the switch was undone" }),
  });
});

it("wants all three commands", () => {
  expect(() => daemon(undefined, { status: [] })).toThrow(
    expect.objectContaining({ code: "SERVICE_INVALID", message: "the service app has no command to status" }),
  );
});
