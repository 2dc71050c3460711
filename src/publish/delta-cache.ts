/**
 * What was made before, by digests and settings: compressed targets and patches, for the next build of the same files.
 *
 *   CACHE/1/5f/5f1c….target     i or z (identity, zstd), and the bytes
 *   CACHE/1/a0/a0b2….delta      what came of a comparison, as canonical JSON, a zero byte, the patch
 *
 * A cache is anybody's who can write to it, such as a pull request's job. So nothing of it is believed: a target is
 * decompressed and compared with the digest of the file, a patch is applied to the source as a device would do it.
 * What does not pass is as if it were not there, and is made again. Names hold everything that decides what comes out,
 * the versions of zstd and brotli with it, so that a build with a cache makes the same bytes as one without. No entry
 * changes once it is there: any number of builds may use one folder, and it may be cut down or removed at any time.
 */
import { randomBytes } from "node:crypto";
import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { memorySource } from "../base/byte-source.ts";
import { encodeCanonicalJson, type Json } from "../base/canonical-json.ts";
import { sha256 } from "../base/digest.ts";
import { systemCode, ThemisError } from "../base/error.ts";
import { readRegularFile } from "../base/input-file.ts";
import { applyCost } from "../format/delta/apply-cost.ts";
import { MAX_ASSET_BYTES } from "../format/manifest/blob.ts";
import { cachedResultKind } from "../format/manifest/build-part.ts";
import { decodeDocument, encodeDocument } from "../format/manifest/document.ts";
import type { BuildRequest, Previous } from "./build-request.ts";
import { type DiffResult, provePatch } from "./diff/diff-file.ts";
import { type CompressedTarget, isCompressed, localMakers, type Makers, type Making } from "./makers.ts";
import { decodeResult, encodeResult } from "./shard/part-result.ts";
import { madeBy, settingsDigest } from "./shard/part-task.ts";
import type { ChosenSource } from "./sources.ts";
import type { Tree, TreeEntry } from "./tree.ts";

/** On this machine, and not again what its cache has. @param isWanted which targets are made here */
export function cachedMakers(
  request: Making & Pick<BuildRequest, "cache">,
  isWanted?: (target: TreeEntry) => boolean,
): Makers {
  const makers = localMakers(request, isWanted);
  const { cache } = request;
  if (!cache) return makers;
  const made_by = madeBy(cache.program);
  const settings = settingsDigest(request);
  const nameOf = (what: Json, suffix: string): string => {
    const name = sha256(encodeCanonicalJson(what));
    return join(cache.folder, "1", name.slice(0, 2), `${name}.${suffix}`);
  };
  return {
    ...makers,
    compress: async (tree, entry) => {
      const file = nameOf({ made_by, target: entry.sha256 }, "target");
      const known = await readTarget(file, entry);
      if (known) return known;
      const made = await makers.compress(tree, entry);
      await keep(file, Buffer.from(made.encoding === "zstd" ? "z" : "i"), made.bytes);
      return made;
    },
    diff: async (older, tree, chosen, wholeBytes) => {
      const { source, target } = chosen;
      const pair = { source: source.sha256, target: target.sha256, whole_bytes: wholeBytes };
      const file = nameOf({ made_by, settings, ...pair }, "delta");
      const known = await readDelta(file, older, tree, chosen, wholeBytes);
      if (known) return known;
      const result = await makers.diff(older, tree, chosen, wholeBytes);
      const document = { schema_version: 1, ...encodeResult(result) };
      const head = encodeDocument(cachedResultKind, document);
      await keep(file, head, Uint8Array.of(0), result.winner?.patch ?? new Uint8Array());
      return result;
    },
  };
}

/** undefined for what is not there, or is not this. */
async function readTarget(file: string, entry: TreeEntry): Promise<CompressedTarget | undefined> {
  const stored = await readStored(file, entry.sizeBytes + 1);
  const encoding = stored?.[0] === 0x7a ? "zstd" : "identity";
  const bytes = stored?.subarray(1);
  if (!bytes || !(await isCompressed(bytes, encoding, entry))) return undefined;
  return { bytes, encoding };
}

async function readDelta(
  file: string,
  { tree: old }: Previous,
  tree: Tree,
  { source, target }: ChosenSource,
  wholeBytes: number,
): Promise<DiffResult | undefined> {
  const stored = await readStored(file, MAX_ASSET_BYTES);
  const end = stored?.indexOf(0) ?? -1;
  if (!stored || end === -1) return undefined;
  try {
    const document = decodeDocument(cachedResultKind, stored.subarray(0, end));
    const patch = stored.subarray(end + 1);
    const digests = { sourceSha256: source.sha256, targetSha256: target.sha256 };
    if (document.winner === "WHOLE") return { ...digests, ...decodeResult(document, undefined) };
    if (patch.length !== document.patch_size || patch.length >= wholeBytes) return undefined;
    await provePatch({
      algorithm: document.winner,
      sourcePath: join(old.root, source.path),
      targetPath: join(tree.root, target.path),
      patch,
      targetSha256: target.sha256,
    });
    const sizes = { sourceBytes: source.sizeBytes, targetBytes: target.sizeBytes };
    const cost = applyCost(document.winner, memorySource(patch), sizes);
    // What a device must have is not taken from somebody's word either.
    const isSame = cost.memoryBytes === document.apply_memory;
    if (!isSame || Math.round(1000 * cost.seconds) !== document.apply_time_ms) return undefined;
    return { ...digests, ...decodeResult(document, patch) };
  } catch (error) {
    if (error instanceof ThemisError || systemCode(error) !== undefined) return undefined;
    throw error;
  }
}

async function readStored(file: string, maxBytes: number): Promise<Buffer | undefined> {
  try {
    return await readRegularFile(file, maxBytes);
  } catch (error) {
    if (error instanceof ThemisError || systemCode(error) !== undefined) return undefined;
    throw error;
  }
}

/** A cache that cannot be written to costs time and nothing else. */
async function keep(file: string, ...pieces: readonly Uint8Array[]): Promise<void> {
  const growing = `${file}.part-${randomBytes(6).toString("hex")}`;
  try {
    await mkdir(dirname(file), { recursive: true });
    await writeFile(growing, pieces);
    await rename(growing, file);
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    await rm(growing, { force: true }).catch(() => {});
  }
}
