/** A hostile manifest, signed or not, names no path outside of the root and no byte outside of its packs. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { encodeCanonicalJson, type Json } from "../../../src/base/canonical-json.ts";
import {
  decodeManifest,
  encodeManifest,
  type Manifest,
  type Target,
} from "../../../src/format/manifest/manifest.ts";
import { documentSchemas } from "../../../src/format/schemas.ts";
import { MANIFEST_FACTS } from "../../kit/manifest-facts.ts";

const digest = "0".repeat(64);

function file(path: string, changes: Partial<Target> = {}): Target {
  return {
    path,
    type: "data",
    sha256_hash: digest,
    size_bytes: 0,
    permissions: "0644",
    platform: "",
    architecture: "",
    download_url: "",
    link_target: "",
    blob: { pack: "", offset: 0, length: 0, encoding: "none" },
    ...changes,
  };
}

function manifest(files: Target[], changes: Record<string, unknown> = {}): Uint8Array {
  return encodeCanonicalJson({ ...MANIFEST_FACTS, files, ...changes } as unknown as Json);
}

const link = (path: string, link_target: string): Target => file(path, { type: "symlink", link_target });
const packed = { asset: "a.pack", size_bytes: 10, sha256_hash: digest, pieces: [digest] };

it("reads what it writes", () => {
  const bytes = manifest([file("a b/Größe.txt"), link("z", "a b/Größe.txt")]);
  expect(Buffer.from(encodeManifest(decodeManifest(bytes) as Manifest)).equals(bytes)).toBe(true);
});

it.each([
  "../x",
  "a/../x",
  "/etc/passwd",
  "C:\\x",
  "C:/x",
  "a\\b",
  "nul\u0000byte",
  "",
  "a//b",
  "a/",
  "./a",
  ".themis/state.db",
  ".THEMIS/x",
  "con",
  "aux.txt",
  "a:b",
  "trailing.",
  "trailing ",
  "line\nbreak",
  `${"x".repeat(256)}`,
])("refuses the path %j", (path) => {
  expect(() => decodeManifest(manifest([file(path)]))).toThrow(expect.objectContaining({ kind: "refused" }));
});

it.each([
  { why: "the same path twice", files: [file("a"), file("a")] },
  { why: "paths that differ in case only", files: [file("README"), file("readme")] },
  { why: "paths that are out of order", files: [file("b"), file("a")] },
  { why: "a file below a symlink", files: [link("a", "b"), file("a/x")] },
  { why: "a symlink out of the root", files: [link("a/b", "../../x")] },
  { why: "an absolute symlink", files: [link("a", "/etc")] },
  { why: "a symlink that climbs behind a name", files: [link("a", "b/..")] },
  { why: "a symlink into the device's records", files: [link("a", ".themis/state.db")] },
  {
    why: "a blob in a pack that is not listed",
    files: [
      file("a", { size_bytes: 1, blob: { pack: "a.pack", offset: 0, length: 1, encoding: "identity" } }),
    ],
  },
  { why: "a file with bytes and no blob", files: [file("a", { size_bytes: 1 })] },
  { why: "setuid permissions", files: [file("a", { permissions: "4755" })] },
])("refuses $why", ({ files }) => {
  expect(() => decodeManifest(manifest(files))).toThrow(expect.objectContaining({ kind: "refused" }));
});

it.each([
  {
    why: "a blob outside of its pack",
    change: { packs: [packed] },
    blob: { pack: "a.pack", offset: 5, length: 6, encoding: "identity" as const },
  },
  { why: "an unknown field", change: { extra: 1 } },
  { why: "a newer schema_version", change: { schema_version: 2 } },
  { why: "an asset name with a slash", change: { packs: [{ ...packed, asset: "../a.pack" }] } },
  { why: "a pack without all its pieces", change: { packs: [{ ...packed, size_bytes: 3_000_000 }] } },
  { why: "two assets of one name", change: { packs: [packed, packed] } },
  { why: "a date that does not exist", change: { expires: "2026-02-31T00:00:00Z" } },
])("refuses $why", ({ change, blob }) => {
  const files = [blob ? file("a", { size_bytes: 6, blob }) : file("a")];
  expect(() => decodeManifest(manifest(files, change))).toThrow(expect.objectContaining({ kind: "refused" }));
});

it.each(Object.entries(documentSchemas))("schemas/%s.schema.json is what the code says", (name, schema) => {
  const written = readFileSync(join(import.meta.dirname, "../../../schemas", `${name}.schema.json`), "utf8");
  expect(JSON.parse(written)).toEqual(schema);
});

/** By slots a version is the name of a folder. */
it.each([
  "",
  ".",
  "..",
  "../1.0.0",
  "1/0",
  "/1.0.0",
  ".themis",
  "1.0.0\\x",
  "1.0.0\0",
  "1.0.0@2",
  "1".repeat(65),
])("refuses the version %j", (version) => {
  expect(() => decodeManifest(manifest([], { version }))).toThrow(
    expect.objectContaining({ code: "DOCUMENT_INVALID", kind: "refused" }),
  );
});
