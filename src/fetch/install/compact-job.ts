/** One saved file as a patch for the file that took its place, proven by applying it before it counts. */
import { open, rm } from "node:fs/promises";
import { openFileSource } from "../../base/byte-source.ts";
import { sha256, sha256OfPieces } from "../../base/digest.ts";
import { ThemisError } from "../../base/error.ts";
import { createBsdiff } from "../../format/delta/bsdiff/create.ts";
import { patched } from "./saved-contents.ts";

export type CompactJob = {
  /** The installed file. */
  readonly basePath: string;
  readonly savedPath: string;
  readonly savedBytes: number;
  readonly savedSha256: string;
  /** Where the patch goes; nothing is there yet. */
  readonly outPath: string;
  /** A longer patch is of no use. */
  readonly maxBytes: number;
  /** In bytes. */
  readonly memoryLimit: number;
};

/** undefined when none is short enough, or none can be made in this memory. */
export type Compacted = { readonly sha256: string; readonly bytes: number } | undefined;

/** @throws the system's errors: the disk is full, or fails */
export async function makePatch(job: CompactJob): Promise<Compacted> {
  try {
    const patch = patchOf(job);
    await writeSynced(job.outPath, patch);
    const rebuilt = await patched(job.basePath, job.outPath, job.savedBytes, sha256OfPieces);
    if (rebuilt === job.savedSha256) return { sha256: sha256(patch), bytes: patch.length };
  } catch (error) {
    // Too long, too large for this memory, or a base that changed meanwhile.
    if (!(error instanceof ThemisError)) throw error;
  }
  await rm(job.outPath, { force: true });
  return undefined;
}

function patchOf({ basePath, savedPath, maxBytes, memoryLimit }: CompactJob): Uint8Array {
  const source = openFileSource(basePath);
  try {
    const target = openFileSource(savedPath);
    try {
      return createBsdiff({ source, target, container: "bsdiff40", memoryLimit, maxBytes });
    } finally {
      target.close();
    }
  } finally {
    source.close();
  }
}

async function writeSynced(path: string, bytes: Uint8Array): Promise<void> {
  const file = await open(path, "wx", 0o600);
  try {
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
}
