/** `Content-Range` (RFC 9110, section 14.4): where the bytes of a 206 belong. */
export type ContentRange = {
  readonly start: number;
  /** Not included. */
  readonly end: number;
  /** undefined for `*`. */
  readonly total: number | undefined;
};

/** undefined for anything but one range of bytes that is possible. */
export function parseContentRange(text: string | undefined): ContentRange | undefined {
  const found = /^\s*bytes\s+(\d{1,15})-(\d{1,15})\/(\d{1,15}|\*)\s*$/i.exec(text ?? "");
  if (!found) return undefined;
  const [start, last] = [Number(found[1]), Number(found[2])];
  const total = found[3] === "*" ? undefined : Number(found[3]);
  if (last < start || (total !== undefined && last >= total)) return undefined;
  return { start, end: last + 1, total };
}
