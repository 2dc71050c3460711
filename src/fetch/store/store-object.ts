/**
 * One target in a store, by its digest. Nothing in a store is believed for its name: what is taken is proven where
 * it arrives, and what is not what its name says is set aside, so that it is fetched.
 *
 *   DIR/sha256/ab/cdef…     the bytes, mode 0444; never written to, only put there whole and removed
 *   DIR/aside/              what was rotten, until gc
 */
import { randomBytes } from "node:crypto";
import { lstat, mkdir, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { sha256OfFile } from "../../base/digest.ts";
import { systemCode } from "../../base/error.ts";
import { FileSharer } from "../../base/share-file.ts";
import { FetchError } from "../fetch-error.ts";

export const OBJECT_MODE = 0o444;
const ANY_WRITES = 0o222;

/** @param digest SHA-256, 64 hexadecimal digits */
export function objectPath(store: string, digest: string): string {
  return join(store, "sha256", digest.slice(0, 2), digest.slice(2));
}

export type TakeRequest = {
  readonly store: string;
  readonly sha256: string;
  readonly sizeBytes: number;
  /** Permissions that it gets. */
  readonly mode: number;
  /** Where nothing is yet. */
  readonly outPath: string;
};

/**
 * The object's bytes at another place, proven and lasting; or nothing there.
 *
 * It becomes one file with two names only where nobody may write to it: it has the mode that is wanted, no one
 * has the right to write, and it is ours, so that nobody else can give himself that right.
 *
 * @throws FetchError STORE_OBJECT_UNUSABLE: the target has to come from elsewhere
 */
export async function takeObject({ store, sha256, sizeBytes, mode, outPath }: TakeRequest): Promise<void> {
  const path = objectPath(store, sha256);
  const found = await lstat(path).catch((cause: unknown) => {
    throw unusable(sha256, `it cannot be read (${systemCode(cause)})`, cause);
  });
  const isWhole = found.isFile() && found.size === sizeBytes;
  if (isWhole) {
    const isOurs = found.uid === process.geteuid?.();
    const mayLink = isOurs && (found.mode & 0o777) === mode && (mode & ANY_WRITES) === 0;
    try {
      await new FileSharer().share(path, outPath, { mode, mayLink });
      const taken = await lstat(outPath);
      if (taken.isFile() && (await sha256OfFile(outPath)) === sha256) return;
    } catch (cause) {
      await rm(outPath, { force: true });
      if (!LOST.has(systemCode(cause) ?? "")) throw cause;
      throw unusable(sha256, `it cannot be read (${systemCode(cause)})`, cause);
    }
    await rm(outPath, { force: true });
  }
  await setAside(store, path);
  throw unusable(sha256, "it is not what its name says, and was set aside");
}

/** Of the object: somebody removed it, or it is not ours to read. */
const LOST = new Set(["ENOENT", "EACCES", "EPERM", "ENOTDIR"]);

/** Whoever wants to know what it was finds it there. Another process may have been first. */
export async function setAside(store: string, path: string): Promise<void> {
  const aside = join(store, "aside");
  const name = `${basename(dirname(path))}${basename(path)}.${randomBytes(6).toString("hex")}`;
  try {
    await mkdir(aside, { recursive: true });
    await rename(path, join(aside, name));
  } catch (error) {
    // Where that cannot be done it is refused again, by its digest.
    if (systemCode(error) === undefined) throw error;
  }
}

function unusable(sha256: string, why: string, cause?: unknown): FetchError {
  return new FetchError("STORE_OBJECT_UNUSABLE", `the store's object ${sha256} is of no use: ${why}`, {
    cause,
    facts: { sha256 },
  });
}
