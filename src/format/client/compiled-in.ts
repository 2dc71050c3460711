/**
 * What a client of one product has in it from the moment it is made: whom it believes, and for what.
 *
 * It stands in the program as one text and is read like any document, so that a client that was cut, or edited by
 * hand, refuses to work rather than believe something else. "" is "not stated". The prose is schemas/client.md.
 */
import type { JSONSchemaType } from "ajv";
import { DocumentError, type DocumentKind, decodeDocument, encodeDocument } from "../manifest/document.ts";
import { PRODUCT } from "../manifest/manifest.ts";

export type CompiledIn = {
  readonly schema_version: number;
  /** The only product whose releases it installs. */
  readonly product: string;
  /** Where it looks when nobody names another place. */
  readonly source: string;
  /** The only channel that it follows, or "" for any. */
  readonly channel: string;
  /** Certificates in DER, base64. */
  readonly anchors: readonly string[];
  /** So many distinct signers must have signed. */
  readonly threshold: number;
  /** Of the releases that hold newer clients, and where these lie; "" when there are none. */
  readonly client_product: string;
  readonly client_source: string;
  /** The client's file in such a release. */
  readonly client_path: string;
};

/** As many as anybody rotates among; the text must stay small beside the program. */
const MAX_ANCHORS = 16;
/** A signature holds no more signers (trust/threshold.ts). */
const MAX_THRESHOLD = 16;

export const compiledInSchema: JSONSchemaType<CompiledIn> = {
  type: "object",
  additionalProperties: false,
  required: [
    "schema_version",
    "product",
    "source",
    "channel",
    "anchors",
    "threshold",
    "client_product",
    "client_source",
    "client_path",
  ],
  properties: {
    schema_version: { type: "integer", const: 1 },
    product: { type: "string", pattern: PRODUCT },
    source: { type: "string", minLength: 1, maxLength: 2048 },
    channel: { type: "string", maxLength: 64, pattern: `^$|${PRODUCT}` },
    anchors: {
      type: "array",
      minItems: 1,
      maxItems: MAX_ANCHORS,
      uniqueItems: true,
      items: { type: "string", maxLength: 16_384, pattern: "^[A-Za-z0-9+/]+={0,2}$" },
    },
    threshold: { type: "integer", minimum: 1, maximum: MAX_THRESHOLD },
    client_product: { type: "string", pattern: PRODUCT },
    client_source: { type: "string", maxLength: 2048 },
    client_path: { type: "string", enum: ["themis-fetch.mjs", "themis-fetch"] },
  },
};

export const compiledInKind: DocumentKind<CompiledIn> = {
  name: "client configuration",
  maxBytes: 2 ** 19,
  schema: compiledInSchema,
  check: checkCompiledIn,
};

/** @throws JsonError, DocumentError */
export function decodeCompiledIn(bytes: Uint8Array): CompiledIn {
  return decodeDocument(compiledInKind, bytes);
}

/** @throws DocumentError */
export function encodeCompiledIn(value: CompiledIn): Uint8Array {
  return encodeDocument(compiledInKind, value);
}

/** A client and the product that it installs would overwrite each other's records. */
function checkCompiledIn({ product, client_product }: CompiledIn): void {
  if (product === client_product)
    throw new DocumentError("DOCUMENT_INVALID", `a client of ${product} cannot be a release of ${product}`);
}
