/**
 * A token bucket: so many bytes a second over all connections, in portions small enough to be even.
 *
 * The bucket holds a tenth of a second. Who takes more than there is waits until the debt is paid, so that over
 * any longer time the rate is what was asked.
 */
import { setTimeout } from "node:timers/promises";

const BURST_S = 0.1;

export class RateLimit {
  readonly #bytesPerSecond: number;
  #tokens: number;
  #atMs: number;

  constructor(bytesPerSecond: number, nowMs = performance.now()) {
    this.#bytesPerSecond = bytesPerSecond;
    this.#tokens = bytesPerSecond * BURST_S;
    this.#atMs = nowMs;
  }

  /** How long to wait before more is asked for, after so many bytes came. */
  take(bytes: number, nowMs = performance.now()): number {
    const burst = this.#bytesPerSecond * BURST_S;
    this.#tokens = Math.min(burst, this.#tokens + ((nowMs - this.#atMs) / 1000) * this.#bytesPerSecond);
    this.#atMs = nowMs;
    this.#tokens -= bytes;
    return this.#tokens >= 0 ? 0 : (-this.#tokens / this.#bytesPerSecond) * 1000;
  }

  async paid(bytes: number, signal?: AbortSignal): Promise<void> {
    const waitMs = this.take(bytes);
    if (waitMs > 0) await setTimeout(waitMs, undefined, signal && { signal });
  }
}
