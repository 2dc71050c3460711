/**
 * How a device that holds one older release rebuilds each changed file of the new one.
 *
 * Its size and digest stand in the manifest, so the one signature covers it. `deltas` name every file
 * that a patch pays for; what is not here and not unchanged is fetched whole. `removed` are the files of
 * the older release that the new one lacks, for a device that keeps no record of what it installed.
 */
import type { JSONSchemaType } from "ajv";
import { relativePath } from "../../base/relative-path.ts";
import { type Blob, blobSchema, checkBlob, MAX_ASSET_BYTES, MAX_TARGET_BYTES } from "./blob.ts";
import { DocumentError, type DocumentKind, decodeDocument, encodeDocument } from "./document.ts";
import { type Manifest, PRODUCT, VERSION } from "./manifest.ts";

export type Algorithm = "BSDIFF" | "VCDIFF" | "XDELTA3" | "ZSTD_DICT" | "THEMIS";

export type Delta = {
  readonly path: string;
  /** Where the source lies in the older release; differs from `path` when the file was renamed. */
  readonly base_path: string;
  readonly base_hash: string;
  readonly base_size: number;
  readonly target_hash: string;
  readonly target_size: number;
  readonly patch_size: number;
  readonly algorithm: Algorithm;
  /** Bytes that applying takes at most, beyond what the client takes to start (format/delta/apply-cost.ts). */
  readonly apply_memory: number;
  readonly blob: Blob;
};

export type RemovedFile = { readonly path: string; readonly base_hash: string };

export type DeltaManifest = {
  readonly schema_version: number;
  readonly product: string;
  readonly from_version: string;
  readonly to_version: string;
  readonly deltas: readonly Delta[];
  readonly removed: readonly RemovedFile[];
};

/** Five times the largest source and target, and a window. */
export const MAX_APPLY_MEMORY = 16 * MAX_TARGET_BYTES;
const SHA256 = "^[0-9a-f]{64}$";

const deltaSchema: JSONSchemaType<Delta> = {
  type: "object",
  additionalProperties: false,
  required: [
    "path",
    "base_path",
    "base_hash",
    "base_size",
    "target_hash",
    "target_size",
    "patch_size",
    "algorithm",
    "apply_memory",
    "blob",
  ],
  properties: {
    path: { type: "string", minLength: 1, maxLength: 3072 },
    base_path: { type: "string", minLength: 1, maxLength: 3072 },
    base_hash: { type: "string", pattern: SHA256 },
    base_size: { type: "integer", minimum: 0, maximum: MAX_TARGET_BYTES },
    target_hash: { type: "string", pattern: SHA256 },
    target_size: { type: "integer", minimum: 0, maximum: MAX_TARGET_BYTES },
    patch_size: { type: "integer", minimum: 1, maximum: MAX_ASSET_BYTES },
    algorithm: { type: "string", enum: ["BSDIFF", "VCDIFF", "XDELTA3", "ZSTD_DICT", "THEMIS"] },
    apply_memory: { type: "integer", minimum: 1, maximum: MAX_APPLY_MEMORY },
    blob: blobSchema,
  },
};

export const deltaManifestSchema: JSONSchemaType<DeltaManifest> = {
  type: "object",
  additionalProperties: false,
  required: ["schema_version", "product", "from_version", "to_version", "deltas", "removed"],
  properties: {
    schema_version: { type: "integer", const: 1 },
    product: { type: "string", pattern: PRODUCT },
    from_version: { type: "string", pattern: VERSION },
    to_version: { type: "string", pattern: VERSION },
    deltas: { type: "array", maxItems: 100_000, items: deltaSchema },
    removed: {
      type: "array",
      maxItems: 100_000,
      items: {
        type: "object",
        additionalProperties: false,
        required: ["path", "base_hash"],
        properties: {
          path: { type: "string", minLength: 1, maxLength: 3072 },
          base_hash: { type: "string", pattern: "^([0-9a-f]{64})?$" },
        },
      },
    },
  },
};

export const deltaManifestKind: DocumentKind<DeltaManifest> = {
  name: "delta manifest",
  maxBytes: 16 * 2 ** 20,
  schema: deltaManifestSchema,
  check: checkDeltaManifest,
};

/** @throws JsonError, DocumentError, PathError */
export function decodeDeltaManifest(bytes: Uint8Array): DeltaManifest {
  return decodeDocument(deltaManifestKind, bytes);
}

export function encodeDeltaManifest(value: DeltaManifest): Uint8Array {
  return encodeDocument(deltaManifestKind, value);
}

/**
 * The manifest vouches for these bytes by digest; this makes sure they speak of the same release, so
 * that documents of two releases can never be mixed (TUF, mix-and-match).
 */
export function checkAgainstManifest(delta: DeltaManifest, fromVersion: string, manifest: Manifest): void {
  if (
    delta.product !== manifest.product ||
    delta.to_version !== manifest.version ||
    delta.from_version !== fromVersion
  ) {
    throw new DocumentError(
      "DOCUMENT_INVALID",
      "the delta manifest speaks of another release than the manifest",
    );
  }
  const targets = new Map(manifest.files.map((file) => [file.path, file]));
  const packSizes = new Map(manifest.packs.map((pack) => [pack.asset, pack.size_bytes]));
  for (const { path, target_hash, target_size, blob } of delta.deltas) {
    const target = targets.get(path);
    if (!target || target.sha256_hash !== target_hash || target.size_bytes !== target_size) {
      throw new DocumentError(
        "DOCUMENT_INVALID",
        `the delta for ${JSON.stringify(path)} makes another file than the manifest names`,
      );
    }
    checkBlob(`the delta for ${JSON.stringify(path)}`, blob, packSizes);
  }
  for (const { path } of delta.removed) {
    if (targets.has(path)) {
      throw new DocumentError("DOCUMENT_INVALID", `${JSON.stringify(path)} is removed and present at once`);
    }
  }
}

function checkDeltaManifest(value: DeltaManifest): void {
  const seen = new Set<string>();
  for (const { path, base_path, blob, patch_size } of value.deltas) {
    relativePath(path);
    relativePath(base_path);
    if (seen.has(path)) throw new DocumentError("DOCUMENT_INVALID", `${JSON.stringify(path)} has two deltas`);
    seen.add(path);
    if (blob.encoding !== "identity" || blob.length !== patch_size) {
      throw new DocumentError(
        "DOCUMENT_INVALID",
        `the patch of ${JSON.stringify(path)} is not as long as it says`,
      );
    }
  }
  for (const { path } of value.removed) relativePath(path);
}
