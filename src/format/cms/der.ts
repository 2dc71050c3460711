/**
 * The Distinguished Encoding Rules of ASN.1 (X.690, sections 8 to 11), reading only.
 *
 *   30 06  02 01 05  01 01 ff      SEQUENCE { INTEGER 5, BOOLEAN TRUE }
 *   tag len  content
 *
 * DER gives one value one spelling, and a signature is over the spelling. So whatever BER would allow
 * besides (indefinite or padded lengths, a TRUE of 01, an INTEGER with leading zeros, constructed strings)
 * is refused: a verifier that reads leniently can be shown two messages under one signature.
 *
 * The whole tree is read at once, because a hostile corner that nobody asks for should be refused too.
 * What lies inside an OCTET STRING or BIT STRING is not part of the tree.
 */
import { CmsError } from "./cms-error.ts";

/** Ours by choice, well above what certificates and CMS messages need; it keeps a hostile one off the stack. */
const MAX_DEPTH = 32;

/** Half of the 32 768 empty elements that fit into 64 KiB; honest messages are mostly content. */
const MAX_ELEMENTS = 16_384;

/** The largest input anyone hands in: a file of many pinned anchors is read one certificate at a time. */
const MAX_BYTES = 1 << 20;

/** Identifier octets (X.690, 8.1.2), the constructed bit included. */
export const tags = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const;

export type DerElement = {
  readonly tag: number;
  /** Identifier, length and content: what a signature or digest is computed over. */
  readonly bytes: Uint8Array;
  readonly content: Uint8Array;
  /** Empty when the element is primitive. */
  readonly children: readonly DerElement[];
};

/**
 * Reads exactly one element that fills `bytes` to the end.
 *
 * @throws CmsError DER_MALFORMED
 */
export function readDer(bytes: Uint8Array): DerElement {
  if (bytes.length > MAX_BYTES) throw malformed(`${bytes.length} bytes exceed the bound of ${MAX_BYTES}`);
  const element = readElement(bytes, 0, 0, { elements: 0 });
  if (element.bytes.length !== bytes.length) {
    throw malformed(`${bytes.length - element.bytes.length} bytes follow the end`);
  }
  return element;
}

/**
 * One element with its direct components, whose insides are left unread: for a list too long to be held as a
 * tree. Whoever uses a component reads its `bytes` by readDer.
 *
 * @throws CmsError DER_MALFORMED
 */
export function readDerShallow(bytes: Uint8Array, maxComponents: number): DerElement {
  const { end, ...element } = readHeader(bytes, 0);
  if (end !== bytes.length) throw malformed(`${bytes.length - end} bytes follow the end`);
  const children: DerElement[] = [];
  for (const child of eachElement(element.content)) {
    if (children.length === maxComponents) throw malformed(`there are more than ${maxComponents} components`);
    children.push(child);
  }
  return { ...element, children };
}

/** The elements of a content one after another, their insides unread. @throws CmsError DER_MALFORMED */
export function* eachElement(content: Uint8Array): Generator<DerElement> {
  for (let at = 0; at < content.length; ) {
    const { end, ...element } = readHeader(content, at);
    yield { ...element, children: [] };
    at = end;
  }
}

/** Walks the components of a SEQUENCE in order; `end` insists that none is left over. */
export class DerFields {
  readonly #children: readonly DerElement[];
  readonly #what: string;
  #at = 0;

  constructor(element: DerElement, what: string, tag: number = tags.sequence) {
    expectTag(element, tag, what);
    this.#children = element.children;
    this.#what = what;
  }

  next(tag: number, what: string): DerElement {
    return expectTag(this.any(what), tag, `${what} of ${this.#what}`);
  }

  any(what: string): DerElement {
    const element = this.#children[this.#at];
    if (element === undefined) throw malformed(`${this.#what} ends before its ${what}`);
    this.#at++;
    return element;
  }

  /** The next component if it has this tag. */
  optional(tag: number): DerElement | undefined {
    const element = this.#children[this.#at];
    if (element?.tag !== tag) return undefined;
    this.#at++;
    return element;
  }

  end(): void {
    if (this.#at !== this.#children.length) throw malformed(`${this.#what} holds more than it may`);
  }
}

export function expectTag(element: DerElement, tag: number, what: string): DerElement {
  if (element.tag !== tag) {
    throw malformed(`${what} should have the tag ${hex(tag)} but has ${hex(element.tag)}`);
  }
  return element;
}

/** X.690, 8.19. At most 64 bytes, far beyond any identifier in use. */
export function readOid(element: DerElement): string {
  expectTag(element, tags.oid, "an object identifier");
  if (element.content.length > 64) throw malformed("an object identifier is longer than 64 bytes");
  const arcs: bigint[] = [];
  let value = 0n;
  for (const byte of element.content) {
    value = (value << 7n) | BigInt(byte & 0x7f);
    if (byte < 0x80) {
      arcs.push(value);
      value = 0n;
    }
  }
  const [first = 0n, ...rest] = arcs;
  const root = first < 80n ? first / 40n : 2n;
  return [root, first - root * 40n, ...rest].join(".");
}

/** For version numbers, lengths and limits: an INTEGER from 0 to 2^31 - 1. */
export function readSmallInteger(element: DerElement): number {
  expectTag(element, tags.integer, "an integer");
  if (element.content.length > 4 || element.content[0]! > 0x7f) {
    throw malformed("an integer is negative or larger than 2^31 - 1");
  }
  return element.content.reduce((value, byte) => value * 256 + byte, 0);
}

export function readBoolean(element: DerElement): boolean {
  return expectTag(element, tags.boolean, "a boolean").content[0] === 0xff;
}

/** The bytes of a BIT STRING that holds whole bytes: keys and signatures. */
export function readWholeBitString(element: DerElement, what: string): Uint8Array {
  expectTag(element, tags.bitString, what);
  if (element.content[0] !== 0) throw malformed(`${what} does not hold whole bytes`);
  return element.content.subarray(1);
}

/**
 * The numbers of the bits that are set (X.690, 8.6: bit 0 is the highest of the first byte). A list ends with one that is
 * (11.2.2): zeros behind it would be a second spelling.
 */
export function readNamedBits(element: DerElement): ReadonlySet<number> {
  expectTag(element, tags.bitString, "a bit list");
  const [unused = 0, ...bytes] = element.content;
  if (bytes.length > 0 && ((bytes.at(-1)! >> unused) & 1) === 0)
    throw malformed("a bit list ends with zeros");
  const bits = new Set<number>();
  for (const [index, byte] of bytes.slice(0, 4).entries()) {
    for (let bit = 0; bit < 8; bit++) if (byte & (0x80 >> bit)) bits.add(index * 8 + bit);
  }
  return bits;
}

/**
 * UTCTime and GeneralizedTime in the one form RFC 5280, 4.1.2.5, allows: seconds, "Z", no fraction;
 * UTCTime for years up to 2049 and GeneralizedTime from 2050.
 */
export function readTime(element: DerElement): Date {
  const time = readValidityTime(element);
  if (element.tag === tags.generalizedTime && time.getUTCFullYear() < 2050) {
    throw malformed("a time before 2050 is written as GeneralizedTime");
  }
  return time;
}

/** The same for the dates of certificates and lists, whose readers must take either type for any year (4.1.2.5). */
export function readValidityTime(element: DerElement): Date {
  const isUtc = element.tag === tags.utcTime;
  if (!isUtc) expectTag(element, tags.generalizedTime, "a time");
  const text = Buffer.from(element.content).toString("latin1");
  const form = isUtc ? /^(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/ : /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/;
  const match = form.exec(text);
  if (match === null) throw malformed("a time is not of the form (YY)YYMMDDHHMMSSZ");
  const [, year, ...rest] = match as unknown as [string, string, string, string, string, string, string];
  const fullYear = !isUtc ? year : `${Number(year) < 50 ? "20" : "19"}${year}`;
  const [month, day, hour, minute, second] = rest;
  const iso = `${fullYear}-${month}-${day}T${hour}:${minute}:${second}.000Z`;
  const time = new Date(iso);
  // Date rolls some impossible days over (30 February); writing it back shows whether it did.
  if (Number.isNaN(time.getTime()) || time.toISOString() !== iso) {
    throw malformed("a time names a day or an hour that does not exist");
  }
  return time;
}

/** X.690, 11.6: the elements of a SET OF stand in ascending order of their encodings. */
export function expectSetOrder(elements: readonly DerElement[], what: string): void {
  for (const [index, element] of elements.entries()) {
    const previous = elements[index - 1];
    if (previous !== undefined && Buffer.compare(previous.bytes, element.bytes) > 0) {
      throw malformed(`${what} are not in DER order`);
    }
  }
}

export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

function readElement(
  bytes: Uint8Array,
  start: number,
  depth: number,
  count: { elements: number },
): DerElement {
  if (depth > MAX_DEPTH) throw malformed(`elements nest deeper than ${MAX_DEPTH}`);
  if (++count.elements > MAX_ELEMENTS) throw malformed(`there are more than ${MAX_ELEMENTS} elements`);
  const { tag, bytes: own, content } = readHeader(bytes, start);
  const constructed = (tag & 0x20) !== 0;
  if ((tag & 0xc0) === 0) checkUniversal(tag, constructed, content);
  const children: DerElement[] = [];
  if (constructed) {
    for (let at = 0; at < content.length; ) {
      const child = readElement(content, at, depth + 1, count);
      children.push(child);
      at += child.bytes.length;
    }
  }
  return { tag, bytes: own, content, children };
}

type Header = Omit<DerElement, "children"> & { readonly end: number };

function readHeader(bytes: Uint8Array, start: number): Header {
  const tag = bytes[start];
  if (tag === undefined) throw malformed("the bytes end where an element should begin");
  if ((tag & 0x1f) === 0x1f) throw malformed("a tag number is larger than 30");
  const { length, contentStart } = readLength(bytes, start + 1);
  const end = contentStart + length;
  if (end > bytes.length) throw malformed("the bytes end inside an element");
  return { tag, bytes: bytes.subarray(start, end), content: bytes.subarray(contentStart, end), end };
}

/** X.690, 10.1: definite form, in the fewest bytes. */
function readLength(bytes: Uint8Array, at: number): { length: number; contentStart: number } {
  const first = bytes[at];
  if (first === undefined) throw malformed("the bytes end where a length should be");
  if (first < 0x80) return { length: first, contentStart: at + 1 };
  if (first === 0x80) throw malformed("a length is indefinite (BER)");
  const size = first & 0x7f;
  if (size > 4) throw malformed("a length takes more than 4 bytes");
  let length = 0;
  for (let i = 1; i <= size; i++) {
    const byte = bytes[at + i];
    if (byte === undefined) throw malformed("the bytes end inside a length");
    length = length * 256 + byte;
  }
  if (length < 0x80 || length < 256 ** (size - 1)) throw malformed("a length is longer than it need be");
  return { length, contentStart: at + 1 + size };
}

function checkUniversal(tag: number, constructed: boolean, content: Uint8Array): void {
  const mustBeConstructed = tag === tags.sequence || tag === tags.set;
  // X.690, 10.2: strings are primitive; SEQUENCE and SET never are.
  if (tag === 0 || (tag & 0x1f) === 0x10 || (tag & 0x1f) === 0x11 || constructed) {
    if (!mustBeConstructed) throw malformed(`the tag ${hex(tag)} does not exist in DER`);
    return;
  }
  const [first, second] = content;
  if (tag === tags.boolean && (content.length !== 1 || (first !== 0 && first !== 0xff))) {
    throw malformed("a boolean is neither 00 nor ff");
  }
  if (tag === tags.null && content.length !== 0) throw malformed("a NULL has content");
  if (tag === tags.integer || tag === 0x0a) checkInteger(first, second);
  if (tag === tags.bitString) checkBitString(content);
  if (tag === tags.oid) checkOid(content);
}

/** X.690, 8.3.2: the first nine bits are not all equal. */
function checkInteger(first: number | undefined, second: number | undefined): void {
  if (first === undefined) throw malformed("an integer is empty");
  if (second === undefined) return;
  if ((first === 0 && second < 0x80) || (first === 0xff && second >= 0x80)) {
    throw malformed("an integer is longer than it need be");
  }
}

/** X.690, 11.2.1: unused bits are zero. */
function checkBitString(content: Uint8Array): void {
  const unused = content[0];
  if (unused === undefined || unused > 7 || (content.length === 1 && unused !== 0)) {
    throw malformed("a bit string has an impossible number of unused bits");
  }
  const last = content[content.length - 1]!;
  if (unused > 0 && (last & ((1 << unused) - 1)) !== 0) {
    throw malformed("the unused bits of a bit string are not zero");
  }
}

/** X.690, 8.19.2: no arc begins with a padding byte 80, and the last arc ends. */
function checkOid(content: Uint8Array): void {
  let begins = true;
  for (const byte of content) {
    if (begins && byte === 0x80) throw malformed("an object identifier is padded");
    begins = byte < 0x80;
  }
  if (content.length === 0 || !begins) throw malformed("an object identifier is cut off");
}

function hex(tag: number): string {
  return tag.toString(16).padStart(2, "0");
}

function malformed(why: string): CmsError {
  return new CmsError("DER_MALFORMED", `the bytes are not DER: ${why}`);
}
