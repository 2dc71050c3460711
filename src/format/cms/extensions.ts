/**
 * Extensions (RFC 5280, 4.2 and 5.2): of certificates, of revocation lists and of the lists' entries.
 *
 *   Extension ::= SEQUENCE { extnID OBJECT IDENTIFIER, critical BOOLEAN DEFAULT FALSE, extnValue OCTET STRING }
 *
 * None may appear twice. A critical one that its reader does not interpret is left in `unknownCritical`,
 * and whoever relies on the thing refuses it.
 */
import { malformedCertificate as malformed } from "./cms-error.ts";
import { type DerElement, DerFields, expectTag, readBoolean, readDer, readOid, tags } from "./der.ts";

export type Extensions = {
  /** The values of those that were asked for. */
  readonly values: ReadonlyMap<string, DerElement>;
  /** The identifiers of all that are critical. */
  readonly critical: ReadonlySet<string>;
  readonly unknownCritical: readonly string[];
};

const MAX_EXTENSIONS = 64;

/**
 * @param element the SEQUENCE OF Extension
 * @param known the identifiers whose values are wanted
 * @throws CmsError CERTIFICATE_MALFORMED, DER_MALFORMED
 */
export function readExtensions(element: DerElement | undefined, known: readonly string[]): Extensions {
  const values = new Map<string, DerElement>();
  const unknownCritical: string[] = [];
  const list = element === undefined ? [] : readSequenceOf(element, "the extensions");
  if (list.length > MAX_EXTENSIONS) throw malformed(`it has more than ${MAX_EXTENSIONS} extensions`);
  const criticalOids = new Set<string>();
  const seen = new Set<string>();
  for (const item of list) {
    const fields = new DerFields(item, "an extension");
    const oid = readOid(fields.any("identifier"));
    const critical = fields.optional(tags.boolean);
    const value = fields.next(tags.octetString, "value");
    fields.end();
    if (seen.has(oid)) throw malformed(`it has the extension ${oid} twice`);
    seen.add(oid);
    if (critical !== undefined && readTrueFlag(critical)) criticalOids.add(oid);
    if (known.includes(oid)) values.set(oid, readDer(value.content));
    else if (critical !== undefined) unknownCritical.push(oid);
  }
  return { values, critical: criticalOids, unknownCritical };
}

/** A BOOLEAN DEFAULT FALSE that is written down is TRUE (X.690, 11.5). */
export function readTrueFlag(element: DerElement): true {
  if (!readBoolean(element)) throw malformed("it spells out a default (DER)");
  return true;
}

/** A SEQUENCE SIZE (1..MAX). */
export function readSequenceOf(element: DerElement, what: string): readonly DerElement[] {
  expectTag(element, tags.sequence, what);
  if (element.children.length === 0) throw malformed(`${what} are empty`);
  return element.children;
}

/** The value inside of an explicit tag. */
export function onlyChild(element: DerElement): DerElement {
  const [child, more] = element.children;
  if (child === undefined || more !== undefined)
    throw malformed("an explicit tag holds not exactly one value");
  return child;
}
