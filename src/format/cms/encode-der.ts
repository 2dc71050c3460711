/** Writing DER (X.690): each length in the fewest bytes; what is read back by `der.ts`. */
import { tags } from "./der.ts";

/** One element. @param parts of its content, one after the other */
export function encodeDer(tag: number, ...parts: readonly Uint8Array[]): Uint8Array {
  const content = Buffer.concat(parts);
  const length: number[] = [];
  for (let rest = content.length; rest > 0; rest = Math.floor(rest / 256)) length.unshift(rest % 256);
  const head = content.length < 0x80 ? [tag, content.length] : [tag, 0x80 + length.length, ...length];
  return Buffer.concat([Buffer.from(head), content]);
}

/** A SET OF, sorted by its encodings (X.690, 11.6), the same one once. */
export function encodeSetOf(tag: number, elements: readonly Uint8Array[]): Uint8Array {
  const sorted = [...elements].sort(Buffer.compare);
  const isFirst = (bytes: Uint8Array, i: number): boolean =>
    i === 0 || Buffer.compare(bytes, sorted[i - 1]!) !== 0;
  return encodeDer(tag, ...sorted.filter(isFirst));
}

/** X.690, 8.19. @throws TypeError for what is no identifier, or has an arc above 2^31 - 1 */
export function encodeOid(dotted: string): Uint8Array {
  if (!isOid(dotted)) throw new TypeError(`${JSON.stringify(dotted)} is no object identifier`);
  const [first, second, ...rest] = dotted.split(".").map(Number) as [number, number, ...number[]];
  const bytes = [first * 40 + second, ...rest].flatMap((arc) => {
    const groups = [arc % 128];
    for (let left = Math.floor(arc / 128); left > 0; left = Math.floor(left / 128))
      groups.unshift((left % 128) + 128);
    return groups;
  });
  return encodeDer(tags.oid, Uint8Array.from(bytes));
}

export function isOid(dotted: string): boolean {
  if (!/^[012](\.(0|[1-9]\d{0,9})){1,30}$/.test(dotted)) return false;
  const [first, second, ...rest] = dotted.split(".").map(Number) as [number, number, ...number[]];
  return (first === 2 || second < 40) && [second, ...rest].every((arc) => arc < 2 ** 31);
}

/** A number that is not negative, from its bytes, the highest first. */
export function encodeUnsigned(bytes: Uint8Array): Uint8Array {
  const first = bytes.findIndex((byte) => byte !== 0);
  const digits = first === -1 ? Uint8Array.of(0) : bytes.subarray(first);
  return encodeDer(tags.integer, ...(digits[0]! > 0x7f ? [Uint8Array.of(0)] : []), digits);
}
