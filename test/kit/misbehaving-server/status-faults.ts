/** Faults 54 to 62: the server says no, for now or for good. */
import { type Answer, type Header, jsonAnswer, plainAnswer } from "./answer.ts";
import type { Behaviour, Exchange } from "./fault.ts";

const IN_A_ROW = [500, 502, 503, 504];

function refusing(number: number, way: string, refuse: (exchange: Exchange) => Answer): Behaviour {
  return { number, way, behave: async (exchange) => exchange.send(refuse(exchange)) };
}

function later(status: number, retryAfter: string): Answer {
  return plainAnswer(status, "text/plain", "come back later\n", ["retry-after", retryAfter]);
}

/** As api.github.com words them. */
function secondaryLimit(status: number): Answer {
  return jsonAnswer(status, {
    message: "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.",
    documentation_url:
      "https://docs.github.com/rest/overview/rate-limits-for-the-rest-api#about-secondary-rate-limits",
  });
}

function primaryLimit(resetSeconds: number): Answer {
  const headers: Header[] = [
    ["x-ratelimit-limit", "60"],
    ["x-ratelimit-remaining", "0"],
    ["x-ratelimit-used", "60"],
    // Seconds since 1970, rounded up, so that the limit is over when the client thinks so.
    ["x-ratelimit-reset", String(Math.ceil(Date.now() / 1000 + resetSeconds))],
  ];
  return jsonAnswer(403, { message: "API rate limit exceeded for 192.0.2.1." }, ...headers);
}

const notFound = (): Answer => jsonAnswer(404, { message: "Not Found", status: "404" });

export const statusFaults: readonly Behaviour[] = [
  refusing(54, "each after the other", ({ before }) =>
    plainAnswer(IN_A_ROW[before % IN_A_ROW.length]!, "text/plain", "server error\n"),
  ),
  refusing(55, "503", ({ settings }) => later(503, String(settings.retryAfterSeconds))),
  refusing(55, "429", ({ settings }) => later(429, String(settings.retryAfterSeconds))),
  refusing(56, "date", ({ settings }) =>
    later(503, new Date(Date.now() + settings.retryAfterSeconds * 1000).toUTCString()),
  ),
  refusing(56, "date in the past", () => later(503, "Sun, 06 Nov 1994 08:49:37 GMT")),
  refusing(56, "garbage", () => later(503, "soon, I hope")),
  refusing(56, "99999", () => later(503, "99999")),
  refusing(56, "negative", () => later(503, "-5")),
  refusing(57, "403", ({ settings }) => primaryLimit(settings.rateResetSeconds)),
  refusing(58, "403", () => secondaryLimit(403)),
  refusing(58, "429", () => secondaryLimit(429)),
  refusing(59, "404", () => plainAnswer(404, "text/plain", "not found\n")),
  refusing(60, "absent", notFound),
  refusing(60, "private", ({ request, right }) =>
    request.headers.authorization === undefined ? notFound() : right,
  ),
  refusing(61, "any", ({ settings }) => plainAnswer(settings.status, "text/plain", "no\n")),
  ...[401, 403, 410, 451].map((status) =>
    refusing(61, String(status), () => plainAnswer(status, "text/plain", "no\n")),
  ),
  ...[520, 618].map((status) =>
    refusing(62, String(status), () => plainAnswer(status, "text/plain", "you do not know this one\n")),
  ),
];
