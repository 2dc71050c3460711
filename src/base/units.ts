/**
 * Sizes and spans of time as people write them, into bytes and milliseconds.
 *
 *   96M      96 * 2^20      B is no unit; K, M and G are powers of 1024, in either case
 *   1h30m    5,400,000      d, h, m, s, ms, the larger first, each once; "0s" is none
 *
 * A span without a unit is refused: 60 would be seconds for one and minutes for another.
 */

const FACTORS: Readonly<Record<string, number>> = { "": 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30 };

/** For schemas too: what parses is what matches. */
export const SIZE_PATTERN = "^\\d{1,9}[KMGkmg]?$";
export const DURATION_PATTERN = "^(?=\\d)(\\d{1,5}d)?(\\d{1,6}h)?(\\d{1,8}m(?!s))?(\\d{1,9}s)?(\\d{1,9}ms)?$";

/** undefined for what is no size. */
export function parseSize(text: string): number | undefined {
  const [, digits, unit] = /^(\d{1,15})([KMG]?)$/i.exec(text) ?? [];
  const bytes = Number(digits) * FACTORS[(unit ?? "").toUpperCase()]!;
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB"];

/** 1536 -> "1.50 KiB" */
export function writeSize(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 ? value : value.toFixed(value < 10 ? 2 : 1)} ${UNITS[unit]}`;
}

const SPANS = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["m", 60_000],
  ["s", 1_000],
  ["ms", 1],
] as const;

const DURATION = new RegExp(DURATION_PATTERN);

/** In milliseconds; undefined for what is no span of time. */
export function parseDuration(text: string): number | undefined {
  const parts = DURATION.exec(text)?.slice(1);
  return parts?.reduce(
    (ms, part, index) => ms + (part ? Number.parseInt(part, 10) : 0) * SPANS[index]![1],
    0,
  );
}

/** 5400000 -> "1h30m" */
export function writeDuration(ms: number): string {
  let rest = ms;
  let text = "";
  for (const [unit, span] of SPANS) {
    const count = Math.floor(rest / span);
    if (count > 0) text += `${count}${unit}`;
    rest -= count * span;
  }
  return text || "0s";
}
