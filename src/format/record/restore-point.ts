/**
 * What a device writes down before it changes anything: how every path that will be touched looks now,
 * and which release was installed. With the copies beside it, this is the way back.
 *
 * Its own digest is kept in the state database, and that of everything beside it stands in it, so a restore
 * point that was changed by a single byte is refused.
 */
import type { JSONSchemaType } from "ajv";
import { relativePath } from "../../base/relative-path.ts";
import { type DocumentKind, decodeDocument, encodeDocument } from "../manifest/document.ts";

/** One path as it is on disk or in the records; unused fields are "" and 0. */
export type EntryRecord = {
  readonly path: string;
  readonly kind: "absent" | "file" | "symlink" | "directory";
  readonly sha256: string;
  readonly size: number;
  readonly permissions: string;
  readonly link_target: string;
};

/** The bytes of one file as it was, and how they are kept; unused fields are "" and 0. */
export type ContentRecord = {
  readonly sha256: string;
  readonly size: number;
  /** `same` keeps nothing: an installed file has these very bytes. `bsdiff` is rebuilt from one. */
  readonly form: "copy" | "zstd" | "bsdiff" | "same";
  /** Of what lies beside the document. */
  readonly stored_sha256: string;
  readonly stored_size: number;
  /** The file of the next release that it is rebuilt from. */
  readonly base_path: string;
  readonly base_sha256: string;
};

export type InstalledRelease = {
  readonly product: string;
  /** "" when nothing of ours was installed. */
  readonly version: string;
  readonly sequence: number;
  readonly manifest_sha256: string;
};

export type RestorePointDocument = {
  readonly schema_version: number;
  readonly id: string;
  readonly created: string;
  readonly to_version: string;
  readonly release: InstalledRelease;
  readonly files: readonly EntryRecord[];
  readonly entries: readonly EntryRecord[];
  /** One for each digest of a file among the entries. */
  readonly contents: readonly ContentRecord[];
};

export const NOTHING_INSTALLED: InstalledRelease = {
  product: "",
  version: "",
  sequence: 0,
  manifest_sha256: "",
};

const entrySchema: JSONSchemaType<EntryRecord> = {
  type: "object",
  additionalProperties: false,
  required: ["path", "kind", "sha256", "size", "permissions", "link_target"],
  properties: {
    path: { type: "string", minLength: 1, maxLength: 3072 },
    kind: { type: "string", enum: ["absent", "file", "symlink", "directory"] },
    sha256: { type: "string", pattern: "^([0-9a-f]{64})?$" },
    size: { type: "integer", minimum: 0, maximum: Number.MAX_SAFE_INTEGER },
    permissions: { type: "string", pattern: "^(0[0-7]{3})?$" },
    link_target: { type: "string", maxLength: 4096 },
  },
};

const contentSchema: JSONSchemaType<ContentRecord> = {
  type: "object",
  additionalProperties: false,
  required: ["sha256", "size", "form", "stored_sha256", "stored_size", "base_path", "base_sha256"],
  properties: {
    sha256: { type: "string", pattern: "^[0-9a-f]{64}$" },
    size: { type: "integer", minimum: 0, maximum: Number.MAX_SAFE_INTEGER },
    form: { type: "string", enum: ["copy", "zstd", "bsdiff", "same"] },
    stored_sha256: { type: "string", pattern: "^([0-9a-f]{64})?$" },
    stored_size: { type: "integer", minimum: 0, maximum: Number.MAX_SAFE_INTEGER },
    base_path: { type: "string", maxLength: 3072 },
    base_sha256: { type: "string", pattern: "^([0-9a-f]{64})?$" },
  },
};

const restorePointSchema: JSONSchemaType<RestorePointDocument> = {
  type: "object",
  additionalProperties: false,
  required: ["schema_version", "id", "created", "to_version", "release", "files", "entries", "contents"],
  properties: {
    schema_version: { type: "integer", const: 1 },
    id: { type: "string", pattern: "^[0-9TZ]{16,20}-[0-9a-f]{8}$" },
    created: { type: "string", maxLength: 32 },
    to_version: { type: "string", maxLength: 64 },
    release: {
      type: "object",
      additionalProperties: false,
      required: ["product", "version", "sequence", "manifest_sha256"],
      properties: {
        product: { type: "string", maxLength: 64 },
        version: { type: "string", maxLength: 64 },
        sequence: { type: "integer", minimum: 0, maximum: Number.MAX_SAFE_INTEGER },
        manifest_sha256: { type: "string", pattern: "^([0-9a-f]{64})?$" },
      },
    },
    files: { type: "array", maxItems: 200_000, items: entrySchema },
    entries: { type: "array", maxItems: 200_000, items: entrySchema },
    contents: { type: "array", maxItems: 200_000, items: contentSchema },
  },
};

export const restorePointKind: DocumentKind<RestorePointDocument> = {
  name: "restore point",
  maxBytes: 64 * 2 ** 20,
  schema: restorePointSchema,
  check: ({ entries, files, contents }) => {
    for (const { path } of [...entries, ...files]) relativePath(path);
    for (const { base_path } of contents) if (base_path !== "") relativePath(base_path);
  },
};

export function encodeRestorePoint(value: RestorePointDocument): Uint8Array {
  return encodeDocument(restorePointKind, value);
}

/** @throws JsonError, DocumentError, PathError */
export function decodeRestorePoint(bytes: Uint8Array): RestorePointDocument {
  return decodeDocument(restorePointKind, bytes);
}
