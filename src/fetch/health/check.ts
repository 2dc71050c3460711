/**
 * What must hold after a switch, as data: a command, an HTTP request or a function, each with an end.
 *
 *   { name: "answers", kind: "smoke", timeoutMs: 10_000, attempts: 20, intervalMs: 500,
 *     run: { http: "http://127.0.0.1:8080/health", expectStatus: 200, maxLatencyMs: 500 } }
 */

import type { UpdateFacts } from "../command-environment.ts";
import { FetchError } from "../fetch-error.ts";

export type CheckKind = "smoke" | "integration" | "performance" | "schema-compatibility";

export type CommandRun = {
  /** argv, never read by a shell; runs in the root. */
  readonly command: readonly string[];
  /** Its exit status. */
  readonly expectStatus: number;
  /** What its output must contain. */
  readonly expectOutput?: string | undefined;
};

export type HttpRun = {
  /** http or https; a redirect is an answer, and is not followed. */
  readonly http: string;
  readonly expectStatus: number;
  /** From the request to the last byte of the answer, or to the bound of what is read of it. */
  readonly maxLatencyMs: number;
  /** What the body must contain, in its first 64 KiB. */
  readonly expectBody?: string | undefined;
  /** A PEM file of certification authorities that are believed besides Node's own. */
  readonly caFile?: string | undefined;
};

export type Verdict = { readonly passed: boolean; readonly expected: string; readonly found: string };

export type FunctionRun = {
  /** Is cut off at the check's timeout, whether it heeds the signal or not. What it throws is what was found. */
  readonly function: (facts: UpdateFacts, signal: AbortSignal) => Verdict | Promise<Verdict>;
};

export type Check = {
  readonly name: string;
  readonly kind: CheckKind;
  /** For all attempts together. */
  readonly timeoutMs: number;
  /** How often it is tried until it passes; default 1. */
  readonly attempts?: number | undefined;
  /** Between two attempts; default 500. */
  readonly intervalMs?: number | undefined;
  readonly run: CommandRun | HttpRun | FunctionRun;
};

export type CheckReport = Verdict & {
  readonly name: string;
  readonly kind: CheckKind;
  readonly attempts: number;
  readonly durationMs: number;
};

/** Timers count milliseconds in 31 bits, and a longer one would end at once. Nobody waits an hour for a check. */
const MOST_MS = 3_600_000;

/** @throws FetchError CHECK_INVALID */
export function demandValid(check: Check): void {
  const wrong = whatIsWrong(check);
  if (wrong === undefined) return;
  throw new FetchError("CHECK_INVALID", `the check ${JSON.stringify(check.name)} ${wrong}`);
}

function whatIsWrong({ name, timeoutMs, attempts = 1, intervalMs = 0, run }: Check): string | undefined {
  if (name === "") return "has no name";
  if (!isBetween(timeoutMs, 1, MOST_MS)) return `has a timeout that is not within 1 and ${MOST_MS} ms`;
  if (!isBetween(intervalMs, 0, MOST_MS)) return `has an interval that is not within 0 and ${MOST_MS} ms`;
  if (!isBetween(attempts, 1, Number.MAX_SAFE_INTEGER)) return "is never tried";
  if ("command" in run) return run.command[0] ? undefined : "names no program";
  if ("function" in run) return undefined;
  if (!isBetween(run.maxLatencyMs, 1, MOST_MS))
    return `allows a latency that is not within 1 and ${MOST_MS} ms`;
  const url = URL.canParse(run.http) ? new URL(run.http) : undefined;
  if (!url || !/^https?:$/.test(url.protocol)) return "asks what is no http(s) URL";
  // It would stand in a report.
  return url.username + url.password === "" ? undefined : "has a name or a password in its URL";
}

function isBetween(value: number, least: number, most: number): boolean {
  return value >= least && value <= most;
}
