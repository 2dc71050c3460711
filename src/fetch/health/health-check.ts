/**
 * Is this device fit for an update? Asked before anything is fetched, and answered within two seconds.
 *
 *   const health = new HealthCheck({ root, bundleBytes: 310e6, memoryBytes: 96 * 2 ** 20,
 *     dependencies: [{ requirement: "themis-storage >=1.4.0,<2.0.0", version: { command: ["themis-storage", "--version"] } }] });
 *   const { passed, checks } = await health.run();
 *
 * All checks run at once, and each ends by the deadline: a disk of the network that hangs, or a program that
 * never answers, is a failed check and not a hanging update. `preFlight` is exact about the disk once the plan
 * is known; here it is asked with what the bundle says.
 */

import { statfs } from "node:fs/promises";
import { availableMemory } from "../../base/available-memory.ts";
import { runCommand } from "../../base/command.ts";
import { oneLine } from "../../base/one-line.ts";
import { writeSize } from "../../base/units.ts";
import { isInRange } from "../../base/version-range.ts";
import { plainEnvironment } from "../command-environment.ts";
import { FetchError } from "../fetch-error.ts";
import { SPARE_FACTOR } from "../pre-flight.ts";
import type { Verdict } from "./check.ts";
import { endOf, withOutput } from "./command-verdict.ts";
import { findVersion, parseRequirement } from "./dependency.ts";

export type Dependency = {
  /** As manifests name them: "themis-storage >=1.4.0,<2.0.0". */
  readonly requirement: string;
  /** Which version is here, or the program that prints it; undefined when nobody knows, which fails. */
  readonly version?: string | { readonly command: readonly string[] } | undefined;
};

export type HealthCheckOptions = {
  readonly root: string;
  /** Of the whole bundle; twice as much must be free. */
  readonly bundleBytes: number;
  /** What applying takes at its peak; default 0. */
  readonly memoryBytes?: number | undefined;
  readonly dependencies?: readonly Dependency[] | undefined;
  /** For all of them together; default 2000. */
  readonly deadlineMs?: number | undefined;
};

export type HealthFinding = Verdict & { readonly name: string; readonly durationMs: number };

export type HealthReport = {
  readonly passed: boolean;
  readonly checks: readonly HealthFinding[];
  readonly durationMs: number;
};

const DEADLINE_MS = 2_000;
/** Of the deadline, for ending what hangs and for a busy machine. */
const SETTLE_MS = 200;

type Ask = {
  readonly name: string;
  readonly expected: string;
  readonly ask: (signal: AbortSignal, limitMs: number) => Promise<Answer>;
};
type Answer = { readonly passed: boolean; readonly found: string };

export class HealthCheck {
  readonly #options: HealthCheckOptions;

  constructor(options: HealthCheckOptions) {
    this.#options = options;
  }

  /** @throws the signal's reason */
  async run({ signal }: { readonly signal?: AbortSignal | undefined } = {}): Promise<HealthReport> {
    signal?.throwIfAborted();
    const startedMs = performance.now();
    const { dependencies = [], deadlineMs = DEADLINE_MS } = this.#options;
    const over = new AbortController();
    const limitMs = Math.max(1, deadlineMs - SETTLE_MS);
    const timer = setTimeout(() => over.abort(), limitMs);
    const either = signal ? AbortSignal.any([signal, over.signal]) : over.signal;
    const asks = [
      this.#disk(),
      this.#memory(),
      ...dependencies.map((each) => dependencyAsk(this.#options.root, each)),
    ];
    const checks = await Promise.all(asks.map((each) => answered(each, either, limitMs)));
    clearTimeout(timer);
    signal?.throwIfAborted();
    return { passed: checks.every(({ passed }) => passed), checks, durationMs: msSince(startedMs) };
  }

  /** @throws FetchError HEALTH_CHECK_FAILED with the whole report in its facts; the signal's reason */
  async verify(request: { readonly signal?: AbortSignal | undefined } = {}): Promise<HealthReport> {
    const report = await this.run(request);
    const failed = report.checks.filter(({ passed }) => !passed);
    if (failed.length === 0) return report;
    const words = failed.map(({ name, expected, found }) => `${name}: expected ${expected}, found ${found}`);
    throw new FetchError(
      "HEALTH_CHECK_FAILED",
      `this device is not fit for the update: ${words.join("; ")}`,
      {
        facts: { ...report },
        hint: "nothing was changed",
      },
    );
  }

  #disk(): Ask {
    const { root, bundleBytes } = this.#options;
    const needBytes = SPARE_FACTOR * bundleBytes;
    return {
      name: "disk",
      expected: `${writeSize(needBytes)} free under ${root}`,
      ask: async () => {
        const { bavail, bsize } = await statfs(root);
        return { passed: bavail * bsize >= needBytes, found: writeSize(bavail * bsize) };
      },
    };
  }

  #memory(): Ask {
    const { memoryBytes = 0 } = this.#options;
    return {
      name: "memory",
      expected: `${writeSize(memoryBytes)} available`,
      ask: async () => {
        const available = await availableMemory();
        return { passed: available >= memoryBytes, found: writeSize(available) };
      },
    };
  }
}

function dependencyAsk(root: string, { requirement, version }: Dependency): Ask {
  const wanted = parseRequirement(requirement);
  const name = oneLine(wanted?.name ?? requirement, 100);
  if (!wanted) {
    const found = JSON.stringify(requirement);
    return { name, expected: "a name and a range of versions", ask: async () => ({ passed: false, found }) };
  }
  return {
    name,
    expected: wanted.rangeText === "" ? "any version" : oneLine(wanted.rangeText, 300),
    ask: async (signal, limitMs) => {
      if (version === undefined) return { passed: false, found: "no version: nothing here tells it" };
      const text =
        typeof version === "string" ? version : await printed(version.command, root, limitMs, signal);
      if (typeof text !== "string") return text;
      const there = findVersion(text);
      if (!there) return { passed: false, found: withOutput("no version", text) };
      const { major, minor, patch, preRelease } = there;
      const found = [
        `${major}.${minor}.${patch}`,
        ...(preRelease.length > 0 ? [preRelease.join(".")] : []),
      ].join("-");
      return { passed: isInRange(there, wanted.range), found };
    },
  };
}

/** What a program prints, or why it does not. */
async function printed(
  argv: readonly string[],
  root: string,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<string | Answer> {
  const end = await runCommand({
    argv,
    cwd: root,
    environment: plainEnvironment(),
    timeoutMs,
    // The deadline is near: there is no time for good-byes.
    graceMs: 0,
    signal,
  });
  if (end.kind === "exited" && end.status === 0) return end.output;
  return { passed: false, found: withOutput(endOf(end), end.output) };
}

async function answered(
  { name, expected, ask }: Ask,
  over: AbortSignal,
  limitMs: number,
): Promise<HealthFinding> {
  const startedMs = performance.now();
  const late = new Promise<Answer>((resolve) => {
    const tooLate = (): void => resolve({ passed: false, found: `no answer in ${limitMs} ms` });
    over.addEventListener("abort", tooLate, { once: true });
  });
  const answer = ask(over, limitMs).catch((error: unknown) => ({
    passed: false,
    found: over.aborted ? `no answer in ${limitMs} ms` : oneLine(String(error), 300),
  }));
  return { name, expected, ...(await Promise.race([answer, late])), durationMs: msSince(startedMs) };
}

function msSince(startedMs: number): number {
  return Math.round(performance.now() - startedMs);
}
