/** What stands where in an executable, made from its headers; a header that lies costs bytes and nothing else. */
import type { Image, Range } from "../../../kernel/themis-kernel.ts";

/** What the bytes of a range are taken for; the numbers stand in patches. */
export const KINDS = { plain: 0, x86: 1, arm64: 2, words: 3, empty: 4 } as const;
export type Kind = keyof typeof KINDS;

export const MAX_RANGES = 127;
/** Ranges that lie so close, and are otherwise one, become one. */
const GAP_BYTES = 4096;

export type Part = {
  readonly offset: number;
  readonly length: number;
  readonly address: number;
  readonly kind: Kind;
  /** Which of the image's bases its words may count from, a bit each. */
  readonly bases?: number;
};

export const NO_IMAGE: Image = { ranges: [], bases: [] };

/** Ordered, none over another, none beyond the file's end, as few as may be. */
export function imageOf(parts: readonly Part[], size: number, bases: readonly number[]): Image {
  const ranges: Range[] = [];
  let end = 0;
  const ordered = [...parts].sort((a, b) => a.offset - b.offset || a.length - b.length);
  for (const { offset, length, address, kind, bases: mask = 0 } of ordered) {
    if (kind === "empty") continue;
    const start = Math.max(offset, end);
    const stop = Math.min(offset + length, size);
    if (!(stop > start)) continue;
    const at = (address + start - offset) % 2 ** 32;
    const before = ranges.at(-1);
    if (
      before &&
      before.kind === KINDS[kind] &&
      before.bases === mask &&
      start - end <= GAP_BYTES &&
      (before.address + start - before.offset) % 2 ** 32 === at
    ) {
      ranges[ranges.length - 1] = { ...before, length: stop - before.offset };
    } else ranges.push({ offset: start, length: stop - start, address: at, kind: KINDS[kind], bases: mask });
    end = stop;
  }
  for (const { length, address, kind } of ordered) {
    if (kind !== "empty" || length <= 0) continue;
    ranges.push({
      offset: end,
      length: Math.min(length, 2 ** 32 - 1),
      address: address % 2 ** 32,
      kind: KINDS.empty,
      bases: 0,
    });
  }
  return { ranges: ranges.slice(0, MAX_RANGES), bases: bases.map((base) => base % 2 ** 32) };
}
