/**
 * Distinguished names (RFC 5280, 4.1.2.4), how people read them and when two are the same.
 *
 *   CN=Good CA,O=Example   =   cn=good  ca,o=EXAMPLE      whatever string types they are written in
 *
 * Section 7.1 compares by the stringprep of RFC 4518. Ours is that, reduced to what Unicode's own tables
 * give: white space becomes single spaces and is cut at both ends, control and format characters are
 * dropped, then NFKC without case. Text that this cannot be said of (bad UTF-8, TeletexString, unassigned
 * or private characters) and values of other types are equal only byte for byte. Where it differs from
 * RFC 4518 two names differ sooner than they are taken for one; and no name is believed without a signature.
 */
import { malformedCertificate as malformed } from "./cms-error.ts";
import { type DerElement, DerFields, expectTag, readOid, tags } from "./der.ts";

export type Name = {
  /** The whole SEQUENCE. */
  readonly der: Uint8Array;
  /** RFC 4514, for people: "CN=Release signer,O=Example". */
  readonly text: string;
  /** One comparable string for each relative name, the most general first. */
  readonly parts: readonly string[];
  /** Two names are the same when their keys are (RFC 5280, 7.1). */
  readonly key: string;
  /** Values of emailAddress attributes, which name constraints are about too. */
  readonly emails: readonly string[];
};

type Attribute = { readonly oid: string; readonly value: DerElement };

const EMAIL_ADDRESS = "1.2.840.113549.1.9.1";

const attributeNames: Readonly<Record<string, string>> = {
  "2.5.4.3": "CN",
  "2.5.4.5": "serialNumber",
  "2.5.4.6": "C",
  "2.5.4.7": "L",
  "2.5.4.8": "ST",
  "2.5.4.10": "O",
  "2.5.4.11": "OU",
  [EMAIL_ADDRESS]: "emailAddress",
  "0.9.2342.19200300.100.1.25": "DC",
};

/** Tags of the string types whose text means the same in all of them. */
const utf8String = 0x0c;
const asciiStrings: readonly number[] = [0x12, 0x13, 0x16, 0x1a];
const bmpString = 0x1e;
const teletexString = 0x14;

/** Between relative names and between their attributes; comparable text holds no control characters. */
const PART_END = "\u0000";
const ATTRIBUTE_END = "\u0001";

/** A sequence of sets of type and value. @throws CmsError CERTIFICATE_MALFORMED, DER_MALFORMED */
export function readName(element: DerElement): Name {
  expectTag(element, tags.sequence, "a name");
  const relativeNames = element.children.map((set) =>
    readRelativeName(expectTag(set, tags.set, "a part of a name")),
  );
  return makeName(element.bytes, relativeNames);
}

/** A full name from an issuer's and the relative name that a distribution point adds to it (4.2.1.13). */
export function extendName(base: Name, relative: DerElement): Name {
  const { parts, text, emails } = makeName(relative.bytes, [readRelativeName(relative)]);
  const all = [...base.parts, ...parts];
  return {
    der: base.der,
    text: `${text},${base.text}`,
    parts: all,
    key: all.join(PART_END),
    emails: [...base.emails, ...emails],
  };
}

/** A SET of attributes, under its own tag or an implicit one. */
function readRelativeName(set: DerElement): readonly Attribute[] {
  if (set.children.length === 0) throw malformed("a part of a name is empty");
  return set.children.map((element) => {
    const fields = new DerFields(element, "a part of a name");
    const oid = readOid(fields.any("type"));
    const value = fields.any("value");
    fields.end();
    return { oid, value };
  });
}

function makeName(der: Uint8Array, relativeNames: readonly (readonly Attribute[])[]): Name {
  const parts = relativeNames.map((attributes) => attributes.map(comparable).sort().join(ATTRIBUTE_END));
  const texts = relativeNames.map((attributes) => attributes.map(readable).join("+"));
  const emails = relativeNames.flat().filter(({ oid }) => oid === EMAIL_ADDRESS);
  return {
    der,
    text: texts.reverse().join(","),
    parts,
    key: parts.join(PART_END),
    emails: emails.map(({ value }) => Buffer.from(value.content).toString("latin1")),
  };
}

function comparable({ oid, value }: Attribute): string {
  const text = decodeText(value);
  // Almost every name is in ASCII, and Unicode's tables take a millisecond when they are asked first.
  if (text !== undefined && /^[ -~]*$/.test(text)) return `${oid}=${withSingleSpaces(text.toLowerCase())}`;
  // Unassigned and private characters are prohibited (RFC 4518, 2.4): nobody knows what equals them.
  if (text === undefined || /[\p{Cn}\p{Co}\ufffd]/u.test(text)) {
    return `${oid}#${Buffer.from(value.bytes).toString("hex")}`;
  }
  const mapped = text
    .replace(/[\t-\r\u0085\p{Z}]+/gu, " ")
    .replace(/[\p{Cc}\p{Cf}\p{Variation_Selector}]/gu, "");
  // Up and down again folds what has no single lower-case letter, such as the sharp s.
  const folded = mapped.normalize("NFKC").toUpperCase().toLowerCase().normalize("NFKC");
  return `${oid}=${withSingleSpaces(folded)}`;
}

function withSingleSpaces(text: string): string {
  return text.replace(/ +/g, " ").trim();
}

/** undefined for types and bytes that are not text to us. */
function decodeText({ tag, content }: DerElement): string | undefined {
  if (tag === utf8String) return decodeUtf8(content);
  if (asciiStrings.includes(tag) && content.every((byte) => byte < 0x80)) {
    return Buffer.from(content).toString("latin1");
  }
  if (tag === bmpString && content.length % 2 === 0) {
    const text = Buffer.from(content).swap16().toString("utf16le");
    return text.isWellFormed() ? text : undefined;
  }
  return undefined;
}

function decodeUtf8(content: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(content);
  } catch {
    return undefined;
  }
}

function readable({ oid, value }: Attribute): string {
  const name = Object.hasOwn(attributeNames, oid) ? attributeNames[oid] : oid;
  return `${name}=${escaped(shownText(value))}`;
}

/** More lenient than what is compared: a person may see a doubtful text, and anything else as hex. */
function shownText(value: DerElement): string {
  const { tag, content, bytes } = value;
  if (tag === utf8String) return Buffer.from(content).toString("utf8");
  if (asciiStrings.includes(tag) || tag === teletexString) return Buffer.from(content).toString("latin1");
  return decodeText(value) ?? `#${Buffer.from(bytes).toString("hex")}`;
}

/** RFC 4514, 2.4; control and bidi characters too, so that a name cannot rewrite the log it is printed in. */
function escaped(text: string): string {
  return text
    .toWellFormed()
    .replace(/[",+;<>\\]/g, "\\$&")
    .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (char) =>
      Buffer.from(char)
        .toString("hex")
        .replace(/../g, (pair) => `\\${pair}`),
    );
}
