/** How long a server may take, and for how little. Every wait of a transfer ends by one of these. */

export type HttpLimits = {
  /** Until a connection stands, TLS included; in milliseconds, as all of these. */
  readonly connectMs: number;
  /** From the request to the last byte of the answer's head. */
  readonly headMs: number;
  /** Without one byte of a body. */
  readonly stallMs: number;
  /** A body that brings fewer than `lowSpeedBytes` in this time is given up: a trickle never stalls. */
  readonly lowSpeedMs: number;
  readonly lowSpeedBytes: number;
  readonly maxRedirects: number;
  /** After the first failure at most so long, after each further one in a row twice as long (jittered). */
  readonly firstRestMs: number;
  /** GitHub's secondary limit: "wait for at least one minute"; each further time twice as long. */
  readonly secondaryLimitMs: number;
};

/** A link of 8 kbit/s still gets through. */
export const HTTP_LIMITS: HttpLimits = {
  connectMs: 15_000,
  headMs: 30_000,
  stallMs: 30_000,
  lowSpeedMs: 30_000,
  lowSpeedBytes: 32 * 1024,
  maxRedirects: 10,
  firstRestMs: 500,
  secondaryLimitMs: 60_000,
};
