/**
 * What a server has to give: a name, bytes and the two validators of RFC 9110, section 8.8.
 *
 *   ETag            "<first 16 hex digits of the SHA-256>"     strong: other bytes, other tag
 *   Last-Modified   the same for all assets, or an hour later for other content
 */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";

export type Asset = {
  /** The path below the server's root, without the first slash. */
  readonly name: string;
  readonly bytes: Uint8Array;
  /** As the header has it, with quotes; undefined when the server sends none. */
  readonly etag: string | undefined;
  /** An IMF-fixdate. */
  readonly lastModified: string | undefined;
};

export type Assets = ReadonlyMap<string, Uint8Array>;

const MODIFIED = "Mon, 02 Mar 2026 10:00:00 GMT";
const MODIFIED_LATER = "Mon, 02 Mar 2026 11:00:00 GMT";

export function makeAsset(name: string, bytes: Uint8Array): Asset {
  return { name, bytes, etag: strongTag(bytes), lastModified: MODIFIED };
}

/** What somebody else published under the same name: no byte is the same, and `grownBytes` more of them. */
export function replaceAsset({ name, bytes }: Asset, grownBytes: number): Asset {
  const other = Buffer.alloc(bytes.length + grownBytes, 0x2a);
  for (let at = 0; at < bytes.length; at++) other[at] = bytes[at]! ^ 0x55;
  return { name, bytes: other, etag: strongTag(other), lastModified: MODIFIED_LATER };
}

/** Every file below a folder, by its path there. */
export function assetsOf(folder: string): Assets {
  const assets = new Map<string, Uint8Array>();
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isFile()) assets.set(relative(folder, path).replaceAll("\\", "/"), readFileSync(path));
  }
  return assets;
}

/** A name as the path of a URL has it. */
export function assetPath(name: string): string {
  return name.split("/").map(encodeURIComponent).join("/");
}

function strongTag(bytes: Uint8Array): string {
  return `"${createHash("sha256").update(bytes).digest("hex").slice(0, 16)}"`;
}
