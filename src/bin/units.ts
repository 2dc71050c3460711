/** Sizes, shares and times as people read and write them. Documents keep exact bytes and ISO 8601. */
import { ThemisError } from "../base/error.ts";
import { parseSize } from "../base/units.ts";

export { writeSize as size } from "../base/units.ts";

/** @throws ThemisError USAGE */
export function parseBytes(option: string, text: string): number {
  const bytes = parseSize(text);
  if (bytes !== undefined) return bytes;
  throw new ThemisError("USAGE", "usage", `${option} takes a size, not ${JSON.stringify(text)}`, {
    hint: "bytes, or a number with K, M or G, such as 800M",
  });
}

/** How much smaller `part` is than `whole`: "98.2 %", or "nothing"; " saved" may follow either. */
export function saved(part: number, whole: number): string {
  const percent = whole > 0 ? ((1 - part / whole) * 100).toFixed(1) : "0.0";
  return Number(percent) > 0 ? `${percent} %` : "nothing";
}

export function seconds(ms: number): string {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

/** Columns aligned, numbers to the right where `right` names the column; long names lose their middle. */
export function table(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  right: readonly number[] = [],
  /** Columns of sentences, which are never shortened; only the last is a good place for one. */
  { whole = [] }: { readonly whole?: readonly number[] } = {},
): string {
  const shortened = [head, ...rows].map((row) =>
    row.map((cell, column) => (whole.includes(column) ? cell : shorten(cell, 36))),
  );
  const widths = head.map((_, column) => Math.max(...shortened.map((row) => width(row[column] ?? ""))));
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) => pad(cell, widths[column]!, right.includes(column)))
      .join("  ")
      .trimEnd();
  return [
    line(shortened[0]!),
    widths
      .map((n, column) => "-".repeat(whole.includes(column) ? width(head[column]!) : n))
      .join("  ")
      .trimEnd(),
    ...shortened.slice(1).map(line),
  ].join("\n");
}

function pad(cell: string, columns: number, right: boolean): string {
  const space = " ".repeat(Math.max(0, columns - width(cell)));
  return right ? space + cell : cell + space;
}

function shorten(text: string, columns: number): string {
  const letters = [...text];
  if (letters.length <= columns) return text;
  const half = Math.floor((columns - 1) / 2);
  return `${letters.slice(0, half).join("")}~${letters.slice(-half).join("")}`;
}

/** East Asian wide letters take two columns (UAX 11, the ranges that occur in file names). */
function width(text: string): number {
  let columns = 0;
  for (const letter of text) {
    columns +=
      /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]/.test(
        letter,
      )
        ? 2
        : 1;
  }
  return columns;
}
