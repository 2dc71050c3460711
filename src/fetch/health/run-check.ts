/** One check, as often as it may be tried, until it passes or its time is over. */
import { setTimeout as pause } from "node:timers/promises";
import { oneLine } from "../../base/one-line.ts";
import type { UpdateFacts } from "../command-environment.ts";
import type { Check, CheckReport, Verdict } from "./check.ts";
import { commandExpectation, commandVerdict } from "./command-verdict.ts";
import { httpExpectation, httpVerdict } from "./http-verdict.ts";

const INTERVAL_MS = 500;
/** Of what a check says in a report. */
const MOST_CHARACTERS = 500;

/** What is checked never makes it fail: that stands in the report. @throws the signal's reason */
export async function runCheck(check: Check, facts: UpdateFacts, signal?: AbortSignal): Promise<CheckReport> {
  signal?.throwIfAborted();
  const { name, kind, timeoutMs, attempts = 1, intervalMs = INTERVAL_MS } = check;
  const startedMs = performance.now();
  const passedMs = (): number => Math.round(performance.now() - startedMs);
  const over = new AbortController();
  // AbortSignal.timeout would not hold the process while a check is all that it waits for.
  const timer = setTimeout(() => over.abort(new Error(`no end within ${timeoutMs} ms`)), timeoutMs);
  const either = signal ? AbortSignal.any([signal, over.signal]) : over.signal;
  const expected = expectationOf(check);
  let verdict: Verdict | undefined;
  let made = 0;
  try {
    for (;;) {
      made++;
      const before = verdict;
      verdict = await once(check, facts, timeoutMs - passedMs(), signal, either).catch((error: unknown) => {
        signal?.throwIfAborted();
        return { passed: false, expected, found: messageOf(error) };
      });
      // Cut off in the middle, it says less than the one before.
      if (!verdict.passed && before && passedMs() >= timeoutMs)
        verdict = { ...verdict, found: `${before.found}; at last ${verdict.found}` };
      if (verdict.passed || made >= attempts || timeoutMs - passedMs() <= intervalMs) break;
      await pause(intervalMs, undefined, { signal }).catch(() => signal?.throwIfAborted());
    }
  } finally {
    clearTimeout(timer);
  }
  signal?.throwIfAborted();
  const { passed } = verdict;
  const [wanted, found] = [verdict.expected, verdict.found].map((text) => oneLine(text, MOST_CHARACTERS));
  return {
    name,
    kind,
    passed,
    expected: wanted!,
    found: found!,
    attempts: made,
    durationMs: passedMs(),
  };
}

async function once(
  { run }: Check,
  facts: UpdateFacts,
  restMs: number,
  signal: AbortSignal | undefined,
  either: AbortSignal,
): Promise<Verdict> {
  // A program is given its timeout, so that what it said until then is not lost.
  if ("command" in run) return commandVerdict({ run, facts, timeoutMs: Math.max(1, restMs), signal });
  if ("http" in run) return httpVerdict(run, either);
  return Promise.race([aborted(either), Promise.resolve().then(() => run.function(facts, either))]);
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const abort = (): void => reject(signal.reason);
    if (signal.aborted) abort();
    else signal.addEventListener("abort", abort, { once: true });
  });
}

function expectationOf({ run }: Check): string {
  if ("command" in run) return commandExpectation(run);
  return "http" in run ? httpExpectation(run) : "that it passes";
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
