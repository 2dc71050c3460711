/** How hard a fault strikes. One flat record for all faults, so that a mixture of them can be drawn at random. */

export type Settings = {
  /** Bytes of the body that come before the fault does; at the most all but the last. */
  readonly afterBytes: number;
  /** Of silence, after which the answer goes on; Infinity is until the client leaves or the server is closed. */
  readonly stallMs: number;
  /** A drip is so many bytes, then so much waiting. */
  readonly dripBytes: number;
  readonly dripMs: number;
  /** Between the last byte and a RST: a reset throws away what has not arrived. */
  readonly lingerMs: number;
  /** For which nobody listens on the port. */
  readonly outageMs: number;
  /** Connections that are served at once. */
  readonly maxConnections: number;
  /** Of a head that is too long. */
  readonly headBytes: number;
  /** By which a range, a length or a content is beside the right one. */
  readonly shiftBytes: number;
  /** Decoded bytes of a gzip bomb, in whole MiB, and bytes of a body without end. */
  readonly floodBytes: number;
  readonly retryAfterSeconds: number;
  /** From now to the end of a rate limit. */
  readonly rateResetSeconds: number;
  /** Of refusals that may have any. */
  readonly status: number;
  /** Redirects before the answer. */
  readonly hops: number;
  /** A signed URL is good for so many requests and so long; then its storage answers with the status. */
  readonly validRequests: number;
  readonly validMs: number;
  readonly expiredStatus: number;
};

export const defaultSettings: Settings = {
  afterBytes: 1000,
  stallMs: Number.POSITIVE_INFINITY,
  dripBytes: 1,
  dripMs: 100,
  lingerMs: 20,
  outageMs: 100,
  maxConnections: 1,
  // Node and undici stop at 16 KiB.
  headBytes: 20 * 1024,
  shiftBytes: 512,
  floodBytes: 256 * 1024 * 1024,
  retryAfterSeconds: 1,
  rateResetSeconds: 1,
  status: 400,
  hops: 3,
  validRequests: 1,
  validMs: Number.POSITIVE_INFINITY,
  expiredStatus: 403,
};
