/**
 * What a key elsewhere is asked to sign: one signature of one manifest, by one certificate, at one time.
 *
 *   signed_attributes    DER of the SET OF that is signed (RFC 5652, 5.4); it holds the manifest's digest
 *   digest               of those bytes, for what signs a digest
 *
 * All of it follows from the manifest, the certificate, `algorithm` and `signing_time`. So whoever takes the signature back
 * makes the request anew and compares: nothing that stands here has to be believed (schemas/signing-request.md).
 */
import type { JSONSchemaType } from "ajv";
import { DocumentError, type DocumentKind, decodeDocument, encodeDocument } from "./document.ts";
import { PRODUCT, VERSION } from "./manifest.ts";

export type SigningRequest = {
  readonly schema_version: number;
  readonly product: string;
  readonly version: string;
  readonly manifest_sha256: string;
  /** Of the signer's certificate, as it is in the signature. */
  readonly certificate_sha256: string;
  readonly certificate_subject: string;
  readonly algorithm: "rsa-pkcs1-sha256" | "rsa-pss-sha256" | "ecdsa-p256-sha256" | "ecdsa-p384-sha384";
  /** RFC 3339, in UTC, with seconds. */
  readonly signing_time: string;
  /** Base64. */
  readonly signed_attributes: string;
  readonly digest_algorithm: "sha256" | "sha384";
  /** Of the signed attributes, lower-case hex. */
  readonly digest: string;
};

/** Four attributes, of which the longest is a digest. */
const MAX_ATTRIBUTES_CHARACTERS = 4096;

export const signingRequestSchema: JSONSchemaType<SigningRequest> = {
  type: "object",
  additionalProperties: false,
  required: [
    "schema_version",
    "product",
    "version",
    "manifest_sha256",
    "certificate_sha256",
    "certificate_subject",
    "algorithm",
    "signing_time",
    "signed_attributes",
    "digest_algorithm",
    "digest",
  ],
  properties: {
    schema_version: { type: "integer", const: 1 },
    product: { type: "string", pattern: PRODUCT },
    version: { type: "string", pattern: VERSION },
    manifest_sha256: { type: "string", pattern: "^[0-9a-f]{64}$" },
    certificate_sha256: { type: "string", pattern: "^[0-9a-f]{64}$" },
    certificate_subject: { type: "string", maxLength: 4096 },
    algorithm: {
      type: "string",
      enum: ["rsa-pkcs1-sha256", "rsa-pss-sha256", "ecdsa-p256-sha256", "ecdsa-p384-sha384"],
    },
    signing_time: {
      type: "string",
      pattern: "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$",
    },
    signed_attributes: {
      type: "string",
      minLength: 4,
      maxLength: MAX_ATTRIBUTES_CHARACTERS,
      pattern: "^[A-Za-z0-9+/]+={0,2}$",
    },
    digest_algorithm: { type: "string", enum: ["sha256", "sha384"] },
    digest: { type: "string", pattern: "^([0-9a-f]{64}|[0-9a-f]{96})$" },
  },
};

export const signingRequestKind: DocumentKind<SigningRequest> = {
  name: "signing request",
  maxBytes: 16 << 10,
  schema: signingRequestSchema,
  check: ({ signing_time }) => {
    const time = new Date(signing_time);
    if (!Number.isNaN(time.getTime()) && writeSigningTime(time) === signing_time) return;
    throw new DocumentError("DOCUMENT_INVALID", `the signing request's ${signing_time} is no time`);
  },
};

/** @throws JsonError, DocumentError */
export function decodeSigningRequest(bytes: Uint8Array): SigningRequest {
  return decodeDocument(signingRequestKind, bytes);
}

export function encodeSigningRequest(value: SigningRequest): Uint8Array {
  return encodeDocument(signingRequestKind, value);
}

/** In whole seconds, as signed attributes hold it (RFC 5652, 11.3). */
export function writeSigningTime(time: Date): string {
  return `${time.toISOString().slice(0, 19)}Z`;
}
