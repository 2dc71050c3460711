/**
 * The trust root: which anchors may vouch for what, as a document that the anchors themselves replace.
 *
 *   trust-root.1.json  ->  trust-root.2.json  ->  ...      each signed by enough of the one before it and of itself
 *   roles: root        may sign the next trust root
 *          release     may sign manifests
 *          channel     may sign what a channel offers
 *
 * A pinned certificate is for ever; this document makes a change of it possible, and a stolen one harmless (TUF, 4.3).
 * schemas/trust-root.md is the prose for a second client. There are no optional fields: "none" is "" or [].
 */
import type { JSONSchemaType } from "ajv";
import { sha256 } from "../../base/digest.ts";
import { DocumentError, type DocumentKind, decodeDocument, encodeDocument } from "../manifest/document.ts";
import { PRODUCT } from "../manifest/manifest.ts";

export type AnchorEntry = {
  /** DER in base64 (RFC 4648, section 4), padded, in one line. */
  readonly certificate: string;
  /** Of the DER; the roles name it by this. */
  readonly sha256_hash: string;
};

export type Role = {
  /** Digests of entries of `anchors`, sorted. */
  readonly anchors: readonly string[];
  /** Distinct signers that are wanted. */
  readonly threshold: number;
  /** Distinct anchors that are wanted among those that vouch for the signers. */
  readonly anchor_threshold: number;
  /** An extended key usage that each signer's certificate must have besides codeSigning; "" for none. */
  readonly extended_key_usage: string;
  /** A certificate policy that must hold from the anchor to the signer; "" for none. */
  readonly certificate_policy: string;
};

export type RoleName = "root" | "release" | "channel";

export type TrustRootDocument = {
  readonly schema_version: number;
  readonly product: string;
  /** 1, 2, 3 …: each follows the one before, and none is left out. */
  readonly version: number;
  /** When it was signed; its signers' certificates are judged as of then. RFC 3339 in UTC with seconds. */
  readonly issued: string;
  /** After this moment nothing is believed by it. */
  readonly expires: string;
  /** No release with a smaller sequence is installed, whatever an operator says. */
  readonly min_sequence: number;
  /** Sorted by digest; each has a role. */
  readonly anchors: readonly AnchorEntry[];
  readonly roles: Readonly<Record<RoleName, Role>>;
  /** CAs whose keys count for nothing any more, in whatever certificate; sorted by digest. */
  readonly revoked: readonly AnchorEntry[];
};

export const ROLE_NAMES: readonly RoleName[] = ["root", "release", "channel"];

/** Each adds a search to each signer; nobody has as many roots. */
const MAX_ANCHORS = 32;
const MAX_REVOKED = 64;
/** Of a CMS. */
const MAX_SIGNERS = 16;
/** Of a certificate, 32 KiB, in base64. */
const MAX_BASE64 = 43_692;

const SHA256 = "^[0-9a-f]{64}$";
const DATE = "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$";
/** X.660: 0 and 1 have arcs up to 39; no arc begins with 0 but 0 itself. "" for none. */
const OID = "^([0-2](\\.(0|[1-9][0-9]{0,15})){1,32})?$";

const anchorSchema: JSONSchemaType<AnchorEntry> = {
  type: "object",
  additionalProperties: false,
  required: ["certificate", "sha256_hash"],
  properties: {
    certificate: { type: "string", minLength: 4, maxLength: MAX_BASE64, pattern: "^[A-Za-z0-9+/]+={0,2}$" },
    sha256_hash: { type: "string", pattern: SHA256 },
  },
};

const roleSchema: JSONSchemaType<Role> = {
  type: "object",
  additionalProperties: false,
  required: ["anchors", "threshold", "anchor_threshold", "extended_key_usage", "certificate_policy"],
  properties: {
    anchors: {
      type: "array",
      minItems: 1,
      maxItems: MAX_ANCHORS,
      items: { type: "string", pattern: SHA256 },
    },
    threshold: { type: "integer", minimum: 1, maximum: MAX_SIGNERS },
    anchor_threshold: { type: "integer", minimum: 1, maximum: MAX_SIGNERS },
    extended_key_usage: { type: "string", maxLength: 255, pattern: OID },
    certificate_policy: { type: "string", maxLength: 255, pattern: OID },
  },
};

export const trustRootSchema: JSONSchemaType<TrustRootDocument> = {
  type: "object",
  additionalProperties: false,
  required: [
    "schema_version",
    "product",
    "version",
    "issued",
    "expires",
    "min_sequence",
    "anchors",
    "roles",
    "revoked",
  ],
  properties: {
    schema_version: { type: "integer", const: 1 },
    product: { type: "string", pattern: PRODUCT },
    version: { type: "integer", minimum: 1, maximum: 999_999_999 },
    issued: { type: "string", pattern: DATE },
    expires: { type: "string", pattern: DATE },
    min_sequence: { type: "integer", minimum: 0, maximum: Number.MAX_SAFE_INTEGER },
    anchors: { type: "array", minItems: 1, maxItems: MAX_ANCHORS, items: anchorSchema },
    roles: {
      type: "object",
      additionalProperties: false,
      required: ["root", "release", "channel"],
      properties: { root: roleSchema, release: roleSchema, channel: roleSchema },
    },
    revoked: { type: "array", maxItems: MAX_REVOKED, items: anchorSchema },
  },
};

export const trustRootKind: DocumentKind<TrustRootDocument> = {
  name: "trust root",
  // A device may have to read a thousand; an anchor takes about a KiB.
  maxBytes: 256 * 2 ** 10,
  schema: trustRootSchema,
  check: checkTrustRoot,
};

/** @throws JsonError, DocumentError */
export function decodeTrustRoot(bytes: Uint8Array): TrustRootDocument {
  return decodeDocument(trustRootKind, bytes);
}

/** @throws DocumentError */
export function encodeTrustRoot(document: TrustRootDocument): Uint8Array {
  return encodeDocument(trustRootKind, document);
}

/** On a page. */
export function trustRootName(version: number): string {
  return `trust-root.${version}.json`;
}

/** Of the entry with this certificate. */
export function anchorEntry(der: Uint8Array): AnchorEntry {
  return { certificate: Buffer.from(der).toString("base64"), sha256_hash: sha256(der) };
}

export function certificateOf({ certificate }: AnchorEntry): Uint8Array {
  return Buffer.from(certificate, "base64");
}

function checkTrustRoot({ anchors, roles, revoked, issued, expires }: TrustRootDocument): void {
  for (const date of [issued, expires]) {
    const parsed = new Date(date);
    // The schema checks the shape; 2026-02-31 has the shape.
    if (Number.isNaN(parsed.getTime()) || `${parsed.toISOString().slice(0, 19)}Z` !== date)
      throw invalid(`${JSON.stringify(date)} is not a date`);
  }
  if (issued >= expires) throw invalid("it expires before it was issued");
  const digests = checkEntries(anchors, "anchors");
  const revokedDigests = checkEntries(revoked, "revoked anchors");
  const both = digests.find((digest) => revokedDigests.includes(digest));
  if (both !== undefined) throw invalid(`the anchor ${both} is revoked and has a role`);
  const used = new Set<string>();
  for (const name of ROLE_NAMES) {
    const role = roles[name];
    checkSorted(role.anchors, `the anchors of the role ${name}`);
    for (const digest of role.anchors) {
      if (!digests.includes(digest))
        throw invalid(`the role ${name} names an anchor that is not there: ${digest}`);
      used.add(digest);
    }
    const { threshold, anchor_threshold: least } = role;
    if (least > threshold || least > role.anchors.length)
      throw invalid(`the role ${name} wants more anchors than it has signers or anchors`);
  }
  const unused = digests.find((digest) => !used.has(digest));
  if (unused !== undefined) throw invalid(`the anchor ${unused} has no role`);
}

function checkEntries(entries: readonly AnchorEntry[], what: string): readonly string[] {
  for (const entry of entries) {
    const der = certificateOf(entry);
    // Buffer ignores what it does not understand.
    if (Buffer.from(der).toString("base64") !== entry.certificate)
      throw invalid("a certificate is not base64");
    if (sha256(der) !== entry.sha256_hash)
      throw invalid(`a certificate is not the one of its digest ${entry.sha256_hash}`);
  }
  const digests = entries.map(({ sha256_hash }) => sha256_hash);
  checkSorted(digests, `the ${what}`);
  return digests;
}

/** So that one meaning has one spelling. */
function checkSorted(digests: readonly string[], what: string): void {
  if (digests.some((digest, i) => i > 0 && digests[i - 1]! >= digest))
    throw invalid(`${what} are not sorted by digest, or one is there twice`);
}

function invalid(why: string): DocumentError {
  return new DocumentError("DOCUMENT_INVALID", `the trust root is not valid: ${why}`);
}
