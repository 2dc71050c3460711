/**
 * A patch for archives: a recipe of both, and a patch of another format between what they expand to.
 *
 *   "THMA" 01 | length of the recipe, and of it compressed | recipe, brotli (RFC 7932) | inner algorithm | inner patch
 */
import { type ByteSource, partOf } from "../../../base/byte-source.ts";
import type { Algorithm } from "../../manifest/delta-manifest.ts";
import { DeltaError } from "../error.ts";
import { Cursor, integerLength, writeInteger } from "../vcdiff/integer.ts";
import { decodeRecipe, MAX_RECIPE_BYTES, type Recipe } from "./recipe.ts";

export const ARCHIVE_MAGIC = Uint8Array.of(0x54, 0x48, 0x4d, 0x41, 0x01);
/** By their number on the wire, which never changes. */
export const INNER_ALGORITHMS: readonly Algorithm[] = ["BSDIFF", "VCDIFF", "ZSTD_DICT", "THEMIS"];
/** Magic, two integers of at most eight bytes. */
const HEAD_BYTES = ARCHIVE_MAGIC.length + 16;

export type ArchivePatch = {
  readonly recipe: Recipe;
  readonly algorithm: Algorithm;
  readonly inner: ByteSource;
};

export function isArchivePatch(start: Uint8Array): boolean {
  return ARCHIVE_MAGIC.every((byte, i) => start[i] === byte);
}

/** @param recipe as encoded, and compressed by brotli */
export function writeArchivePatch(
  recipe: { readonly bytes: number; readonly compressed: Uint8Array },
  algorithm: Algorithm,
  inner: Uint8Array,
): Uint8Array {
  const { bytes, compressed } = recipe;
  const lengths = new Uint8Array(integerLength(bytes) + integerLength(compressed.length));
  writeInteger(lengths, writeInteger(lengths, 0, bytes), compressed.length);
  return Buffer.concat([
    ARCHIVE_MAGIC,
    lengths,
    compressed,
    Uint8Array.of(INNER_ALGORITHMS.indexOf(algorithm)),
    inner,
  ]);
}

/** @throws DeltaError DELTA_MAGIC, DELTA_TRUNCATED, DELTA_SIZE, DELTA_CORRUPT, DELTA_TRAILING, DELTA_ALGORITHM */
export function readArchivePatch(patch: ByteSource): ArchivePatch {
  const head = new Uint8Array(Math.min(HEAD_BYTES, patch.size));
  patch.read(0, head);
  if (!isArchivePatch(head))
    throw new DeltaError("DELTA_MAGIC", "the patch does not start as one for archives");
  const cursor = new Cursor(head);
  cursor.take(ARCHIVE_MAGIC.length);
  const bytes = cursor.integer();
  const compressedBytes = cursor.integer();
  if (bytes > MAX_RECIPE_BYTES || compressedBytes > MAX_RECIPE_BYTES)
    throw new DeltaError("DELTA_SIZE", `the recipe has ${bytes} bytes, the limit is ${MAX_RECIPE_BYTES}`);
  const innerAt = cursor.at + compressedBytes + 1;
  if (innerAt > patch.size) throw new DeltaError("DELTA_TRUNCATED", "the patch ends inside its recipe");
  const compressed = new Uint8Array(compressedBytes + 1);
  patch.read(cursor.at, compressed);
  const algorithm = INNER_ALGORITHMS[compressed[compressedBytes]!];
  if (!algorithm)
    throw new DeltaError("DELTA_ALGORITHM", "the patch holds one of a format that none may have in it");
  const inner = partOf(patch, innerAt, patch.size - innerAt);
  // An archive in an archive would have another one in it.
  const start = new Uint8Array(Math.min(inner.size, ARCHIVE_MAGIC.length));
  inner.read(0, start);
  if (isArchivePatch(start))
    throw new DeltaError("DELTA_CORRUPT", "the patch in the patch is one for archives again");
  const recipe = decodeRecipe(unpack(compressed.subarray(0, compressedBytes), bytes));
  return { recipe, algorithm, inner };
}

function unpack(compressed: Uint8Array, bytes: number): Uint8Array {
  // Loaded when it is used: most patches are of another format.
  const { brotliDecompressSync } = process.getBuiltinModule("node:zlib");
  let unpacked: Uint8Array;
  try {
    unpacked = brotliDecompressSync(compressed, { maxOutputLength: Math.max(1, bytes) });
  } catch (cause) {
    throw new DeltaError("DELTA_CORRUPT", "the recipe of the patch cannot be unpacked", { cause });
  }
  if (unpacked.length !== bytes)
    throw new DeltaError("DELTA_CORRUPT", "the recipe of the patch is not as long as it says");
  return unpacked;
}
