/** DER put together from elements that are there already, so that what was signed stays as it is byte for byte. */

/** One element (X.690, 8.1), its length in the fewest bytes. */
export function encodeElement(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts);
  const length: number[] = [];
  for (let rest = content.length; rest > 0; rest = Math.floor(rest / 256)) length.unshift(rest % 256);
  const head = content.length < 0x80 ? [tag, content.length] : [tag, 0x80 + length.length, ...length];
  return Buffer.concat([Buffer.from(head), content]);
}

/** A SET OF, sorted by its encodings (X.690, 11.6), the same one once. */
export function encodeSetOf(tag: number, elements: readonly Uint8Array[]): Buffer {
  const sorted = elements.map((bytes) => Buffer.from(bytes)).sort(Buffer.compare);
  return encodeElement(tag, ...sorted.filter((bytes, i) => i === 0 || !bytes.equals(sorted[i - 1]!)));
}
