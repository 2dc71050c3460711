/**
 * The Range header (RFC 9110, section 14.1.2).
 *
 *   bytes=0-499    bytes=500-    bytes=-500    bytes=0-0,500-599
 *
 * A header that is not of this form is ignored, as section 14.2 allows.
 */

export type ByteRange = {
  readonly start: number;
  /** Not included. */
  readonly end: number;
};

export type RangeAnswer =
  | { readonly kind: "whole" }
  | { readonly kind: "part"; readonly range: ByteRange }
  | { readonly kind: "unsatisfiable" };

/** Several ranges at once get the whole, which a server may always send. */
export function resolveRange(header: string | undefined, length: number): RangeAnswer {
  const spec = /^bytes=(?:(\d+)-(\d*)|-(\d+))$/i.exec((header ?? "").trim());
  if (!spec) return { kind: "whole" };
  const [, first, last, suffix] = spec;
  if (first === undefined) {
    const wanted = Math.min(Number(suffix), length);
    if (wanted === 0) return { kind: "unsatisfiable" };
    return { kind: "part", range: { start: length - wanted, end: length } };
  }
  const start = Number(first);
  if (last !== "" && Number(last) < start) return { kind: "whole" };
  if (start >= length) return { kind: "unsatisfiable" };
  const end = last === "" ? length : Math.min(Number(last) + 1, length);
  return { kind: "part", range: { start, end } };
}

/** The value of Content-Range (section 14.4). */
export function contentRange({ start, end }: ByteRange, total: number | "*"): string {
  return `bytes ${start}-${end - 1}/${total}`;
}
