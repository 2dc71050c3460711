/**
 * A body as it comes: bytes wait here until they are asked for, and beyond a bound the socket waits.
 *
 * The two clocks of a body run only while somebody waits for it: who is slow to write must not be taken for
 * a slow server.
 */
import type { Dispatcher } from "undici";
import { FetchError } from "../fetch-error.ts";
import type { HttpLimits } from "./http-limits.ts";

/** Beyond this the server is told to wait, by TCP. */
const MAX_WAITING_BYTES = 1 << 20;

export class HttpBody implements AsyncIterable<Uint8Array> {
  readonly #controller: Dispatcher.DispatchController;
  readonly #limits: HttpLimits;
  readonly #toError: (cause: unknown) => unknown;
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  #state: "open" | "ended" | "failed" = "open";
  #error: unknown;
  #wake: (() => void) | undefined;

  /** @param toError what is thrown for what went wrong */
  constructor(
    controller: Dispatcher.DispatchController,
    limits: HttpLimits,
    toError: (cause: unknown) => unknown,
  ) {
    this.#controller = controller;
    this.#limits = limits;
    this.#toError = toError;
  }

  push(bytes: Uint8Array): void {
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.length;
    if (this.#waitingBytes > MAX_WAITING_BYTES) this.#controller.pause();
    this.#wake?.();
  }

  end(): void {
    if (this.#state === "open") this.#state = "ended";
    this.#wake?.();
  }

  fail(error: unknown): void {
    if (this.#state !== "open") return;
    this.#state = "failed";
    this.#error = this.#toError(error);
    this.#wake?.();
  }

  /** The beginning, at most so many bytes, as text; whatever goes wrong, what came so far. */
  async beginning(maxBytes: number): Promise<string> {
    const chunks: Uint8Array[] = [];
    let length = 0;
    try {
      for await (const bytes of this) {
        chunks.push(bytes.subarray(0, maxBytes - length));
        length += bytes.length;
        if (length >= maxBytes) break;
      }
    } catch {
      // What it says is a help, not a need.
    }
    return Buffer.concat(chunks).toString("utf8");
  }

  /** All of it. @throws FetchError ASSET_SIZE when it is longer */
  async whole(maxBytes: number): Promise<Uint8Array> {
    const chunks: Uint8Array[] = [];
    let length = 0;
    for await (const bytes of this) {
      length += bytes.length;
      if (length > maxBytes) throw new FetchError("ASSET_SIZE", `an answer is longer than ${maxBytes} bytes`);
      chunks.push(bytes);
    }
    return Buffer.concat(chunks, length);
  }

  /** Nobody wants the rest: the connection is given up with it. */
  cancel(reason = new Error("the rest of the body is of no use")): void {
    if (this.#state !== "open") return;
    this.fail(reason);
    this.#controller.abort(reason);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    const speed = new Speedometer(this.#limits);
    try {
      for (;;) {
        while (this.#waiting.length > 0) {
          const bytes = this.#waiting.shift()!;
          this.#waitingBytes -= bytes.length;
          if (this.#controller.paused && this.#waitingBytes < MAX_WAITING_BYTES / 2)
            this.#controller.resume();
          speed.count(bytes.length);
          yield bytes;
        }
        // What came before the end was right as far as it goes.
        if (this.#state === "failed") throw this.#error;
        if (this.#state === "ended") return;
        await this.#more(speed);
      }
    } finally {
      this.cancel();
    }
  }

  async #more(speed: Speedometer): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    const limit = speed.waitMs();
    const timer = setTimeout(() => {
      const why = speed.why(performance.now());
      if (why === undefined) resolve();
      else this.cancel(new SlowBody(why));
    }, limit);
    const from = performance.now();
    await promise;
    clearTimeout(timer);
    this.#wake = undefined;
    speed.waited(performance.now() - from);
  }
}

/** No bytes, or too few. */
export class SlowBody extends Error {}

/** Counts bytes, and the time that was spent in waiting for them. */
class Speedometer {
  readonly #limits: HttpLimits;
  #windowMs = 0;
  #windowBytes = 0;
  #waitFrom = 0;

  constructor(limits: HttpLimits) {
    this.#limits = limits;
  }

  count(bytes: number): void {
    this.#windowBytes += bytes;
  }

  /** How long to wait before one of the two limits is reached. */
  waitMs(): number {
    this.#waitFrom = performance.now();
    return Math.max(1, Math.min(this.#limits.stallMs, this.#limits.lowSpeedMs - this.#windowMs));
  }

  waited(milliseconds: number): void {
    this.#windowMs += milliseconds;
    if (this.#windowMs < this.#limits.lowSpeedMs || this.#windowBytes < this.#limits.lowSpeedBytes) return;
    this.#windowMs = 0;
    this.#windowBytes = 0;
  }

  /** Which limit is reached now, in words; undefined when none is. */
  why(now: number): string | undefined {
    const waitedMs = now - this.#waitFrom;
    if (waitedMs >= this.#limits.stallMs - 1) return `nothing came for ${inSeconds(this.#limits.stallMs)}`;
    const { lowSpeedMs, lowSpeedBytes } = this.#limits;
    if (this.#windowMs + waitedMs >= lowSpeedMs - 1 && this.#windowBytes < lowSpeedBytes)
      return `${this.#windowBytes} bytes came in ${inSeconds(lowSpeedMs)}`;
    return undefined;
  }
}

function inSeconds(milliseconds: number): string {
  return `${milliseconds / 1000} s`;
}
