/**
 * Counts the bytes of every typed array that is made, and forbids more than a limit.
 *
 * Counted and not measured: what a collector has left over differs from run to run. The memory of Node's own
 * decompressors is not seen; how much they may make is bounded before they are asked.
 */
const names = [
  "ArrayBuffer",
  "Uint8Array",
  "Uint16Array",
  "Uint32Array",
  "Int32Array",
  "Float64Array",
] as const;

export class MemoryMeter {
  readonly #limit: number;
  readonly #originals = names.map((name) => [name, globalThis[name]] as const);
  #running = false;
  #taken = 0;

  constructor(limit: number) {
    this.#limit = limit;
    for (const [name, original] of this.#originals) {
      const metered: typeof original = new Proxy(original, {
        construct: (target, args: unknown[], newTarget): object => {
          const bytesEach = "BYTES_PER_ELEMENT" in target ? target.BYTES_PER_ELEMENT : 1;
          if (typeof args[0] === "number") this.#take(args[0] * bytesEach);
          return Reflect.construct(target, args, newTarget === metered ? target : newTarget) as object;
        },
      });
      Object.assign(globalThis, { [name]: metered });
    }
  }

  start(): void {
    this.#running = true;
    this.#taken = 0;
  }

  pause(): void {
    this.#running = false;
  }

  /** @throws Error when too much was asked for, whatever became of it */
  stop(): void {
    this.pause();
    if (this.#taken > this.#limit)
      throw new Error(`${this.#taken} bytes of memory were asked for, at most ${this.#limit} may be`);
  }

  remove(): void {
    for (const [name, original] of this.#originals) Object.assign(globalThis, { [name]: original });
  }

  #take(bytes: number): void {
    if (!this.#running) return;
    this.#taken += bytes;
    if (this.#taken > this.#limit) throw new Error(`${this.#taken} bytes of memory were asked for`);
  }
}
