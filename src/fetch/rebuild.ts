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
import type { Blob } from "../format/manifest/blob.ts";
import type { Pack, Target } from "../format/manifest/manifest.ts";
import { type Applied, applyDelta, madeOrWhole, mismatch } from "./apply-delta.ts";
import { FetchError } from "./fetch-error.ts";
import type { PlanStep } from "./plan.ts";
import { partPath } from "./transfer/part-file.ts";
import { type Content, writeProven } from "./write-proven.ts";

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
    const { kind, why } = await stage(request, step, join(request.staged, staged));
    if (kind === "whole" && why !== "") fellBack.push({ path: target.path, why });
    files.push({ target, staged });
    doneBytes += target.size_bytes;
    request.progress(files.length, work.length, doneBytes, totalBytes);
  }
  return { files, fellBack };
}

type Work = Extract<PlanStep, { kind: "patch" | "copy" | "download" }>;

async function stage(request: RebuildRequest, step: Work, outPath: string): Promise<Applied> {
  const { target } = step;
  const { signal } = request;
  const mode = Number.parseInt(target.permissions, 8);
  const write = (content: Content, how: string): Promise<string> =>
    writeProven(
      outPath,
      content,
      { sizeBytes: target.size_bytes, sha256: target.sha256_hash, mode },
      { otherwise: (found) => mismatch(target.path, `${how}: ${found}`), signal },
    );
  const fetchWhole = async (): Promise<Uint8Array> => {
    await request.fetchBlobs([target.blob]);
    return readWhole(request, target);
  };
  switch (step.kind) {
    case "patch": {
      const { delta } = step;
      const { offset, length } = delta.blob;
      const sourcePath = join(request.root, delta.base_path);
      const patch = { path: packPath(request, delta.blob), offset, length };
      return applyDelta({ delta, sourcePath, patch, outPath, mode, whole: fetchWhole, signal });
    }
    case "copy":
      return madeOrWhole(
        outPath,
        () =>
          write(
            createReadStream(join(request.root, step.from)),
            `from ${step.from}, which changed meanwhile`,
          ),
        async () => write(await fetchWhole(), "of the whole target"),
      );
    case "download":
      await write(await readWhole(request, target), "of the whole target");
      return { kind: "whole", why: "" };
  }
}

async function readWhole(request: RebuildRequest, target: Target): Promise<Uint8Array> {
  const stored = await readBlob(request, target.blob);
  return target.blob.encoding === "zstd" ? decompress(stored, target) : stored;
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
