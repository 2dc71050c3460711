/**
 * A file from its source and a patch, and from the whole target where that fails: one way for updates and
 * for other programs.
 *
 *   source digest -> decode -> target digest        or, for this file only, the whole target -> its digest
 *
 * Source and patch are read by position and the target is hashed as it comes, so memory is what the delta
 * manifest says (`apply_memory`). Falling back is for refusals and for a source that is gone; a full disk or an
 * abort would meet the whole target just the same, and is thrown on.
 */
import { rm } from "node:fs/promises";
import { type ByteSource, growingFileSource, openFileSource, partOf } from "../base/byte-source.ts";
import { sha256OfFile } from "../base/digest.ts";
import { systemCode, ThemisError } from "../base/error.ts";
import { applyPatch } from "../format/delta/algorithm.ts";
import { DeltaError } from "../format/delta/error.ts";
import type { Delta } from "../format/manifest/delta-manifest.ts";
import { FetchError } from "./fetch-error.ts";
import { type Content, writeProven } from "./write-proven.ts";

/** A patch: a part of a file (a pack), or with no length all that stands behind the offset. */
export type PatchPlace = {
  readonly path: string;
  readonly offset: number;
  readonly length: number | undefined;
};

export type DeltaApplication = {
  readonly delta: Delta;
  /** The file that should have the digest `base_hash`. */
  readonly sourcePath: string;
  readonly patch: PatchPlace;
  /** Where the target goes; nothing is there yet. */
  readonly outPath: string;
  /** Permissions, such as 0o755. */
  readonly mode: number;
  /** What this device may spend, in bytes; undefined is all there is. */
  readonly applyMemory?: number | undefined;
  /** Asked at most once, when the delta failed: the bytes of the whole target, which are proven like the others. */
  readonly whole: (why: string) => Promise<Content>;
  readonly signal?: AbortSignal | undefined;
  readonly written?: ((bytes: number) => void) | undefined;
};

/** `why` is "" as long as nothing failed. */
export type Applied = { readonly kind: "delta" | "whole"; readonly why: string };

/**
 * Whatever was refused costs this file its short way, and no other.
 *
 * @throws FetchError TARGET_DIGEST_MISMATCH when the whole target is another one; what `whole` throws; the system's errors
 */
export async function applyDelta(request: DeltaApplication): Promise<Applied> {
  const { delta, outPath, mode, whole, signal, written } = request;
  try {
    await patchInto(request);
    return { kind: "delta", why: "" };
  } catch (error) {
    if (!(error instanceof ThemisError)) throw error;
    await rm(outPath, { force: true });
    const why = error.message;
    const promised = { sizeBytes: delta.target_size, sha256: delta.target_hash, mode };
    const otherwise = (found: string): FetchError => mismatch(delta.path, `of the whole target: ${found}`);
    await writeProven(outPath, await whole(why), promised, { otherwise, signal, written });
    return { kind: "whole", why };
  }
}

/** The delta alone, without anything to fall back to. @throws FetchError, DeltaError; the system's errors */
export async function patchInto(request: Omit<DeltaApplication, "whole">): Promise<void> {
  const { delta, sourcePath, patch, outPath, mode, applyMemory, signal, written } = request;
  checkMemory(delta.apply_memory, applyMemory);
  await checkSource(sourcePath, delta.base_hash, signal);
  const sources = openReadable(sourcePath, patch);
  const back = growingFileSource(outPath);
  try {
    const { source, patch: bytes } = sources;
    const pieces = applyPatch({
      algorithm: delta.algorithm,
      source,
      patch: bytes,
      written: back,
      targetSize: delta.target_size,
    });
    await writeProven(
      outPath,
      pieces,
      { sizeBytes: delta.target_size, sha256: delta.target_hash, mode },
      { otherwise: (found) => mismatch(delta.path, `from its delta: ${found}`), signal, written },
    );
  } finally {
    back.close();
    sources.close();
  }
}

/** @throws DeltaError DELTA_TRUNCATED, also when the patch is gone or cannot be read */
function openReadable(sourcePath: string, patch: PatchPlace): ReturnType<typeof openSources> {
  try {
    return openSources(sourcePath, patch);
  } catch (cause) {
    if (!isUnreadable(cause)) throw cause;
    const why = `the patch ${patch.path} cannot be read (${systemCode(cause)})`;
    throw new DeltaError("DELTA_TRUNCATED", why, { cause });
  }
}

/** @throws FetchError SOURCE_DIGEST_MISMATCH, also when it is gone or cannot be read */
export async function checkSource(path: string, expected: string, signal?: AbortSignal): Promise<void> {
  const digest = await sha256OfFile(path, signal).catch((cause: unknown) => {
    if (!isUnreadable(cause)) throw cause;
    const why = `the source ${path} cannot be read (${systemCode(cause)})`;
    throw new FetchError("SOURCE_DIGEST_MISMATCH", why, { cause });
  });
  if (digest !== expected) {
    throw new FetchError(
      "SOURCE_DIGEST_MISMATCH",
      `the source ${path} has the digest ${digest}, the patch was made for ${expected}`,
      { facts: { path, expected, found: digest } },
    );
  }
}

/** @throws FetchError APPLY_MEMORY */
export function checkMemory(needed: number, allowed: number | undefined): void {
  if (allowed === undefined || needed <= allowed) return;
  throw new FetchError(
    "APPLY_MEMORY",
    `to apply the patch takes ${needed} bytes of memory, more than the ${allowed} allowed`,
    { facts: { needed, allowed } },
  );
}

const UNREADABLE = new Set(["ENOENT", "ENOTDIR", "EISDIR", "ELOOP", "EACCES", "EPERM", "EIO"]);

/** Of a file that is there no more, or whose sectors are damaged. */
export function isUnreadable(error: unknown): boolean {
  return UNREADABLE.has(systemCode(error) ?? "");
}

export function openSources(
  sourcePath: string,
  { path, offset, length }: PatchPlace,
): { readonly source: ByteSource; readonly patch: ByteSource; readonly close: () => void } {
  const file = openFileSource(path);
  try {
    const end = length === undefined ? file.size : offset + length;
    if (end > file.size || offset > end)
      throw new DeltaError("DELTA_TRUNCATED", `${path} ends before the patch in it does`);
    const source = openFileSource(sourcePath);
    const close = (): void => {
      source.close();
      file.close();
    };
    return { source, patch: partOf(file, offset, end - offset), close };
  } catch (error) {
    file.close();
    throw error;
  }
}

export function mismatch(path: string, why: string): FetchError {
  return new FetchError("TARGET_DIGEST_MISMATCH", `${path} could not be rebuilt ${why}`, { facts: { path } });
}
