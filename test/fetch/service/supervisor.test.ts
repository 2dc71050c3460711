/** A child that is supervised, with clients who are connected and clients who come. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Check } from "../../../src/fetch/health/check.ts";
import { runCheck } from "../../../src/fetch/health/run-check.ts";
import { restartAround } from "../../../src/fetch/service/restart.ts";
import { Supervisor, type SupervisorOptions } from "../../../src/fetch/service/supervisor.ts";
import { openConnections, Visitors } from "../../kit/service/connections.ts";

const SAMPLE = resolve(import.meta.dirname, "../../kit/service/sample-service.ts");
const CONNECTIONS = 1000;
const DRAIN_MS = 60_000;

let root: string;
let supervisor: Supervisor | undefined;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "themis-service-"));
  writeFileSync(join(root, "version"), "1");
});
afterEach(async () => {
  await supervisor?.close(0);
  supervisor = undefined;
  rmSync(root, { recursive: true, force: true });
});

async function supervise(
  command: readonly string[],
  more: Partial<SupervisorOptions> = {},
): Promise<Supervisor> {
  const listen = [{ host: "127.0.0.1", port: 0 }];
  supervisor = await Supervisor.open({
    name: "sample",
    command,
    folder: root,
    listen,
    output: "ignore",
    ...more,
  });
  return supervisor;
}

const sample = (...more: string[]) => supervise([process.execPath, SAMPLE, ...more]);
const portOf = ({ addresses }: Supervisor) => addresses[0]!.port;
const facts = () => ({ root, from: "1", to: "2" });

function answers(service: Supervisor, version: string): Check {
  const http = `http://127.0.0.1:${portOf(service)}/`;
  const run = { http, expectStatus: 200, maxLatencyMs: 60_000, expectBody: version };
  return { name: "answers", kind: "smoke", timeoutMs: 120_000, attempts: 1000, intervalMs: 20, run };
}

it(`restarts under ${CONNECTIONS} open connections, and refuses not one attempt`, async () => {
  const service = await sample();
  await service.start();
  const open = await openConnections(portOf(service), CONNECTIONS);
  const waiting = open.slice(0, 50);
  const visitors = new Visitors(portOf(service), 2);
  await setTimeout(100);

  for (const connection of waiting) connection.ask("/slow");
  await setTimeout(50);
  const { restart } = await restartAround(
    { service, drainMs: DRAIN_MS, ready: answers(service, "2"), facts: facts() },
    async () => {
      writeFileSync(join(root, "version"), "2");
      // Long enough for many to come while nobody runs.
      await setTimeout(300);
    },
  );
  await setTimeout(100);
  const visits = await visitors.end();

  expect(new Set(await Promise.all(waiting.map((connection) => connection.answer())))).toEqual(
    new Set(["1"]),
  );
  expect(new Set(await Promise.all(open.map((connection) => connection.closed())))).toEqual(
    new Set(["orderly"]),
  );
  expect(new Set(visits)).toEqual(new Set(["1", "2"]));
  // The old release served all before the first that the new one served.
  expect(visits.lastIndexOf("1")).toBeLessThan(visits.indexOf("2"));
  expect(restart).toMatchObject({ drained: true });
  console.log(
    `${CONNECTIONS} connections, ${visits.length} attempts, 0 refused; stop ${restart!.stopMs} ms, restart ${restart!.latencyMs} ms`,
  );
});

it("refuses visitors once nobody keeps the socket: so a refusal would be counted", async () => {
  const service = await sample();
  await service.close(0);
  const visitors = new Visitors(portOf(service), 5);
  await setTimeout(50);
  expect(new Set(await visitors.end())).toEqual(new Set(["ECONNREFUSED"]));
});

it("kills at the deadline who will not end, and keeps the visitors waiting meanwhile", async () => {
  const service = await sample("stubborn");
  await service.start();
  await runCheck(answers(service, "1"), facts());
  expect(await service.stop(200)).toMatchObject({ drained: false });
  expect(await service.isRunning()).toBe(false);
  const visitors = new Visitors(portOf(service), 5);
  await setTimeout(100);
  await service.start();
  expect(new Set(await visitors.end())).toEqual(new Set(["1"]));
});

it("ends what the child started, too", async () => {
  const service = await supervise(["sh", "-c", "sleep 600 & echo $! > child; exec sleep 600"]);
  await service.start();
  while (!existsSync(join(root, "child")) || readFileSync(join(root, "child"), "utf8") === "")
    await setTimeout(10);
  const pid = readFileSync(join(root, "child"), "utf8").trim();
  await service.stop(DRAIN_MS);
  const isOver = (): boolean => {
    try {
      return /^State:\tZ/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
    } catch {
      return true;
    }
  };
  await expect.poll(isOver, { timeout: 20_000 }).toBe(true);
});

it("starts a child again that ends by itself, and rests in between", async () => {
  const rests: number[] = [];
  const service = await supervise(["sh", "-c", "echo x >> starts; exit 3"], {
    onEnd: ({ how, againInMs }) => {
      expect(how).toBe("status 3");
      rests.push(againInMs);
    },
  });
  await service.start();
  await expect.poll(() => rests.length, { timeout: 60_000 }).toBe(3);
  expect(rests).toEqual([500, 1000, 2000]);
  expect(await service.isRunning()).toBe(true);
  await service.stop(DRAIN_MS);
  const starts = readFileSync(join(root, "starts"), "utf8");
  await setTimeout(2500);
  expect(readFileSync(join(root, "starts"), "utf8")).toBe(starts);
  expect(await service.isRunning()).toBe(false);
});

it("hands arguments over as they are", async () => {
  const argument = `$(touch ${join("/tmp", "never")}) ; ' " * $@`;
  const service = await supervise(["sh", "-c", 'printf "%s" "$1" > seen; exec sleep 600', "sh", argument]);
  await service.start();
  await expect
    .poll(() => existsSync(join(root, "seen")) && readFileSync(join(root, "seen"), "utf8"))
    .toBe(argument);
});

it("gives several sockets, from descriptor 3 on, to the process that LISTEN_PID names", async () => {
  const listen = [0, 0].map((port) => ({ host: "127.0.0.1", port }));
  const script =
    'echo "$$ $LISTEN_PID $LISTEN_FDS" > seen; ls -l /proc/self/fd/3 /proc/self/fd/4 >> seen; exec sleep 600';
  const service = await supervise(["sh", "-c", script], { listen });
  await service.start();
  await expect
    .poll(() => existsSync(join(root, "seen")) && readFileSync(join(root, "seen"), "utf8"))
    .toMatch(/^(\d+) \1 2\n.*socket:.*\n.*socket:/);
});

it("opens no port that is taken, and leaves none open then", async () => {
  const other = createServer().listen(0, "127.0.0.1");
  await new Promise((done) => other.once("listening", done));
  const taken = (other.address() as { port: number }).port;
  const free = await sample();
  const { port } = free.addresses[0]!;
  await free.close(0);
  const listen = [port, taken].map((each) => ({ host: "127.0.0.1", port: each }));
  await expect(supervise(["true"], { listen })).rejects.toMatchObject({
    code: "SERVICE_FAILED",
    message: `nothing can listen at 127.0.0.1:${taken} (EADDRINUSE)`,
  });
  other.close();
  const refused = await new Promise((done) => connect(port, "127.0.0.1").on("error", done));
  expect(refused).toMatchObject({ code: "ECONNREFUSED" });
});

describe("around the work", () => {
  it("a service runs again when the work fails, and the work's failure is told", async () => {
    const service = await sample();
    await service.start();
    const request = { service, drainMs: DRAIN_MS, ready: answers(service, "1"), facts: facts() };
    const work = restartAround(request, () => Promise.reject(new Error("the switch was undone")));
    await expect(work).rejects.toThrow("the switch was undone");
    expect(await runCheck(answers(service, "1"), facts())).toMatchObject({ passed: true });
  });

  it("a service runs again after an abort while it was stopped", async () => {
    const service = await sample();
    await service.start();
    const controller = new AbortController();
    const request = { service, drainMs: DRAIN_MS, facts: facts(), signal: controller.signal };
    const work = restartAround(request, async () => {
      controller.abort(new Error("no more"));
      controller.signal.throwIfAborted();
    });
    await expect(work).rejects.toThrow("no more");
    expect(await runCheck(answers(service, "1"), facts())).toMatchObject({ passed: true });
  });

  it("a service that was not running stays so", async () => {
    const service = await sample();
    const done = await restartAround({ service, drainMs: DRAIN_MS, facts: facts() }, async () => "done");
    expect(done).toEqual({ result: "done", restart: undefined });
    expect(await service.isRunning()).toBe(false);
  });

  it("a service that a bad release has ended is started anyway on the way back", async () => {
    const service = await sample();
    const request = {
      service,
      drainMs: DRAIN_MS,
      ready: answers(service, "1"),
      facts: facts(),
      startAnyway: true,
    };
    const { restart } = await restartAround(request, async () => {});
    expect(restart).toMatchObject({ drained: true, latencyMs: expect.any(Number) });
  });

  it("a service that does not get ready is a failure, and says what was found", async () => {
    const service = await supervise(["sh", "-c", "exit 1"]);
    const ready = { ...answers(service, "1"), timeoutMs: 500 };
    const request = { service, drainMs: DRAIN_MS, ready, facts: facts(), startAnyway: true };
    await expect(restartAround(request, async () => {})).rejects.toMatchObject({
      code: "SERVICE_FAILED",
      message: expect.stringContaining("sample is not ready: expected status 200 within"),
    });
  });
});

it("hands over sockets that block, as from systemd, also after a service that made them otherwise", async () => {
  const flags = join(root, "flags");
  const script = `grep flags /proc/self/fdinfo/3 >> flags; exec "$0" "$1"`;
  const service = await supervise(["sh", "-c", script, process.execPath, SAMPLE]);
  await service.start();
  await runCheck(answers(service, "1"), facts());
  await service.stop(DRAIN_MS);
  await service.start();
  await runCheck(answers(service, "1"), facts());
  const lines = readFileSync(flags, "utf8").trim().split("\n");
  expect(lines).toHaveLength(2);
  // O_NONBLOCK of Linux.
  for (const line of lines) expect(Number.parseInt(line.split("\t")[1]!, 8) & 0o4000).toBe(0);
});
