/**
 * What a log holds of a release: canonical JSON, made from the manifest alone.
 *
 * A device makes the entry of the manifest that it has and asks whether this is in the log, so nothing is read from
 * an entry that could differ from the release. Who watches the log reads what was released under which version.
 */
import type { JSONSchemaType } from "ajv";
import { sha256 } from "../../base/digest.ts";
import { type DocumentKind, decodeDocument, encodeDocument } from "../manifest/document.ts";
import { type Manifest, PRODUCT, VERSION } from "../manifest/manifest.ts";

export type LogEntry = {
  readonly schema_version: number;
  readonly product: string;
  readonly version: string;
  readonly sequence: number;
  /** Of manifest.json, byte for byte. */
  readonly manifest_sha256: string;
  readonly manifest_size: number;
};

export const logEntrySchema: JSONSchemaType<LogEntry> = {
  type: "object",
  additionalProperties: false,
  required: ["schema_version", "product", "version", "sequence", "manifest_sha256", "manifest_size"],
  properties: {
    schema_version: { type: "integer", const: 1 },
    product: { type: "string", pattern: PRODUCT },
    version: { type: "string", pattern: VERSION },
    sequence: { type: "integer", minimum: 0, maximum: Number.MAX_SAFE_INTEGER },
    manifest_sha256: { type: "string", pattern: "^[0-9a-f]{64}$" },
    manifest_size: { type: "integer", minimum: 1, maximum: 16 << 20 },
  },
};

export const logEntryKind: DocumentKind<LogEntry> = {
  name: "log entry",
  maxBytes: 1024,
  schema: logEntrySchema,
  check: () => {},
};

export function logEntryOf({ product, version, sequence }: Manifest, manifestBytes: Uint8Array): LogEntry {
  return {
    schema_version: 1,
    ...{ product, version, sequence },
    manifest_sha256: sha256(manifestBytes),
    manifest_size: manifestBytes.length,
  };
}

export function encodeLogEntry(entry: LogEntry): Uint8Array {
  return encodeDocument(logEntryKind, entry);
}

/** @throws JsonError, DocumentError */
export function decodeLogEntry(bytes: Uint8Array): LogEntry {
  return decodeDocument(logEntryKind, bytes);
}
