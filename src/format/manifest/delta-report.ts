/**
 * Why each changed file travels the way it does: what was tried, and what came of it.
 *
 * For the people who make releases. No device fetches or reads it and no signature covers it, so nothing
 * is ever decided by it; it lies in the bundle's folder and is not published (schemas/delta-report.md).
 */
import type { JSONSchemaType } from "ajv";
import { MAX_ASSET_BYTES, MAX_TARGET_BYTES } from "./blob.ts";
import { type Algorithm, MAX_APPLY_MEMORY } from "./delta-manifest.ts";
import { type DocumentKind, decodeDocument, encodeDocument } from "./document.ts";
import { PRODUCT, VERSION } from "./manifest.ts";

export type ReportedCandidate = {
  readonly algorithm: Algorithm;
  readonly outcome: "chosen" | "larger" | "given-up" | "over-memory" | "over-time" | "not-tried" | "failed";
  /** This and the next two are of the complete patch, and 0 where none was made. */
  readonly patch_size: number;
  readonly apply_memory: number;
  /** Estimated, of the reference machine. */
  readonly apply_time_ms: number;
  readonly note: string;
};

export type ReportedFile = {
  readonly path: string;
  readonly base_path: string;
  readonly base_reason: "same-path" | "similar";
  readonly target_size: number;
  /** The compressed whole target. */
  readonly whole_size: number;
  readonly chosen: Algorithm | "WHOLE";
  readonly reason: string;
  /** In the order in which they were tried. */
  readonly candidates: readonly ReportedCandidate[];
};

export type DeltaReport = {
  readonly schema_version: number;
  readonly product: string;
  readonly from_version: string;
  readonly to_version: string;
  /** Of the bytes of the delta manifest that this speaks of. */
  readonly delta_manifest_sha256: string;
  /** In bytes; 0 is no bound. */
  readonly apply_memory: number;
  /** 0 is no bound. */
  readonly apply_time_ms: number;
  readonly files: readonly ReportedFile[];
};

const MAX_TIME_MS = 2 ** 40;
export const MAX_NOTE = 500;

const candidateSchema: JSONSchemaType<ReportedCandidate> = {
  type: "object",
  additionalProperties: false,
  required: ["algorithm", "outcome", "patch_size", "apply_memory", "apply_time_ms", "note"],
  properties: {
    algorithm: { type: "string", enum: ["BSDIFF", "VCDIFF", "XDELTA3", "ZSTD_DICT", "THEMIS"] },
    outcome: {
      type: "string",
      enum: ["chosen", "larger", "given-up", "over-memory", "over-time", "not-tried", "failed"],
    },
    patch_size: { type: "integer", minimum: 0, maximum: MAX_ASSET_BYTES },
    apply_memory: { type: "integer", minimum: 0, maximum: MAX_APPLY_MEMORY },
    apply_time_ms: { type: "integer", minimum: 0, maximum: MAX_TIME_MS },
    note: { type: "string", maxLength: MAX_NOTE },
  },
};

const fileSchema: JSONSchemaType<ReportedFile> = {
  type: "object",
  additionalProperties: false,
  required: [
    "path",
    "base_path",
    "base_reason",
    "target_size",
    "whole_size",
    "chosen",
    "reason",
    "candidates",
  ],
  properties: {
    path: { type: "string", minLength: 1, maxLength: 3072 },
    base_path: { type: "string", minLength: 1, maxLength: 3072 },
    base_reason: { type: "string", enum: ["same-path", "similar"] },
    target_size: { type: "integer", minimum: 0, maximum: MAX_TARGET_BYTES },
    whole_size: { type: "integer", minimum: 0, maximum: MAX_ASSET_BYTES },
    chosen: { type: "string", enum: ["BSDIFF", "VCDIFF", "XDELTA3", "ZSTD_DICT", "THEMIS", "WHOLE"] },
    reason: { type: "string", maxLength: MAX_NOTE },
    candidates: { type: "array", maxItems: 16, items: candidateSchema },
  },
};

export const deltaReportSchema: JSONSchemaType<DeltaReport> = {
  type: "object",
  additionalProperties: false,
  required: [
    "schema_version",
    "product",
    "from_version",
    "to_version",
    "delta_manifest_sha256",
    "apply_memory",
    "apply_time_ms",
    "files",
  ],
  properties: {
    schema_version: { type: "integer", const: 1 },
    product: { type: "string", pattern: PRODUCT },
    from_version: { type: "string", pattern: VERSION },
    to_version: { type: "string", pattern: VERSION },
    delta_manifest_sha256: { type: "string", pattern: "^[0-9a-f]{64}$" },
    apply_memory: { type: "integer", minimum: 0, maximum: Number.MAX_SAFE_INTEGER },
    apply_time_ms: { type: "integer", minimum: 0, maximum: MAX_TIME_MS },
    files: { type: "array", maxItems: 100_000, items: fileSchema },
  },
};

export const deltaReportKind: DocumentKind<DeltaReport> = {
  name: "delta report",
  // Three candidates a file with a note each: four times what the delta manifest may have.
  maxBytes: 64 * 2 ** 20,
  schema: deltaReportSchema,
  check: () => {},
};

/** @throws JsonError, DocumentError */
export function decodeDeltaReport(bytes: Uint8Array): DeltaReport {
  return decodeDocument(deltaReportKind, bytes);
}

export function encodeDeltaReport(value: DeltaReport): Uint8Array {
  return encodeDocument(deltaReportKind, value);
}
