/**
 * What a supervisor is asked, and what it answers: one line each way, one request for each connection.
 *
 *   status         ->  running | stopped
 *   start          ->  started
 *   stop 10000     ->  drained 321 | killed 10123        milliseconds: how long it may take, how long it took
 *   anything       ->  failed <why>
 */
import { oneLine } from "../../base/one-line.ts";
import type { Stopped } from "./service.ts";

export type ControlRequest =
  | { readonly kind: "status" }
  | { readonly kind: "start" }
  | { readonly kind: "stop"; readonly drainMs: number };

export type ControlAnswer =
  | { readonly kind: "running" | "stopped" | "started" }
  | { readonly kind: "ended"; readonly stopped: Stopped }
  | { readonly kind: "failed"; readonly why: string };

/** With the line end. */
export const MAX_REQUEST_BYTES = 32;
export const MAX_ANSWER_BYTES = 4096;
const MAX_WHY_CHARACTERS = 1000;
const LONGEST_DRAIN_MS = 3_600_000;

export function encodeRequest(request: ControlRequest): string {
  return request.kind === "stop" ? `stop ${Math.round(request.drainMs)}\n` : `${request.kind}\n`;
}

/** undefined for what is no request. @param line without its end */
export function decodeRequest(line: string): ControlRequest | undefined {
  if (line === "status" || line === "start") return { kind: line };
  const drainMs = Number(/^stop (\d{1,7})$/.exec(line)?.[1]);
  return drainMs <= LONGEST_DRAIN_MS ? { kind: "stop", drainMs } : undefined;
}

export function encodeAnswer(answer: ControlAnswer): string {
  switch (answer.kind) {
    case "ended":
      return `${answer.stopped.drained ? "drained" : "killed"} ${answer.stopped.durationMs}\n`;
    case "failed":
      return `failed ${oneLine(answer.why, MAX_WHY_CHARACTERS)}\n`;
    default:
      return `${answer.kind}\n`;
  }
}

/** undefined for what is no answer. @param line without its end */
export function decodeAnswer(line: string): ControlAnswer | undefined {
  if (line === "running" || line === "stopped" || line === "started") return { kind: line };
  const [, how, duration] = /^(drained|killed) (\d{1,8})$/.exec(line) ?? [];
  if (how !== undefined)
    return { kind: "ended", stopped: { drained: how === "drained", durationMs: Number(duration) } };
  return line.startsWith("failed ")
    ? { kind: "failed", why: oneLine(line.slice(7), MAX_WHY_CHARACTERS) }
    : undefined;
}
