/**
 * The two limits of GitHub's API, as it words them.
 *
 *   primary     so many calls until a moment that x-ratelimit-reset names      403, x-ratelimit-remaining: 0
 *   secondary   too much at once: with Retry-After, or without any number      403 or 429
 */
import { type Answer, type Header, jsonAnswer } from "../misbehaving-server/answer.ts";

export type SecondaryRefusal = { readonly status: 403 | 429; readonly retryAfterSeconds?: number };

export class RateLimits {
  /** Calls that are left; for everybody together. */
  remaining = 5000;
  /** From a refusal to the end of it. */
  resetSeconds = 1;
  /** Refusals to come, one for each call. */
  readonly secondary: SecondaryRefusal[] = [];
  #resetsAtMs = 0;

  /** undefined when the call may go on. */
  refuse(): Answer | undefined {
    const secondary = this.secondary.shift();
    if (secondary) return secondaryAnswer(secondary);
    if (this.remaining > 0) {
      this.remaining--;
      return undefined;
    }
    // Whole seconds, rounded up, so that the limit is over when the client thinks so.
    if (this.#resetsAtMs === 0) this.#resetsAtMs = Math.ceil(Date.now() / 1000 + this.resetSeconds) * 1000;
    if (Date.now() < this.#resetsAtMs) {
      return jsonAnswer(403, { message: "API rate limit exceeded for 192.0.2.1." }, ...this.headers());
    }
    this.#resetsAtMs = 0;
    this.remaining = 4999;
    return undefined;
  }

  headers(): Header[] {
    return [
      ["x-ratelimit-limit", "5000"],
      ["x-ratelimit-remaining", String(this.remaining)],
      ["x-ratelimit-reset", String(Math.ceil((this.#resetsAtMs || Date.now() + 3_600_000) / 1000))],
    ];
  }
}

function secondaryAnswer({ status, retryAfterSeconds }: SecondaryRefusal): Answer {
  const message = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.";
  const headers: Header[] =
    retryAfterSeconds === undefined ? [] : [["retry-after", String(retryAfterSeconds)]];
  return jsonAnswer(status, { message }, ...headers);
}
