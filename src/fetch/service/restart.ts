/**
 * stop -> work -> start -> ready, with the time from the first to the last.
 *
 * What was not running is not started: an operator may have stopped it on purpose. What was running runs again,
 * whatever becomes of the work: when that fails or is aborted, the release before is back in its place; or it
 * stays stopped (`canRunAfter`), for who puts that back himself.
 */
import type { UpdateFacts } from "../command-environment.ts";
import { FetchError } from "../fetch-error.ts";
import type { Check } from "../health/check.ts";
import { runCheck } from "../health/run-check.ts";
import type { Service } from "./service.ts";

export type RestartRequest = {
  readonly service: Service;
  /** How long it may take to end by itself. */
  readonly drainMs: number;
  /** When it counts as started; without it, once it was started. */
  readonly ready?: Check | undefined;
  readonly facts: UpdateFacts;
  /** Whether what the failed work left behind can run; default: always. Otherwise it stays stopped. */
  readonly canRunAfter?: ((failure: unknown) => boolean) | undefined;
  /** Start it though it does not run now: the way back from a release whose service has ended. */
  readonly startAnyway?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
};

export type Restart = {
  readonly drained: boolean;
  readonly stopMs: number;
  /** From the first request to stop until it was ready. */
  readonly latencyMs: number;
};

export type Restarted<T> = {
  readonly result: T;
  /** undefined for a service that was not running. */
  readonly restart: Restart | undefined;
};

/** @throws FetchError SERVICE_FAILED, SERVICE_MANAGER_MISSING; what the work throws; the signal's reason */
export async function restartAround<T>(
  request: RestartRequest,
  work: () => Promise<T>,
): Promise<Restarted<T>> {
  const { service, drainMs, startAnyway = false, signal } = request;
  signal?.throwIfAborted();
  const isRunning = await service.isRunning();
  if (!isRunning && !startAnyway) return { result: await work(), restart: undefined };

  const startedMs = performance.now();
  const passedMs = (): number => Math.round(performance.now() - startedMs);
  let drained = true;
  let stopMs: number;
  let result: T;
  let isBegun = false;
  try {
    if (isRunning) ({ drained } = await service.stop(drainMs));
    stopMs = passedMs();
    signal?.throwIfAborted();
    isBegun = true;
    result = await work();
  } catch (error) {
    if (!isBegun || (request.canRunAfter?.(error) ?? true)) await startAgain(service, error);
    throw error;
  }
  await service.start();
  await untilReady(request);
  return { result, restart: { drained, stopMs, latencyMs: passedMs() } };
}

/** @throws FetchError SERVICE_FAILED: both failures in one sentence */
async function startAgain(service: Service, before: unknown): Promise<void> {
  try {
    if (!(await service.isRunning())) await service.start();
  } catch (error) {
    const [why, first] = [error, before].map((each) => (each instanceof Error ? each.message : String(each)));
    throw new FetchError(
      "SERVICE_FAILED",
      `${service.name} does not run again (${why}) after this: ${first}`,
      {
        cause: before,
        facts: { service: service.name, runs: false },
        hint: `start ${service.name} by hand`,
      },
    );
  }
}

async function untilReady({ service, ready, facts, signal }: RestartRequest): Promise<void> {
  if (!ready) return;
  const report = await runCheck(ready, facts, signal);
  if (report.passed) return;
  const { expected, found } = report;
  throw new FetchError(
    "SERVICE_FAILED",
    `${service.name} is not ready: expected ${expected}, found ${found}`,
    {
      facts: { service: service.name, ...report },
      hint: "look into its log; hotReload.ready says when it counts as started",
    },
  );
}
