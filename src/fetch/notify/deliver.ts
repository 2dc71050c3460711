/**
 * One notification to one place: tried a few times within a deadline, and then left.
 *
 *   2xx                                  delivered
 *   408, 429, 5xx, no answer             again, after what Retry-After asks for or a growing rest
 *   anything else, a redirect too,       not: asking again would not help
 *   a certificate that does not stand
 *
 * What went wrong is told in words of our own. A URL of Slack's is a secret, and so are headers and bodies, and
 * errors name URLs; so nothing that came from outside gets into a note but a status and the system's code.
 */
import { setTimeout as pause } from "node:timers/promises";
import { systemCode } from "../../base/error.ts";
import { backOff } from "../../base/retry.ts";
import { FetchError } from "../fetch-error.ts";
import { waitOf } from "../transfer/retry-after.ts";
import type { Notice } from "./update-event.ts";

export type SendAnswer = {
  readonly status: number;
  /** In lower case. */
  readonly headers?: ReadonlyMap<string, string>;
};

/** Posts it. @throws whatever went wrong before an answer */
export type Send = (notice: Notice, signal: AbortSignal) => Promise<SendAnswer>;

export type Delivery = {
  /** Made anew for each attempt. */
  readonly notice: () => Notice;
  readonly send: Send;
  readonly deadlineMs: number;
};

const MAX_ATTEMPTS = 5;

/** undefined when it was delivered, or why not. Never fails. */
export async function deliver({ notice, send, deadlineMs }: Delivery): Promise<string | undefined> {
  const over = new AbortController();
  const timer = setTimeout(() => over.abort(), deadlineMs);
  const late = new Promise<"late">((resolve) => over.signal.addEventListener("abort", () => resolve("late")));
  let last = "no answer";
  try {
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      const outcome = await Promise.race([attemptOnce(notice(), send, over.signal), late]);
      if (outcome === "late") break;
      if (outcome.kind === "delivered") return undefined;
      last = outcome.why;
      if (outcome.kind === "refused") return last;
      if (attempt + 1 === MAX_ATTEMPTS) break;
      // A timer counts 31 bits of milliseconds, and a longer one would end at once.
      const waitMs = Math.min(outcome.waitMs, deadlineMs);
      const rest =
        waitMs > 0 ? pause(waitMs, undefined, { signal: over.signal }) : backOff(attempt, over.signal);
      if ((await Promise.race([rest.catch(() => "late" as const), late])) === "late") break;
    }
    return over.signal.aborted
      ? `${last}, until ${deadlineMs} ms were over`
      : `${last}, ${MAX_ATTEMPTS} times`;
  } finally {
    clearTimeout(timer);
  }
}

type Outcome =
  | { readonly kind: "delivered" }
  | { readonly kind: "refused"; readonly why: string }
  | { readonly kind: "again"; readonly why: string; readonly waitMs: number };

async function attemptOnce(notice: Notice, send: Send, signal: AbortSignal): Promise<Outcome> {
  try {
    const { status, headers = new Map<string, string>() } = await send(notice, signal);
    const why = `it was answered with status ${status}`;
    if (status >= 200 && status < 300) return { kind: "delivered" };
    if (status !== 408 && status !== 429 && status < 500) return { kind: "refused", why };
    const wait = waitOf({ status, headers, text: "", secondaryMs: 0, nowMs: Date.now() });
    return { kind: "again", why, waitMs: wait.kind === "none" ? 0 : wait.ms };
  } catch (error) {
    const why = `it could not be sent (${codeOf(error)})`;
    if (error instanceof FetchError && error.code === "TLS_UNTRUSTED") return { kind: "refused", why };
    return { kind: "again", why, waitMs: 0 };
  }
}

/** The system's code, if there is one below; never a message. */
function codeOf(error: unknown): string {
  for (let each = error; each instanceof Error; each = each.cause) {
    const code = systemCode(each);
    if (code !== undefined && /^[A-Z0-9_]{1,50}$/.test(code)) return code;
  }
  return "no answer";
}
