/**
 * Which of several places that hold the same release is asked next.
 *
 * Their order is the caller's wish: an earlier one is left only for a reason. One that failed rests, longer
 * each time; one that brings far less than another was seen to bring goes behind it; one that holds other bytes
 * than were signed is not asked for that piece again.
 */
import type { Source } from "./source.ts";

const LONGEST_REST_MS = 60_000;
/** A mirror at less than this part of another's speed is slow. */
const SLOW = 1 / 4;
/** Of speed, what the last request counts. */
const WEIGHT = 0.5;

export type Mirror = {
  readonly source: Source;
  /** Requests to it at once; falls when it refuses more. */
  connections: number;
  busy: number;
  failures: number;
  restsUntilMs: number;
  /** Bytes a second of one connection, as seen; 0 before. */
  speed: number;
};

export class Mirrors {
  readonly all: readonly Mirror[];
  readonly #firstRestMs: number;

  constructor(sources: readonly Source[], connections: number, firstRestMs: number) {
    this.#firstRestMs = firstRestMs;
    this.all = sources.map((source) => ({
      source,
      connections,
      busy: 0,
      failures: 0,
      restsUntilMs: 0,
      speed: 0,
    }));
  }

  /** The best that has a connection free and is not `without`; undefined when none has. */
  pick(nowMs: number, without: ReadonlySet<Mirror> = new Set()): Mirror | undefined {
    const able = this.all.filter((mirror) => !without.has(mirror) && mirror.busy < mirror.connections);
    const awake = able.filter(({ restsUntilMs }) => restsUntilMs <= nowMs);
    const fastest = Math.max(0, ...awake.map(({ speed }) => speed));
    const isSlow = ({ speed }: Mirror): boolean => speed > 0 && speed < fastest * SLOW;
    return awake.find((mirror) => !isSlow(mirror)) ?? awake[0];
  }

  /** When the first of those that rest may be asked again; undefined when none rests. */
  wakesAtMs(without: ReadonlySet<Mirror> = new Set()): number | undefined {
    const resting = this.all.filter((mirror) => !without.has(mirror) && mirror.restsUntilMs > 0);
    return resting.length === 0 ? undefined : Math.min(...resting.map(({ restsUntilMs }) => restsUntilMs));
  }

  succeeded(mirror: Mirror, bytes: number, milliseconds: number): void {
    mirror.failures = 0;
    mirror.restsUntilMs = 0;
    if (bytes < 1 << 16 || milliseconds <= 0) return;
    const seen = (bytes / milliseconds) * 1000;
    mirror.speed = mirror.speed === 0 ? seen : mirror.speed * (1 - WEIGHT) + seen * WEIGHT;
  }

  /** @param atLeastMs what the server itself asked for */
  failed(mirror: Mirror, nowMs: number, atLeastMs: number, random = Math.random()): number {
    const most = Math.min(LONGEST_REST_MS, this.#firstRestMs * 2 ** mirror.failures);
    mirror.failures++;
    // Half of it by chance: all of it could be nothing, five times in a row, while a server restarts.
    const restMs = Math.max(atLeastMs, (most * (1 + random)) / 2);
    mirror.restsUntilMs = nowMs + restMs;
    return restMs;
  }
}
