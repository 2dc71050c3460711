/** Programs that do what they should, and all that they do instead. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type CommandRequest, runCommand } from "../../src/base/command.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "themis-command-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const environment = { PATH: process.env.PATH ?? "" };

function run(argv: readonly string[], more: Partial<CommandRequest> = {}) {
  return runCommand({ argv, environment, cwd: folder, timeoutMs: 60_000, ...more });
}

function shell(script: string, more: Partial<CommandRequest> = {}) {
  return run(["sh", "-c", script], more);
}

/** A zombie that nobody waits for has ended too. */
function lives(pid: number): boolean {
  try {
    return !/^State:\tZ/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}

async function ended(pid: number): Promise<boolean> {
  for (let tries = 0; tries < 200 && lives(pid); tries++) await setTimeout(25);
  return !lives(pid);
}

async function pidIn(file: string): Promise<number> {
  const path = join(folder, file);
  while (!existsSync(path) || readFileSync(path, "utf8").trim() === "") await setTimeout(10);
  return Number(readFileSync(path, "utf8"));
}

describe("a program", () => {
  it("ends with a status, and what it printed on both ways is kept", async () => {
    expect(await shell("echo out; echo err >&2; exit 3")).toMatchObject({
      kind: "exited",
      status: 3,
      output: expect.stringMatching(/^out\nerr\n$|^err\nout\n$/),
    });
  });

  it("gets its arguments as they are: no shell reads them", async () => {
    const argument = `$(touch ${join(folder, "touched")}); "quoted" 'x' * \n end`;
    const { output } = await run(["printf", "%s", argument]);
    expect(output).toBe(argument);
    expect(existsSync(join(folder, "touched"))).toBe(false);
  });

  it("sees the environment that is given and no more, and an empty stdin", async () => {
    process.env.THEMIS_TEST_SECRET = "secret";
    const { output } = await run(["env"], { environment: { ...environment, THEMIS_TO: "2" } });
    delete process.env.THEMIS_TEST_SECRET;
    expect(output.split("\n").filter(Boolean).sort()).toEqual(
      [`PATH=${environment.PATH}`, "THEMIS_TO=2"].sort(),
    );
    expect(await shell("cat; echo done")).toMatchObject({ output: "done\n", status: 0 });
  });

  it("is kept to the last of what it prints", async () => {
    const { output } = await shell("seq 1 200000; echo the end", { maxOutputBytes: 1000 });
    expect(output).toMatch(/\n200000\nthe end\n$/);
    expect(Buffer.byteLength(output)).toBe(1000);
  });

  it("that kills itself says by what", async () => {
    expect(await shell("kill -SEGV $$")).toMatchObject({ kind: "killed", by: "SIGSEGV" });
  });

  it.each([
    ["that is not there", ["no-such-program"], "ENOENT"],
    ["without a name", [""], "ERR_INVALID_ARG_VALUE"],
    ["with a NUL in its arguments", ["echo", "a\0b"], "ERR_INVALID_ARG_VALUE"],
    ["with too many arguments", ["echo", "x".repeat(4 << 20)], "E2BIG"],
  ])("%s is not started", async (_, argv, errno) => {
    expect(await run(argv)).toMatchObject({ kind: "not-started", errno, output: "" });
  });

  it("that is no program is not started", async () => {
    writeFileSync(join(folder, "text"), "no program", { mode: 0o644 });
    expect(await run(["./text"])).toMatchObject({ kind: "not-started", errno: "EACCES" });
  });
});

describe("at its timeout", () => {
  it("a program may clean up", async () => {
    const script = "trap 'echo bye; exit 0' TERM; echo started; while :; do sleep 0.05; done";
    expect(await shell(script, { timeoutMs: 1000 })).toMatchObject({
      kind: "timed-out",
      output: expect.stringMatching(/^started\n(Terminated\n)?bye\n$/),
    });
  });

  it("a program that will not end is killed with all that it started", async () => {
    const script = `trap '' TERM; (trap '' TERM; echo $BASHPID > child; while :; do sleep 1; done) & while :; do sleep 1; done`;
    const end = run(["bash", "-c", script], { timeoutMs: 2000, graceMs: 100 });
    const child = await pidIn("child");
    expect(lives(child)).toBe(true);
    expect(await end).toMatchObject({ kind: "timed-out" });
    expect(await ended(child)).toBe(true);
  });

  it("a stopped program is killed too", async () => {
    expect(await shell("kill -STOP $$", { timeoutMs: 300, graceMs: 100 })).toMatchObject({
      kind: "timed-out",
    });
  });
});

it("a timeout that no timer can count does not end a program at once", async () => {
  expect(await shell("sleep 0.2; echo done", { timeoutMs: 1e12 })).toMatchObject({
    kind: "exited",
    output: "done\n",
  });
});

describe("a program that has ended", () => {
  it("leaves nobody in the background who holds the pipe", async () => {
    const end = await shell("sleep 600 & echo $! > child; echo done");
    expect(end).toMatchObject({ kind: "exited", status: 0, output: "done\n" });
    expect(await ended(await pidIn("child"))).toBe(true);
  });

  it("is not waited for by way of somebody who left its group with the pipe", async () => {
    const end = await shell(
      "setsid sh -c 'echo $$ > child; exec sleep 600' & while [ ! -s child ]; do sleep 0.05; done; echo done",
    );
    const child = await pidIn("child");
    expect(end).toMatchObject({ kind: "exited", status: 0, output: "done\n" });
    expect(lives(child)).toBe(true);
    process.kill(child, "SIGKILL");
  });

  it("may leave a daemon, when it is there for that, which can print", async () => {
    const script = `sh -c 'sleep 0.3; echo printed; echo survived > log; exec sleep 600' & echo $! > child`;
    expect(await shell(script, { mayOutlive: true })).toMatchObject({
      kind: "exited",
      status: 0,
      output: "",
    });
    const child = await pidIn("child");
    while (!existsSync(join(folder, "log"))) await setTimeout(10);
    expect(lives(child)).toBe(true);
    process.kill(child, "SIGKILL");
  });
});

describe("an abort", () => {
  it("before the start starts nothing", async () => {
    const signal = AbortSignal.abort(new Error("no more"));
    await expect(shell("touch started", { signal })).rejects.toThrow("no more");
    expect(existsSync(join(folder, "started"))).toBe(false);
  });

  it("ends what runs, and gives its reason", async () => {
    const controller = new AbortController();
    const end = shell("echo $$ > child; exec sleep 600", { signal: controller.signal });
    const child = await pidIn("child");
    controller.abort(new Error("no more"));
    await expect(end).rejects.toThrow("no more");
    expect(await ended(child)).toBe(true);
  });
});
