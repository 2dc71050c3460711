/** Checks after a switch, with real programs and real servers on loopback. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Check, CheckKind, HttpRun } from "../../../src/fetch/health/check.ts";
import { UpdateVerifier } from "../../../src/fetch/health/update-verifier.ts";

let root: string;
const servers: Server[] = [];
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "themis-checks-"));
});
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.close();
    server.closeAllConnections();
  }
  rmSync(root, { recursive: true, force: true });
});

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function check(run: Check["run"], more: Partial<Check> = {}): Check {
  return { name: "answers", kind: "smoke", timeoutMs: 60_000, run, ...more };
}

function http(url: string, more: Partial<HttpRun> = {}): HttpRun {
  return { http: url, expectStatus: 200, maxLatencyMs: 60_000, ...more };
}

const facts = { from: "1.4.0", to: "1.5.0" };
const verify = (...checks: Check[]) => new UpdateVerifier({ checks }).run({ root, ...facts });
const one = async (each: Check) => (await verify(each)).reports[0]!;

describe("a command", () => {
  it("passes by its status and its output, in the root, and knows the update", async () => {
    writeFileSync(
      join(root, "selftest"),
      '#!/bin/sh\necho "$THEMIS_FROM to $THEMIS_TO in $THEMIS_ROOT, $PWD"\n',
      {
        mode: 0o755,
      },
    );
    const run = {
      command: ["./selftest"],
      expectStatus: 0,
      expectOutput: `1.4.0 to 1.5.0 in ${root}, ${root}`,
    };
    expect(await one(check(run))).toMatchObject({ passed: true, attempts: 1, found: "status 0" });
  });

  it.each([
    ["another status", "echo broken >&2; exit 3", "status 3: broken"],
    ["other output", "echo ill", "status 0: ill"],
    ["a signal", "kill -ABRT $$", "it was ended by SIGABRT"],
    [
      "output that would paint a terminal",
      "printf '\\033[31mred\\033[0m\\a\\nline'; exit 1",
      "status 1: red line",
    ],
  ])("fails by %s, and says so", async (_, script, found) => {
    const run = { command: ["sh", "-c", script], expectStatus: 0, expectOutput: "well" };
    expect(await one(check(run))).toMatchObject({
      passed: false,
      expected: 'status 0 and "well" in its output',
      found,
    });
  });

  it("that is not there, fails", async () => {
    expect(await one(check({ command: ["no-such-program"], expectStatus: 0 }))).toMatchObject({
      passed: false,
      found: "it cannot be started (ENOENT)",
    });
  });

  it("that hangs is ended at its timeout, and what it said is told", async () => {
    const run = { command: ["sh", "-c", "echo waiting for the lock; sleep 600"], expectStatus: 0 };
    expect(await one(check(run, { timeoutMs: 1000 }))).toMatchObject({
      passed: false,
      found: expect.stringMatching(/^it had not ended after \d+ ms: waiting for the lock$/),
    });
  });

  it("is tried until it passes", async () => {
    const script = 'echo x >> tries; [ "$(wc -l < tries)" -ge 3 ]';
    const run = { command: ["sh", "-c", script], expectStatus: 0 };
    expect(await one(check(run, { attempts: 10, intervalMs: 1 }))).toMatchObject({
      passed: true,
      attempts: 3,
    });
  });

  it("is tried no more often than it may be", async () => {
    const run = { command: ["sh", "-c", "echo x >> tries; exit 1"], expectStatus: 0 };
    expect(await one(check(run, { attempts: 3, intervalMs: 1 }))).toMatchObject({
      passed: false,
      attempts: 3,
    });
    expect(readFileSync(join(root, "tries"), "utf8")).toBe("x\nx\nx\n");
  });

  it("that is cut off at last has found what it found before", async () => {
    const script = "[ -e tried ] && sleep 600; touch tried; echo not yet; exit 1";
    const run = { command: ["sh", "-c", script], expectStatus: 0 };
    expect(await one(check(run, { attempts: 9, intervalMs: 1, timeoutMs: 1500 }))).toMatchObject({
      found: expect.stringMatching(/^status 1: not yet; at last it had not ended/),
    });
  });

  it("is tried no longer than until its timeout", async () => {
    const run = { command: ["false"], expectStatus: 0 };
    const report = await one(check(run, { attempts: 1e9, intervalMs: 10, timeoutMs: 400 }));
    expect(report).toMatchObject({ passed: false, found: expect.stringMatching(/^status 1/) });
  });
});

describe("an HTTP request", () => {
  it("passes by status, latency and body", async () => {
    const url = await serve((_, response) => response.end("all is well"));
    expect(await one(check(http(url, { expectBody: "well" })))).toMatchObject({ passed: true });
  });

  it.each<[string, RequestListener, Partial<HttpRun>, RegExp]>([
    ["another status", (_, response) => response.writeHead(503).end(), {}, /^status 503 in \d+ ms$/],
    ["another body", (_, response) => response.end("ill"), { expectBody: "well" }, /its body lacks that$/],
    ["no answer in time", () => {}, { maxLatencyMs: 200 }, /^no whole answer in 200 ms$/],
    [
      "a body that trickles",
      (_, response) => {
        const timer = setInterval(() => response.write("."), 20);
        response.on("close", () => clearInterval(timer));
      },
      { maxLatencyMs: 200 },
      /^no whole answer in 200 ms$/,
    ],
    [
      "a body that breaks off",
      (_, response) => {
        response.writeHead(200, { "content-length": 100 });
        response.write("half", () => response.destroy());
      },
      {},
      /stopped: it broke/,
    ],
    ["a redirect", (_, response) => response.writeHead(302, { location: "/login" }).end(), {}, /^status 302/],
  ])("fails by %s", async (_, listener, more, found) => {
    const url = await serve(listener);
    expect(await one(check(http(url, more)))).toMatchObject({
      passed: false,
      expected: expect.stringMatching(/^status 200 within \d+ ms/),
      found: expect.stringMatching(found),
    });
  });

  it("reads of an endless body no more than it needs", async () => {
    const url = await serve((_, response) => {
      const more = (): boolean => response.write("x".repeat(65_536), () => !response.destroyed && more());
      more();
    });
    expect(await one(check(http(url)))).toMatchObject({ passed: true });
  });

  it("fails while nobody listens, and passes once somebody does", async () => {
    const url = await serve(() => {});
    const [server] = servers.splice(0);
    await new Promise((resolve) => server!.close(resolve));
    const refused = await one(check(http(`${url}/health?token=secret`)));
    expect(refused).toMatchObject({ passed: false, found: expect.stringContaining("ECONNREFUSED") });
    expect(JSON.stringify(refused)).not.toContain("secret");

    const report = one(check(http(url), { attempts: 1e6, intervalMs: 20 }));
    const later = createServer((_, response) => response.end("here"));
    servers.push(later);
    later.listen(Number(new URL(url).port), "127.0.0.1");
    expect(await report).toMatchObject({ passed: true });
  });

  it("reaches loopback directly, whatever proxy the environment names", async () => {
    const url = await serve((_, response) => response.end());
    const before = process.env.http_proxy;
    process.env.http_proxy = "http://127.0.0.1:9";
    try {
      expect(await one(check(http(url)))).toMatchObject({ passed: true });
      expect(await one(check(http(url.replace("127.0.0.1", "localhost"))))).toMatchObject({ passed: true });
    } finally {
      if (before === undefined) delete process.env.http_proxy;
      else process.env.http_proxy = before;
    }
  });
});

describe("a function", () => {
  it("decides by itself, and knows the update", async () => {
    const run = {
      function: ({ to }: { readonly to: string }) => ({
        passed: to === "1.5.0",
        expected: "1.5.0",
        found: to,
      }),
    };
    expect(await one(check(run))).toMatchObject({ passed: true, found: "1.5.0" });
  });

  it("that throws has found that", async () => {
    const run = {
      function: () => {
        throw new Error("table users is missing");
      },
    };
    expect(await one(check(run))).toMatchObject({ passed: false, found: "table users is missing" });
  });

  it("that never ends is left behind, though it heeds no signal", async () => {
    const run = { function: () => new Promise<never>(() => {}) };
    expect(await one(check(run, { timeoutMs: 100 }))).toMatchObject({
      passed: false,
      found: "no end within 100 ms",
    });
  });
});

describe("the verifier", () => {
  const passing = (name: string, kind: CheckKind = "smoke") =>
    check({ function: () => ({ passed: true, expected: "yes", found: "yes" }) }, { name, kind });
  const failing = (name: string) =>
    check(
      { function: () => ({ passed: false, expected: "p99 below 5 ms", found: "p99 of 9 ms" }) },
      { name, kind: "performance" },
    );

  it("ends at the first that fails, and names what was not reached", async () => {
    const told: string[] = [];
    const report = await new UpdateVerifier({
      checks: [
        passing("a"),
        failing("latency"),
        passing("b", "integration"),
        passing("c", "schema-compatibility"),
      ],
    }).run({ root, ...facts, progress: ({ name, passed }) => told.push(`${name} ${passed}`) });
    expect(report).toMatchObject({ passed: false, notRun: ["b", "c"] });
    expect(told).toEqual(["a true", "latency false"]);
  });

  it("throws CHECK_FAILED with the check, what it expected and what it found", async () => {
    await expect(
      new UpdateVerifier({ checks: [failing("latency")] }).verify({ root, ...facts }),
    ).rejects.toMatchObject({
      code: "CHECK_FAILED",
      message: 'the performance check "latency" failed: expected p99 below 5 ms, found p99 of 9 ms',
      facts: { name: "latency", kind: "performance", passed: false, durationMs: expect.any(Number) },
    });
  });

  it("without checks passes", async () => {
    expect(await verify()).toEqual({ passed: true, reports: [], notRun: [] });
  });

  it.each([
    ["in the middle of a command", check({ command: ["sleep", "600"], expectStatus: 0 })],
    ["in the middle of a function", check({ function: () => new Promise<never>(() => {}) })],
    [
      "between two attempts",
      check({ command: ["false"], expectStatus: 0 }, { attempts: 9, intervalMs: 50_000 }),
    ],
  ])("gives an abort's reason %s", async (_, each) => {
    const controller = new AbortController();
    const report = new UpdateVerifier({ checks: [each] }).run({ root, ...facts, signal: controller.signal });
    setTimeout(() => controller.abort(new Error("no more")), 300);
    await expect(report).rejects.toThrow("no more");
  });

  it.each([
    ["two of one name", [passing("a"), passing("a")]],
    ["no name", [passing("")]],
    [
      "a timeout that a timer cannot count",
      [check({ command: ["true"], expectStatus: 0 }, { timeoutMs: 2 ** 31 })],
    ],
    ["a timeout of no number", [check({ command: ["true"], expectStatus: 0 }, { timeoutMs: Number.NaN })]],
    ["no program", [check({ command: [], expectStatus: 0 })]],
    ["a URL of a file", [check(http("file:///etc/passwd"))]],
    ["a URL with a password", [check(http("http://user:secret@localhost/"))]],
    ["no URL", [check(http("nowhere"))]],
    ["no attempts", [check({ command: ["true"], expectStatus: 0 }, { attempts: 0 })]],
  ])("refuses checks with %s", (_, checks) => {
    expect(() => new UpdateVerifier({ checks })).toThrow(
      expect.objectContaining({ code: "CHECK_INVALID", kind: "usage" }),
    );
  });
});
