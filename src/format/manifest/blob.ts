/**
 * Where bytes lie inside a bundle: a range of one pack.
 *
 *   { pack: "targets-0.pack", offset: 512, length: 1834, encoding: "zstd" }
 *
 * `encoding` is how the range becomes the bytes that are meant: `identity` as they are, `zstd` one
 * frame (RFC 8878), `none` no range at all (an empty file, a symlink, a directory): then the other
 * three are "" and 0.
 */
import type { JSONSchemaType } from "ajv";
import { DocumentError } from "./document.ts";

/** No release asset may reach 2 GiB (GitHub: assets under 2 GiB), so no offset does. */
export const MAX_ASSET_BYTES = 2 ** 31 - 1;
/** One gigabyte above any single file a database ships; a bound, not a promise. */
export const MAX_TARGET_BYTES = 2 ** 40;
/** The unit of verified resume. */
export const PIECE_BYTES = 1 << 20;

export type Blob = {
  readonly pack: string;
  readonly offset: number;
  readonly length: number;
  readonly encoding: "none" | "identity" | "zstd";
};

export const NO_BLOB: Blob = { pack: "", offset: 0, length: 0, encoding: "none" };

export const blobSchema: JSONSchemaType<Blob> = {
  type: "object",
  additionalProperties: false,
  required: ["pack", "offset", "length", "encoding"],
  properties: {
    pack: { type: "string", maxLength: 128, pattern: "^([A-Za-z0-9_-][A-Za-z0-9._-]*)?$" },
    offset: { type: "integer", minimum: 0, maximum: MAX_ASSET_BYTES },
    length: { type: "integer", minimum: 0, maximum: MAX_ASSET_BYTES },
    encoding: { type: "string", enum: ["none", "identity", "zstd"] },
  },
};

/** A name an asset may have: GitHub renames anything else, and it can never be a path. */
export const ASSET_NAME = "^[A-Za-z0-9_-][A-Za-z0-9._-]*$";

export function checkBlob(what: string, blob: Blob, packSizes: ReadonlyMap<string, number>): void {
  if (blob.encoding === "none") {
    if (blob.pack !== "" || blob.offset !== 0 || blob.length !== 0) {
      throw new DocumentError("DOCUMENT_INVALID", `${what} has encoding "none" and yet a range`);
    }
    return;
  }
  const size = packSizes.get(blob.pack);
  if (size === undefined) {
    throw new DocumentError(
      "DOCUMENT_INVALID",
      `${what} lies in ${JSON.stringify(blob.pack)}, which the manifest does not list`,
    );
  }
  if (blob.length === 0 || blob.offset + blob.length > size) {
    throw new DocumentError("DOCUMENT_INVALID", `${what} lies outside its pack ${blob.pack}`);
  }
}
