/**
 * Targets kept once, by what they are: across versions, products and roots.
 *
 *   DIR/sha256/ab/cdef…    what targets are made of
 *   DIR/roots/<digest>     a root that uses the store: its path, one line
 *   DIR/tmp/               what grows before it takes its name
 *   DIR/aside/             what was found rotten
 *
 * Any number of processes may use it at once: a name is given by one rename to bytes that are whole and last, and
 * whoever comes second gives it to the same bytes again. It is a cache: what is missing or rotten is fetched.
 */
import { randomBytes } from "node:crypto";
import { lstatSync } from "node:fs";
import { lstat, mkdir, readdir, rename, rm } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { syncFolder, writeFileAtomically } from "../../base/atomic-file.ts";
import { sha256 } from "../../base/digest.ts";
import { systemCode } from "../../base/error.ts";
import { FileSharer } from "../../base/share-file.ts";
import type { Target } from "../../format/manifest/manifest.ts";
import type { Verified } from "../../trust/verified.ts";
import { FetchError } from "../fetch-error.ts";
import { OBJECT_MODE, objectPath } from "./store-object.ts";

/** `roots` first: it is the mark by which a store is known again, after a kill in the middle of this too. */
const FOLDERS = ["roots", "sha256", "tmp"] as const;

export class ContentStore {
  readonly folder: string;

  /** Nothing is made, and nothing need be there. */
  constructor(folder: string) {
    this.folder = resolve(folder);
  }

  /** Something of that size is there; whether it is right is seen when it is taken. */
  has(digest: string, sizeBytes: number): boolean {
    try {
      const found = lstatSync(objectPath(this.folder, digest));
      return found.isFile() && found.size === sizeBytes;
    } catch (error) {
      if (systemCode(error) === undefined) throw error;
      return false;
    }
  }

  /** For a root that will take from it and add to it. @throws FetchError STORE_UNUSABLE */
  async use(root: string): Promise<void> {
    try {
      await mkdir(this.folder, { recursive: true });
      await demandOurs(this.folder);
      for (const name of FOLDERS) {
        const folder = join(this.folder, name);
        await mkdir(folder).catch(unlessThere);
        // A symlink there would lead what is removed by gc to somewhere else.
        if (!(await lstat(folder)).isDirectory()) throw unusable(folder, "is no folder");
      }
      syncFolder(this.folder);
      await writeFileAtomically(
        join(this.folder, "roots", sha256(Buffer.from(root))),
        Buffer.from(`${root}\n`),
      );
    } catch (cause) {
      if (cause instanceof FetchError || systemCode(cause) === undefined) throw cause;
      throw unusable(this.folder, `cannot be written to (${systemCode(cause)})`, cause);
    }
  }

  /** @param path a file that was proven to have the digest and lasts; it stays as it is @throws the system's errors */
  async add(path: string, { sha256_hash: digest }: Verified<Target>): Promise<void> {
    const object = objectPath(this.folder, digest);
    const { size, mode } = await lstat(path);
    if (size === 0 || this.has(digest, size)) return;
    const part = join(this.folder, "tmp", `${digest}.${randomBytes(6).toString("hex")}`);
    try {
      // Of one that may be written to a second name would change with it.
      const mayLink = (mode & 0o777) === OBJECT_MODE;
      await new FileSharer().share(path, part, { mode: OBJECT_MODE, mayLink });
      if ((await mkdir(dirname(object), { recursive: true })) !== undefined)
        syncFolder(join(this.folder, "sha256"));
      await rename(part, object);
      syncFolder(dirname(object));
    } finally {
      await rm(part, { force: true });
    }
  }
}

/**
 * A slip of the hand names somebody's folder, and gc removes: what is there and is not empty has to have the mark.
 *
 * @returns whether it is a store already @throws FetchError STORE_UNUSABLE; the system's errors
 */
export async function demandOurs(store: string): Promise<boolean> {
  const names = await readdir(store).catch((error: unknown): string[] => {
    if (systemCode(error) === "ENOENT") return [];
    throw error;
  });
  if (names.length === 0) return false;
  for (const name of ["roots", "sha256"]) {
    const found = names.includes(name) ? await lstat(join(store, name)) : undefined;
    if (found && !found.isDirectory()) throw unusable(join(store, name), "is no folder");
  }
  if (names.includes("roots")) return true;
  throw new FetchError("STORE_UNUSABLE", `${store} is not empty and is no store: it has no folder "roots"`, {
    hint: "name an empty folder, or one that updates were given by --store; nothing was changed",
  });
}

function unusable(path: string, why: string, cause?: unknown): FetchError {
  return new FetchError("STORE_UNUSABLE", `the store ${path} ${why}`, {
    cause,
    hint: "name another by --store, or do without; nothing was changed",
  });
}

function unlessThere(error: unknown): void {
  if (systemCode(error) !== "EEXIST") throw error;
}
