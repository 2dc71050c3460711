/**
 * What one of several machines has made of a build: `part.json`, and beside it `blobs/<SHA-256>`.
 *
 * Every part tells the whole task in the same words (release, settings, all trees), so that parts of different builds
 * cannot be mixed up, and the results of its own share. For the machines that make a release; no device reads it, and
 * no signature covers it (schemas/build-part.md).
 */
import type { JSONSchemaType } from "ajv";
import { collisionKey, relativePath } from "../../base/relative-path.ts";
import { MAX_ASSET_BYTES, MAX_TARGET_BYTES } from "./blob.ts";
import { type Algorithm, MAX_APPLY_MEMORY } from "./delta-manifest.ts";
import { DocumentError, type DocumentKind, decodeDocument, encodeDocument } from "./document.ts";
import { type TargetType, VERSION } from "./manifest.ts";

export type PartFile = {
  readonly path: string;
  readonly type: TargetType;
  readonly sha256_hash: string;
  readonly size_bytes: number;
  readonly permissions: string;
  readonly link_target: string;
};

export type PartTask = {
  /** Program, zstd and kernel: other versions may make other bytes of the same input. */
  readonly made_by: string;
  /** SHA-256 of algorithms and options in canonical JSON. */
  readonly settings: string;
  /** What the release says of itself, in canonical JSON. */
  readonly release: string;
  /** In bytes and ms; 0 is no bound. */
  readonly apply_memory: number;
  readonly apply_time_ms: number;
  readonly shards: number;
  readonly files: readonly PartFile[];
  readonly previous: readonly { readonly version: string; readonly files: readonly PartFile[] }[];
};

export type PartTarget = {
  readonly sha256_hash: string;
  /** SHA-256 of what it was compressed to, the name of the blob. */
  readonly blob: string;
  readonly length: number;
  readonly encoding: "identity" | "zstd";
};

export type PartCandidate = {
  readonly algorithm: Algorithm;
  readonly outcome: "proven" | "given-up" | "over-memory" | "over-time" | "not-tried" | "failed";
  /** 0 where no complete patch was made; then the next two are 0 too. */
  readonly patch_size: number;
  readonly apply_memory: number;
  readonly apply_time_ms: number;
  readonly note: string;
};

/** What came of comparing two files. */
export type PartResult = {
  readonly winner: Algorithm | "WHOLE";
  /** SHA-256 of the patch; this is "" and the next three 0 without a winner. */
  readonly blob: string;
  readonly patch_size: number;
  readonly apply_memory: number;
  readonly apply_time_ms: number;
  readonly candidates: readonly PartCandidate[];
};

export type PartDelta = PartResult & {
  readonly from_version: string;
  readonly path: string;
  readonly base_path: string;
  readonly base_reason: "same-path" | "similar";
};

/** What a cache keeps of a comparison; the patch stands beside it (publish/delta-cache.ts). */
export type CachedResult = PartResult & { readonly schema_version: number };

export type BuildPart = {
  readonly schema_version: number;
  readonly task: PartTask;
  /** From 1 on. */
  readonly shard: number;
  readonly targets: readonly PartTarget[];
  readonly deltas: readonly PartDelta[];
};

const DIGEST = "^[0-9a-f]{64}$";
const MAX_FILES = 100_000;
const ALGORITHMS = ["BSDIFF", "VCDIFF", "XDELTA3", "ZSTD_DICT", "THEMIS"] as const;
const path = { type: "string", minLength: 1, maxLength: 3072 } as const;
const timeMs = { type: "integer", minimum: 0, maximum: 2 ** 40 } as const;
const memory = { type: "integer", minimum: 0, maximum: MAX_APPLY_MEMORY } as const;
const patchSize = { type: "integer", minimum: 0, maximum: MAX_ASSET_BYTES } as const;

const fileSchema: JSONSchemaType<PartFile> = {
  type: "object",
  additionalProperties: false,
  required: ["path", "type", "sha256_hash", "size_bytes", "permissions", "link_target"],
  properties: {
    path,
    type: { type: "string", enum: ["executable", "library", "config", "data", "symlink", "directory"] },
    sha256_hash: { type: "string", pattern: "^([0-9a-f]{64})?$" },
    size_bytes: { type: "integer", minimum: 0, maximum: MAX_TARGET_BYTES },
    permissions: { type: "string", pattern: "^0[0-7]{3}$" },
    link_target: { type: "string", maxLength: 3072 },
  },
};

const taskSchema: JSONSchemaType<PartTask> = {
  type: "object",
  additionalProperties: false,
  required: [
    ...(["made_by", "settings", "release", "apply_memory", "apply_time_ms"] as const),
    ...(["shards", "files", "previous"] as const),
  ],
  properties: {
    made_by: { type: "string", maxLength: 255 },
    settings: { type: "string", pattern: DIGEST },
    release: { type: "string", maxLength: 2_000_000 },
    apply_memory: { type: "integer", minimum: 0, maximum: Number.MAX_SAFE_INTEGER },
    apply_time_ms: timeMs,
    shards: { type: "integer", minimum: 1, maximum: 256 },
    files: { type: "array", minItems: 1, maxItems: MAX_FILES, items: fileSchema },
    previous: {
      type: "array",
      maxItems: 64,
      items: {
        type: "object",
        additionalProperties: false,
        required: ["version", "files"],
        properties: {
          version: { type: "string", pattern: VERSION },
          files: { type: "array", minItems: 1, maxItems: MAX_FILES, items: fileSchema },
        },
      },
    },
  },
};

const targetSchema: JSONSchemaType<PartTarget> = {
  type: "object",
  additionalProperties: false,
  required: ["sha256_hash", "blob", "length", "encoding"],
  properties: {
    sha256_hash: { type: "string", pattern: DIGEST },
    blob: { type: "string", pattern: DIGEST },
    length: { type: "integer", minimum: 1, maximum: MAX_ASSET_BYTES },
    encoding: { type: "string", enum: ["identity", "zstd"] },
  },
};

const candidateSchema: JSONSchemaType<PartCandidate> = {
  type: "object",
  additionalProperties: false,
  required: ["algorithm", "outcome", "patch_size", "apply_memory", "apply_time_ms", "note"],
  properties: {
    algorithm: { type: "string", enum: ALGORITHMS },
    outcome: {
      type: "string",
      enum: ["proven", "given-up", "over-memory", "over-time", "not-tried", "failed"],
    },
    patch_size: patchSize,
    apply_memory: memory,
    apply_time_ms: timeMs,
    note: { type: "string", maxLength: 4096 },
  },
};

const RESULT = ["winner", "blob", "patch_size", "apply_memory", "apply_time_ms", "candidates"] as const;
const result = {
  winner: { type: "string", enum: [...ALGORITHMS, "WHOLE"] },
  blob: { type: "string", pattern: "^([0-9a-f]{64})?$" },
  patch_size: patchSize,
  apply_memory: memory,
  apply_time_ms: timeMs,
  candidates: { type: "array", maxItems: 16, items: candidateSchema },
} as const;

const deltaSchema: JSONSchemaType<PartDelta> = {
  type: "object",
  additionalProperties: false,
  required: ["from_version", "path", "base_path", "base_reason", ...RESULT],
  properties: {
    from_version: { type: "string", pattern: VERSION },
    path,
    base_path: path,
    base_reason: { type: "string", enum: ["same-path", "similar"] },
    ...result,
  },
};

const cachedResultSchema: JSONSchemaType<CachedResult> = {
  type: "object",
  additionalProperties: false,
  required: ["schema_version", ...RESULT],
  properties: { schema_version: { type: "integer", const: 1 }, ...result },
};

export const buildPartSchema: JSONSchemaType<BuildPart> = {
  type: "object",
  additionalProperties: false,
  required: ["schema_version", "task", "shard", "targets", "deltas"],
  properties: {
    schema_version: { type: "integer", const: 1 },
    task: taskSchema,
    shard: { type: "integer", minimum: 1, maximum: 256 },
    targets: { type: "array", maxItems: MAX_FILES, items: targetSchema },
    deltas: { type: "array", maxItems: MAX_FILES * 64, items: deltaSchema },
  },
};

export const buildPartKind: DocumentKind<BuildPart> = {
  name: "part of a build",
  // Two trees of 100,000 files; a release with more sources than that is built on one machine.
  maxBytes: 128 * 2 ** 20,
  schema: buildPartSchema,
  check: checkPart,
};

export const cachedResultKind: DocumentKind<CachedResult> = {
  name: "cached comparison",
  maxBytes: 2 ** 20,
  schema: cachedResultSchema,
  check: checkResult,
};

/** @throws JsonError, DocumentError, PathError */
export function decodeBuildPart(bytes: Uint8Array): BuildPart {
  return decodeDocument(buildPartKind, bytes);
}

export function encodeBuildPart(part: BuildPart): Uint8Array {
  return encodeDocument(buildPartKind, part);
}

function checkPart({ task, shard, deltas }: BuildPart): void {
  if (shard > task.shards) throw new DocumentError("DOCUMENT_INVALID", `there is no shard ${shard}`);
  for (const files of [task.files, ...task.previous.map((each) => each.files)]) {
    const seen = new Set(files.map((file) => collisionKey(relativePath(file.path))));
    if (seen.size !== files.length) throw new DocumentError("DOCUMENT_INVALID", "a path is there twice");
  }
  for (const delta of deltas) checkResult(delta);
}

function checkResult({ winner, blob, patch_size }: PartResult): void {
  if ((winner === "WHOLE") !== (blob === "") || (blob === "") !== (patch_size === 0))
    throw new DocumentError(
      "DOCUMENT_INVALID",
      "a comparison has a patch and no winner, or a winner and no patch",
    );
}
