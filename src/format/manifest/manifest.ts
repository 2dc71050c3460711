/**
 * The manifest: the one signed document of a bundle. What it does not name does not exist.
 *
 * Names are ThemisDB's (snake_case), so that its servers read our manifests; the prose for a second
 * client is schemas/manifest.md. A document has no optional fields: "not stated" is "" or [].
 * `sha256_hash` is of the file's content, of the link's text for a symlink, and "" for a directory.
 */
import type { JSONSchemaType } from "ajv";
import { collisionKey, relativePath, resolveInside } from "../../base/relative-path.ts";
import {
  ASSET_NAME,
  type Blob,
  blobSchema,
  checkBlob,
  MAX_ASSET_BYTES,
  MAX_TARGET_BYTES,
  PIECE_BYTES,
} from "./blob.ts";
import { DocumentError, type DocumentKind, decodeDocument, encodeDocument } from "./document.ts";

export type TargetType = "executable" | "library" | "config" | "data" | "symlink" | "directory";

export type Target = {
  readonly path: string;
  readonly type: TargetType;
  readonly sha256_hash: string;
  readonly size_bytes: number;
  /** Octal, four digits: "0755". */
  readonly permissions: string;
  readonly platform: string;
  readonly architecture: string;
  readonly download_url: string;
  /** The text of a symlink; "" for everything else. */
  readonly link_target: string;
  readonly blob: Blob;
};

export type Pack = {
  readonly asset: string;
  readonly size_bytes: number;
  readonly sha256_hash: string;
  /** SHA-256 of each MiB of the pack; the last piece may be shorter. */
  readonly pieces: readonly string[];
};

export type DeltaManifestReference = {
  readonly from_version: string;
  readonly asset: string;
  readonly size_bytes: number;
  readonly sha256_hash: string;
};

export type Manifest = {
  readonly schema_version: number;
  readonly product: string;
  readonly version: string;
  readonly tag_name: string;
  readonly channel: string;
  /** Grows with every release of a product; a device never goes below the highest it has seen. */
  readonly sequence: number;
  readonly release_notes: string;
  /** RFC 3339 in UTC with seconds, or "". */
  readonly release_date: string;
  /** After this moment the manifest is refused; "" for never. */
  readonly expires: string;
  readonly is_critical: boolean;
  readonly min_upgrade_from: string;
  readonly build_commit: string;
  readonly build_date: string;
  readonly compiler_version: string;
  readonly dependencies: readonly string[];
  readonly files: readonly Target[];
  readonly packs: readonly Pack[];
  readonly delta_manifests: readonly DeltaManifestReference[];
};

const SHA256 = "^[0-9a-f]{64}$";
const DATE = "^([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z)?$";
/** Versions stand in asset names, so they keep to the same characters. */
export const VERSION = "^[A-Za-z0-9][A-Za-z0-9._+-]{0,63}$";
export const PRODUCT = "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$";

const targetSchema: JSONSchemaType<Target> = {
  type: "object",
  additionalProperties: false,
  required: [
    "path",
    "type",
    "sha256_hash",
    "size_bytes",
    "permissions",
    "platform",
    "architecture",
    "download_url",
    "link_target",
    "blob",
  ],
  properties: {
    path: { type: "string", minLength: 1, maxLength: 3072 },
    type: { type: "string", enum: ["executable", "library", "config", "data", "symlink", "directory"] },
    sha256_hash: { type: "string", pattern: "^([0-9a-f]{64})?$" },
    size_bytes: { type: "integer", minimum: 0, maximum: MAX_TARGET_BYTES },
    permissions: { type: "string", pattern: "^0[0-7]{3}$" },
    platform: { type: "string", maxLength: 64 },
    architecture: { type: "string", maxLength: 64 },
    download_url: { type: "string", maxLength: 2048 },
    link_target: { type: "string", maxLength: 3072 },
    blob: blobSchema,
  },
};

const packSchema: JSONSchemaType<Pack> = {
  type: "object",
  additionalProperties: false,
  required: ["asset", "size_bytes", "sha256_hash", "pieces"],
  properties: {
    asset: { type: "string", maxLength: 128, pattern: ASSET_NAME },
    size_bytes: { type: "integer", minimum: 1, maximum: MAX_ASSET_BYTES },
    sha256_hash: { type: "string", pattern: SHA256 },
    pieces: { type: "array", minItems: 1, maxItems: 2048, items: { type: "string", pattern: SHA256 } },
  },
};

const referenceSchema: JSONSchemaType<DeltaManifestReference> = {
  type: "object",
  additionalProperties: false,
  required: ["from_version", "asset", "size_bytes", "sha256_hash"],
  properties: {
    from_version: { type: "string", pattern: VERSION },
    asset: { type: "string", maxLength: 128, pattern: ASSET_NAME },
    size_bytes: { type: "integer", minimum: 1, maximum: 16 * 2 ** 20 },
    sha256_hash: { type: "string", pattern: SHA256 },
  },
};

export const manifestSchema: JSONSchemaType<Manifest> = {
  type: "object",
  additionalProperties: false,
  required: [
    "schema_version",
    "product",
    "version",
    "tag_name",
    "channel",
    "sequence",
    "release_notes",
    "release_date",
    "expires",
    "is_critical",
    "min_upgrade_from",
    "build_commit",
    "build_date",
    "compiler_version",
    "dependencies",
    "files",
    "packs",
    "delta_manifests",
  ],
  properties: {
    schema_version: { type: "integer", const: 1 },
    product: { type: "string", pattern: PRODUCT },
    version: { type: "string", pattern: VERSION },
    tag_name: { type: "string", maxLength: 255 },
    channel: { type: "string", pattern: PRODUCT },
    sequence: { type: "integer", minimum: 0, maximum: Number.MAX_SAFE_INTEGER },
    release_notes: { type: "string", maxLength: 125_000 },
    release_date: { type: "string", pattern: DATE },
    expires: { type: "string", pattern: DATE },
    is_critical: { type: "boolean" },
    min_upgrade_from: { type: "string", maxLength: 64 },
    build_commit: { type: "string", maxLength: 64 },
    build_date: { type: "string", pattern: DATE },
    compiler_version: { type: "string", maxLength: 255 },
    dependencies: { type: "array", maxItems: 256, items: { type: "string", maxLength: 255 } },
    files: { type: "array", minItems: 1, maxItems: 100_000, items: targetSchema },
    packs: { type: "array", maxItems: 900, items: packSchema },
    delta_manifests: { type: "array", maxItems: 64, items: referenceSchema },
  },
};

export const manifestKind: DocumentKind<Manifest> = {
  name: "manifest",
  maxBytes: 16 * 2 ** 20,
  schema: manifestSchema,
  check: checkManifest,
};

/** @throws JsonError, DocumentError, PathError */
export function decodeManifest(bytes: Uint8Array): Manifest {
  return decodeDocument(manifestKind, bytes);
}

export function encodeManifest(manifest: Manifest): Uint8Array {
  return encodeDocument(manifestKind, manifest);
}

function checkManifest(manifest: Manifest): void {
  for (const date of [manifest.expires, manifest.release_date, manifest.build_date]) checkDate(date);
  checkAssets(manifest);
  checkTree(manifest.files);
  const packSizes = new Map(manifest.packs.map((pack) => [pack.asset, pack.size_bytes]));
  for (const target of manifest.files) checkTarget(target, packSizes);
}

/** The schema checks the shape; 2026-02-31 has the shape. */
function checkDate(date: string): void {
  if (date === "") return;
  const parsed = new Date(date);
  if (Number.isNaN(parsed.getTime()) || `${parsed.toISOString().slice(0, 19)}Z` !== date) {
    throw new DocumentError("DOCUMENT_INVALID", `${JSON.stringify(date)} is not a date`);
  }
}

function checkAssets(manifest: Manifest): void {
  const names = [...manifest.packs, ...manifest.delta_manifests].map(({ asset }) => asset.toLowerCase());
  names.push("manifest.json", "manifest.json.p7s");
  if (new Set(names).size !== names.length)
    throw new DocumentError("DOCUMENT_INVALID", "two assets share one name");
  const froms = manifest.delta_manifests.map(({ from_version }) => from_version);
  if (new Set(froms).size !== froms.length) {
    throw new DocumentError("DOCUMENT_INVALID", "two delta manifests start from one version");
  }
  for (const pack of manifest.packs) {
    if (pack.pieces.length !== Math.ceil(pack.size_bytes / PIECE_BYTES)) {
      throw new DocumentError("DOCUMENT_INVALID", `${pack.asset} does not have one digest for each MiB`);
    }
  }
}

/**
 * A tree is sorted, so it has one spelling, and no path lies below something that is not a folder:
 * a symlink "a -> /etc" followed by a file "a/passwd" would write outside of the root.
 */
function checkTree(files: readonly Target[]): void {
  const kinds = new Map<string, TargetType>();
  let before: Buffer | undefined;
  for (const { path, type } of files) {
    const bytes = Buffer.from(relativePath(path));
    if (before && Buffer.compare(before, bytes) >= 0) {
      throw new DocumentError(
        "DOCUMENT_INVALID",
        `the files are not sorted at ${JSON.stringify(path)}, or it is there twice`,
      );
    }
    before = bytes;
    const key = collisionKey(path);
    if (kinds.has(key)) {
      throw new DocumentError(
        "DOCUMENT_INVALID",
        `${JSON.stringify(path)} clashes with a name that differs only in case`,
      );
    }
    kinds.set(key, type);
  }
  for (const { path } of files) {
    for (let end = path.indexOf("/"); end !== -1; end = path.indexOf("/", end + 1)) {
      const above = kinds.get(collisionKey(path.slice(0, end)));
      if (above !== undefined && above !== "directory") {
        throw new DocumentError(
          "DOCUMENT_INVALID",
          `${JSON.stringify(path)} lies below something that is not a folder`,
        );
      }
    }
  }
}

function checkTarget(target: Target, packSizes: ReadonlyMap<string, number>): void {
  const what = JSON.stringify(target.path);
  const fail = (why: string): never => {
    throw new DocumentError("DOCUMENT_INVALID", `${what} ${why}`);
  };
  checkBlob(what, target.blob, packSizes);
  const hasBlob = target.blob.encoding !== "none";
  if (target.type === "directory") {
    if (target.sha256_hash !== "" || target.size_bytes !== 0 || hasBlob) fail("is a folder with content");
  } else if (target.sha256_hash === "") fail("has no digest");
  if (target.type === "symlink") {
    if (resolveInside(target.path, target.link_target) === undefined) {
      fail(`is a symlink to ${JSON.stringify(target.link_target)}, which leaves the tree`);
    }
    if (hasBlob) fail("is a symlink with a blob");
  } else {
    if (target.link_target !== "") fail("is not a symlink and has a link target");
    if (target.type !== "directory" && hasBlob !== target.size_bytes > 0)
      fail("has no bytes, or bytes it should not have");
    if (target.blob.encoding === "identity" && target.blob.length !== target.size_bytes)
      fail("differs in length from its blob");
  }
}
