/** Whether a device is fit, and that the answer comes in time, whatever hangs. */

import { mkdtempSync, readFileSync, rmSync, statfsSync } from "node:fs";
import { tmpdir, totalmem } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { writeSize } from "../../../src/base/units.ts";
import { findVersion, parseRequirement } from "../../../src/fetch/health/dependency.ts";
import {
  type Dependency,
  HealthCheck,
  type HealthCheckOptions,
} from "../../../src/fetch/health/health-check.ts";

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "themis-health-"));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function health(more: Partial<HealthCheckOptions> = {}): HealthCheck {
  return new HealthCheck({ root, bundleBytes: 1000, ...more });
}

async function dependency(each: Dependency) {
  const { passed, checks } = await health({ dependencies: [each] }).run();
  expect(passed).toBe(checks.every((check) => check.passed));
  return checks.find(({ name }) => name !== "disk" && name !== "memory")!;
}

it("passes where there is room, memory and what is depended on", async () => {
  const node = { command: [process.execPath, "--version"] };
  const report = await health({
    memoryBytes: 1,
    dependencies: [{ requirement: "node >=24", version: node }],
  }).run();
  expect(report.checks.map(({ name, passed }) => [name, passed])).toEqual([
    ["disk", true],
    ["memory", true],
    ["node", true],
  ]);
});

it("wants twice the bundle on the disk", async () => {
  const { bavail, bsize } = statfsSync(root);
  const bundleBytes = Math.floor(bavail * bsize * 0.6);
  await expect(health({ bundleBytes }).verify()).rejects.toMatchObject({
    code: "HEALTH_CHECK_FAILED",
    area: "local",
    message: expect.stringContaining(`disk: expected ${writeSize(2 * bundleBytes)} free under ${root}`),
    facts: { passed: false },
  });
});

it("wants the memory that applying takes", async () => {
  const { checks } = await health({ memoryBytes: totalmem() + 1 }).run();
  expect(checks.find(({ name }) => name === "memory")).toMatchObject({ passed: false });
});

it("says of a root that is gone that it is", async () => {
  const { checks } = await new HealthCheck({ root: join(root, "gone"), bundleBytes: 1 }).run();
  expect(checks[0]).toMatchObject({ name: "disk", passed: false, found: expect.stringContaining("ENOENT") });
});

describe("a dependency", () => {
  it.each([
    ["in the range", "storage >=1.4.0,<2.0.0", "1.9.3", true, "1.9.3"],
    ["too old", "storage >=1.4.0,<2.0.0", "1.3.9", false, "1.3.9"],
    ["a pre-release of the next", "storage >=1.4.0,<2.0.0", "2.0.0-rc.1", false, "2.0.0-rc.1"],
    ["of any version", "storage", "0.1.0", true, "0.1.0"],
    ["that tells no version", "storage ^1", "unknown", false, "no version: unknown"],
    ["whose version nobody knows", "storage ^1", undefined, false, "no version: nothing here tells it"],
    ["whose requirement cannot be read", "storage of this year", "1.0.0", false, '"storage of this year"'],
  ] as const)("%s", async (_, requirement, version, passed, found) => {
    expect(await dependency({ requirement, version })).toMatchObject({ passed, found });
  });

  it.each([
    ["whose program is not there", ["no-such-program"], "it cannot be started (ENOENT)"],
    [
      "whose program fails",
      ["sh", "-c", "echo 1.4.0; echo no database >&2; exit 1"],
      /^status 1: .*no database/,
    ],
    [
      "whose program hangs",
      ["sh", "-c", "echo $$ > pid; exec sleep 600"],
      /^no answer in 1800 ms$|had not ended/,
    ],
  ])("%s fails", async (_, command, found) => {
    const check = await dependency({ requirement: "storage ^1", version: { command } });
    expect(check).toMatchObject({
      passed: false,
      found: typeof found === "string" ? found : expect.stringMatching(found),
    });
  });
});

it("is over by its deadline, and leaves no program that hangs behind", async () => {
  const hanging = { command: ["sh", "-c", "trap '' TERM; echo $$ > pid; while :; do sleep 1; done"] };
  const report = await health({
    deadlineMs: 3000,
    dependencies: [
      { requirement: "hangs ^1", version: hanging },
      { requirement: "answers ^1", version: "1.0.0" },
    ],
  }).run();
  expect(report.checks.map(({ name, passed }) => [name, passed])).toEqual([
    ["disk", true],
    ["memory", true],
    ["hangs", false],
    ["answers", true],
  ]);
  const pid = readFileSync(join(root, "pid"), "utf8").trim();
  const isOver = (): boolean => {
    try {
      return /^State:\tZ/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
    } catch {
      return true;
    }
  };
  await expect.poll(isOver, { timeout: 20_000 }).toBe(true);
});

it("gives an abort's reason", async () => {
  const signal = AbortSignal.timeout(200);
  const version = { command: ["sleep", "600"] };
  const run = health({ deadlineMs: 60_000, dependencies: [{ requirement: "a", version }] }).run({ signal });
  await expect(run).rejects.toMatchObject({ name: "TimeoutError" });
});

it.each([
  ["v24.1.0", "24.1.0"],
  ["psql (PostgreSQL) 15.4 (Debian 15.4-1.pgdg120+1)", "15.4.0"],
  ["OpenSSL 3.0.15 3 Sep 2024 (Library: OpenSSL 3.0.15)", "3.0.15"],
  ["go version go1.22.3 linux/amd64", "1.22.3"],
  ["GNU bash, version 5.2.15(1)-release", "5.2.15"],
  ["Ubuntu 24.04", "24.4.0"],
  ["themis-storage-1.4.0-rc.2", "1.4.0-rc.2"],
  ["listening on 127.0.0.1:80, storage 1.4.0", "1.4.0"],
  ["built 2026-11-02", undefined],
  ["", undefined],
])("reads the version out of %j", (text, expected) => {
  const found = findVersion(text);
  const { major, minor, patch, preRelease } = found ?? {};
  const words = found && [[major, minor, patch].join("."), ...preRelease!.slice(0, 1)].join("-");
  expect(words).toBe(expected?.replace("-rc.2", "-rc"));
});

it.each(["", ">=1.0.0", "two words ^1", "storage >=", "$(reboot) ^1"])(
  "reads no requirement out of %j",
  (text) => {
    expect(parseRequirement(text)).toBe(undefined);
  },
);
