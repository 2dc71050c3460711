/** Values of a configuration into units, with a problem for each that does not keep its bounds. */
import { dirname, resolve } from "node:path";
import { oneLine } from "../../base/one-line.ts";
import { parseDuration, parseSize, writeDuration } from "../../base/units.ts";
import type { Problem } from "../../format/config/config-error.ts";
import { keyOf } from "../../format/config/json-pointer.ts";
import type { PlaceOf } from "../../format/config/origin.ts";
import { FetchError } from "../fetch-error.ts";

export class Reading {
  readonly problems: Problem[] = [];
  readonly #placeOf: PlaceOf;

  constructor(placeOf: PlaceOf) {
    this.#placeOf = placeOf;
  }

  /** `what` goes on after the key: "takes a time …". */
  wrong(pointer: string, what: string): void {
    const key = keyOf(pointer);
    this.problems.push({ at: this.#placeOf(pointer), key, message: `${key} ${what}` });
  }

  /** Milliseconds. The schema has seen to the form, but not in a flag. */
  span(pointer: string, text: string, bounds: readonly [number, number]): number;
  span(pointer: string, text: string | undefined, bounds: readonly [number, number]): number | undefined;
  span(
    pointer: string,
    text: string | undefined,
    [least, most]: readonly [number, number],
  ): number | undefined {
    if (text === undefined) return undefined;
    const ms = parseDuration(text);
    if (ms !== undefined && ms >= least && ms <= most) return ms;
    this.wrong(pointer, `is from ${writeDuration(least)} to ${writeDuration(most)}, not ${text}`);
    return least;
  }

  /** Bytes. */
  size(pointer: string, value: string | number | undefined, least = 0): number | undefined {
    if (value === undefined) return undefined;
    const bytes = typeof value === "number" ? value : parseSize(value);
    if (bytes !== undefined && bytes >= least) return bytes;
    this.wrong(pointer, `is a size of ${least} or more, not ${value}`);
    return least;
  }

  /** A name in a file is relative to the file's folder; in a flag or a variable to the working folder, as it is. */
  file(pointer: string, name: string): string;
  file(pointer: string, name: string | undefined): string | undefined;
  file(pointer: string, name: string | undefined): string | undefined {
    const origin = this.#placeOf(pointer);
    return name === undefined || origin.kind !== "file" ? name : resolve(dirname(origin.file), name);
  }

  /** What the part itself would refuse, with its place. */
  accepted(pointer: string, demand: () => void): void {
    try {
      demand();
    } catch (error) {
      if (!(error instanceof FetchError)) throw error;
      this.wrong(pointer, `is not accepted: ${oneLine(error.message, 300)}`);
    }
  }
}
