/**
 * When a server wants to be asked again: `Retry-After` (RFC 9110, section 10.2.3) and GitHub's own headers.
 *
 *   503, 429   Retry-After: seconds, or a date      so long, at most MAX_WAIT_MS
 *   403, 429   x-ratelimit-remaining: 0             until x-ratelimit-reset (Unix seconds), if that is near
 *   403, 429   a secondary limit of GitHub's        a minute, then twice as long each time
 *
 * A date or a number that makes no sense is as none.
 */

/** Nobody waits longer without being asked. */
export const MAX_WAIT_MS = 10 * 60_000;

export type Asked = {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  /** The beginning of the body: only there a secondary limit says that it is one. */
  readonly text: string;
  /** Of a secondary limit, in milliseconds. */
  readonly secondaryMs: number;
  readonly nowMs: number;
};

export type Wait =
  | { readonly kind: "none" }
  | { readonly kind: "wait"; readonly ms: number; readonly why: "retry-after" | "rate-limit" }
  /** Longer than anybody should wait unasked. */
  | { readonly kind: "too-long"; readonly ms: number; readonly why: "retry-after" | "rate-limit" };

export function waitOf({ status, headers, text, secondaryMs, nowMs }: Asked): Wait {
  if (status !== 403 && status !== 429 && status !== 503) return { kind: "none" };
  const asked = parseRetryAfter(headers.get("retry-after"), nowMs);
  if (asked !== undefined) return bounded(asked, "retry-after");
  if (headers.get("x-ratelimit-remaining") === "0") {
    const reset = Number(headers.get("x-ratelimit-reset"));
    if (Number.isFinite(reset) && reset > 0) return bounded(reset * 1000 - nowMs, "rate-limit");
  }
  if (status !== 503 && /secondary rate limit|abuse detection/i.test(text))
    return bounded(secondaryMs, "rate-limit");
  return { kind: "none" };
}

/** In milliseconds from now, never negative; undefined when there is none or it makes no sense. */
function parseRetryAfter(text: string | undefined, nowMs: number): number | undefined {
  if (text === undefined) return undefined;
  if (/^[0-9]{1,9}$/.test(text.trim())) return Number(text) * 1000;
  // "-1" would be a year to Date.
  if (!/^[A-Z][a-z]{2,8},? /.test(text.trim())) return undefined;
  const date = Date.parse(text);
  return Number.isNaN(date) ? undefined : Math.max(0, date - nowMs);
}

function bounded(ms: number, why: "retry-after" | "rate-limit"): Wait {
  const wanted = Math.max(0, ms);
  return wanted > MAX_WAIT_MS ? { kind: "too-long", ms: wanted, why } : { kind: "wait", ms: wanted, why };
}
