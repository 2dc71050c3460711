/**
 * A wait that can be cut short, by the monotonic clock: the system's own may be set while it lasts, and neither
 * shortens nor lengthens it.
 */
import { setTimeout } from "node:timers/promises";

/** Far below the 31 bits of milliseconds that a timer counts. */
const PORTION_MS = 3_600_000;

export class Alarm {
  #isRung = false;
  #ringing: (() => void) | undefined;

  /** Ends the wait that is, or else the next one. */
  ring(): void {
    this.#isRung = true;
    this.#ringing?.();
  }

  /** @throws the signal's reason, at once */
  async wait(milliseconds: number, signal?: AbortSignal): Promise<"over" | "rung"> {
    const untilMs = performance.now() + milliseconds;
    const cut = new AbortController();
    this.#ringing = () => cut.abort();
    const either = signal ? AbortSignal.any([signal, cut.signal]) : cut.signal;
    try {
      for (;;) {
        signal?.throwIfAborted();
        if (this.#isRung) return "rung";
        const leftMs = untilMs - performance.now();
        if (leftMs <= 0) return "over";
        await setTimeout(Math.min(leftMs, PORTION_MS), undefined, { signal: either }).catch(() => {});
      }
    } finally {
      this.#isRung = false;
      this.#ringing = undefined;
    }
  }
}
