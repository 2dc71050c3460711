/**
 * The common law of our documents: canonical JSON, one schema, everything bounded, or refusal.
 *
 * A document type stands beside its schema and the compiler compares the two (JSONSchemaType), so they
 * cannot drift. What a schema cannot say (paths that clash, blobs outside their pack) each document
 * adds as its own rules.
 */
import type { JSONSchemaType, ValidateFunction } from "ajv";
import { decodeCanonicalJson, encodeCanonicalJson, type Json } from "../../base/canonical-json.ts";
import { ThemisError } from "../../base/error.ts";
import { compileDocument } from "./compile-document.ts";

export class DocumentError extends ThemisError<
  "DOCUMENT_INVALID" | "DOCUMENT_TOO_LARGE" | "DOCUMENT_VERSION"
> {
  constructor(
    code: "DOCUMENT_INVALID" | "DOCUMENT_TOO_LARGE" | "DOCUMENT_VERSION",
    message: string,
    facts: Readonly<Record<string, unknown>> = {},
  ) {
    super(code, "refused", message, { facts });
  }
}

export type DocumentKind<T> = {
  /** For messages: "manifest", "delta manifest". */
  readonly name: string;
  readonly maxBytes: number;
  readonly schema: JSONSchemaType<T>;
  /** Rules beyond the schema; throws DocumentError or PathError. */
  readonly check: (value: T) => void;
};

const compiled = new Map<unknown, ValidateFunction>();

/** @throws JsonError, DocumentError, PathError */
export function decodeDocument<T>(kind: DocumentKind<T>, bytes: Uint8Array): T {
  if (bytes.length > kind.maxBytes) {
    throw new DocumentError(
      "DOCUMENT_TOO_LARGE",
      `the ${kind.name} has ${bytes.length} bytes, more than the ${kind.maxBytes} allowed`,
    );
  }
  const value: unknown = decodeCanonicalJson(bytes);
  refuseUnknownVersion(kind.name, value);
  return checkDocument(kind, value);
}

/** Writes only what it would read. @throws DocumentError, PathError */
export function encodeDocument<T>(kind: DocumentKind<T>, value: T): Uint8Array {
  checkDocument(kind, value);
  const bytes = encodeCanonicalJson(value as Json);
  if (bytes.length > kind.maxBytes) {
    throw new DocumentError("DOCUMENT_TOO_LARGE", `the ${kind.name} would have ${bytes.length} bytes`);
  }
  return bytes;
}

function checkDocument<T>(kind: DocumentKind<T>, value: unknown): T {
  const validate = validator(kind);
  if (!validate(value)) {
    const problem = validate.errors?.[0];
    throw new DocumentError(
      "DOCUMENT_INVALID",
      `the ${kind.name} is not valid at ${problem?.instancePath || "its root"}: ${problem?.message ?? "unknown"}`,
      { at: problem?.instancePath },
    );
  }
  kind.check(value as T);
  return value as T;
}

function validator<T>(kind: DocumentKind<T>): ValidateFunction {
  const known = compiled.get(kind);
  if (known) return known;
  const made = compileDocument(kind);
  compiled.set(kind, made);
  return made;
}

/** Said before the schema speaks, so that an old client says "newer" and not "invalid". */
function refuseUnknownVersion(name: string, value: unknown): void {
  const version = value && typeof value === "object" && "schema_version" in value && value.schema_version;
  if (typeof version === "number" && version !== 1) {
    throw new DocumentError(
      "DOCUMENT_VERSION",
      `the ${name} has schema_version ${version}, this program reads 1`,
      {
        schema_version: version,
      },
    );
  }
}
