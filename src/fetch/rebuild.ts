/**
 * Makes every changed file in `.themis/staged/`, proven by its digest, before anything else is touched.
 *
 * A delta that fails for whatever reason falls back to the whole target for that file only, and is said once.
 */
import { createReadStream } from "node:fs";
import { mkdir, open, rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { constants, zstdDecompress } from "node:zlib";
import { growingFileSource, openFileSource, partOf } from "../base/byte-source.ts";
import { hashing, sha256, sha256OfFile } from "../base/digest.ts";
import { ThemisError } from "../base/error.ts";
import { applyPatch } from "../format/delta/algorithm.ts";
import type { Blob } from "../format/manifest/blob.ts";
import type { Pack, Target } from "../format/manifest/manifest.ts";
import { FetchError } from "./fetch-error.ts";
import type { PlanStep } from "./plan.ts";
import { partPath } from "./transfer.ts";

export type StagedFile = { readonly target: Target; readonly staged: string };
export type FellBack = { readonly path: string; readonly why: string };

export type RebuildRequest = {
  readonly root: string;
  readonly staged: string;
  readonly transferred: string;
  readonly packs: readonly Pack[];
  readonly steps: readonly PlanStep[];
  readonly signal?: AbortSignal | undefined;
  /** Brings more blobs; used when a delta fails. */
  readonly fetchBlobs: (blobs: readonly Blob[]) => Promise<void>;
  readonly progress: (done: number, total: number, doneBytes: number, totalBytes: number) => void;
};

/** @throws FetchError TARGET_DIGEST_MISMATCH, and what fetchBlobs throws */
export async function rebuild(
  request: RebuildRequest,
): Promise<{ files: StagedFile[]; fellBack: FellBack[] }> {
  await rm(request.staged, { recursive: true, force: true });
  await mkdir(request.staged, { recursive: true });
  const work = request.steps.filter(
    (step) => step.kind === "patch" || step.kind === "copy" || step.kind === "download",
  );
  const totalBytes = work.reduce((sum, { target }) => sum + target.size_bytes, 0);
  let doneBytes = 0;
  const files: StagedFile[] = [];
  const fellBack: FellBack[] = [];
  for (const step of work) {
    request.signal?.throwIfAborted();
    const { target } = step;
    const staged = String(files.length);
    const path = join(request.staged, staged);
    let made = false;
    if (step.kind === "patch" || step.kind === "copy") {
      try {
        if (step.kind === "patch") await rebuildFromDelta(request, step, path);
        else await copyFrom(request, step, path);
        made = true;
      } catch (error) {
        if (!(error instanceof ThemisError)) throw error;
        await rm(path, { force: true });
        fellBack.push({ path: target.path, why: error.message });
        await request.fetchBlobs([target.blob]);
      }
    }
    if (!made) await writeStaged(path, await readWhole(request, target), target);
    files.push({ target, staged });
    doneBytes += target.size_bytes;
    request.progress(files.length, work.length, doneBytes, totalBytes);
  }
  return { files, fellBack };
}

async function copyFrom(
  { root }: RebuildRequest,
  { target, from }: Extract<PlanStep, { kind: "copy" }>,
  path: string,
): Promise<void> {
  const { pieces, digest } = hashing(createReadStream(join(root, from)));
  await writeStaged(path, pieces, target);
  if (digest() !== target.sha256_hash) throw mismatch(target, `${from} changed meanwhile`);
}

/** Source and patch are read by position, the target is hashed as it is written: memory stays flat. */
async function rebuildFromDelta(
  request: RebuildRequest,
  { target, delta }: Extract<PlanStep, { kind: "patch" }>,
  path: string,
): Promise<void> {
  const base = join(request.root, delta.base_path);
  if ((await sha256OfFile(base)) !== delta.base_hash) throw mismatch(target, "its source changed meanwhile");
  const pack = openFileSource(packPath(request, delta.blob));
  const source = openFileSource(base);
  const written = growingFileSource(path);
  try {
    const pieces = applyPatch({
      algorithm: delta.algorithm,
      source,
      patch: partOf(pack, delta.blob.offset, delta.blob.length),
      written,
      targetSize: target.size_bytes,
    });
    const { pieces: through, digest } = hashing(pieces);
    await writeStaged(path, through, target);
    if (digest() !== target.sha256_hash) throw mismatch(target, "the delta makes another file");
  } finally {
    written.close();
    source.close();
    pack.close();
  }
}

async function readWhole(request: RebuildRequest, target: Target): Promise<Uint8Array> {
  const stored = await readBlob(request, target.blob);
  const bytes = target.blob.encoding === "zstd" ? await decompress(stored, target) : stored;
  if (bytes.length !== target.size_bytes || sha256(bytes) !== target.sha256_hash) {
    throw mismatch(target, "the whole target has another digest");
  }
  return bytes;
}

async function decompress(stored: Uint8Array, target: Target): Promise<Uint8Array> {
  try {
    return await promisify(zstdDecompress)(stored, {
      maxOutputLength: target.size_bytes,
      params: { [constants.ZSTD_d_windowLogMax]: 31 },
    });
  } catch (cause) {
    throw new FetchError("TARGET_DIGEST_MISMATCH", `${target.path} cannot be decompressed`, { cause });
  }
}

async function readBlob(request: RebuildRequest, blob: Blob): Promise<Uint8Array> {
  const { offset, length } = blob;
  if (length === 0) return new Uint8Array();
  const file = await open(packPath(request, blob), "r");
  try {
    const bytes = Buffer.alloc(length);
    const { bytesRead } = await file.read(bytes, 0, length, offset);
    return bytes.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

function packPath({ packs, transferred }: RebuildRequest, { pack: name }: Blob): string {
  return partPath(transferred, packs.find(({ asset }) => asset === name)!);
}

async function writeStaged(
  path: string,
  content: Uint8Array | AsyncIterable<Uint8Array>,
  { permissions }: Target,
): Promise<void> {
  const file = await open(path, "wx", 0o600);
  try {
    await file.writeFile(content);
    await file.chmod(Number.parseInt(permissions, 8));
    await file.sync();
  } finally {
    await file.close();
  }
}

function mismatch(target: Target, why: string): FetchError {
  return new FetchError("TARGET_DIGEST_MISMATCH", `${target.path} could not be rebuilt: ${why}`, {
    facts: { path: target.path },
  });
}
