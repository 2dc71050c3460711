/**
 * GeneralName (RFC 5280, 4.2.1.6): what an alternative name, a name constraint and a distribution point hold.
 *
 *   82 0b "example.org"   ->   { kind: "dns", text: "example.org" }
 *
 * Forms that we have no rule for are kept as `other`, so that a constraint on them can be noticed.
 */
import { malformedCertificate as malformed } from "./cms-error.ts";
import { type DerElement, DerFields, expectTag, readOid, tags } from "./der.ts";
import { type Name, readName } from "./name.ts";

export type GeneralName =
  | { readonly kind: "directory"; readonly name: Name }
  | { readonly kind: "email" | "dns" | "uri"; readonly text: string }
  /** 4 or 16 bytes; with the mask behind it, 8 or 32, in a constraint. */
  | { readonly kind: "ip"; readonly bytes: Uint8Array }
  /** `form` is the identifier of an otherName, or the tag number of a form that has none. */
  | { readonly kind: "other"; readonly form: string };

const textKinds: Readonly<Record<number, "email" | "dns" | "uri">> = { 129: "email", 130: "dns", 134: "uri" };

/** A certificate of a signer has a handful; the product of names and constraints is what takes time. */
const MAX_NAMES = 256;

/** @throws CmsError CERTIFICATE_MALFORMED, DER_MALFORMED */
export function readGeneralName(element: DerElement): GeneralName {
  const { tag, content, children } = element;
  const kind = textKinds[tag];
  if (kind !== undefined) return { kind, text: readAscii(content) };
  switch (tag) {
    case 0xa4: {
      const [name, more] = children;
      if (name === undefined || more !== undefined) throw malformed("a directory name is not one name");
      return { kind: "directory", name: readName(name) };
    }
    case 0x87:
      return { kind: "ip", bytes: content };
    case 0xa0: {
      const fields = new DerFields(element, "another name", 0xa0);
      const form = readOid(fields.any("type"));
      fields.next(0xa0, "value");
      fields.end();
      return { kind: "other", form };
    }
    case 0xa3:
    case 0xa5:
    case 0x88:
      return { kind: "other", form: String(tag & 0x1f) };
    default:
      throw malformed("a name is of a form that does not exist");
  }
}

/** GeneralNames: a SEQUENCE, or what an implicit tag made of one. */
export function readGeneralNames(element: DerElement, tag: number = tags.sequence): readonly GeneralName[] {
  expectTag(element, tag, "a list of names");
  const { length } = element.children;
  if (length === 0 || length > MAX_NAMES) {
    throw malformed(`a list of names holds ${length}, and should 1 to ${MAX_NAMES}`);
  }
  return element.children.map(readGeneralName);
}

/** IA5String without control characters, which no such name has. */
function readAscii(content: Uint8Array): string {
  if (content.some((byte) => byte < 0x20 || byte > 0x7e)) throw malformed("a name is not in ASCII");
  return Buffer.from(content).toString("latin1");
}
