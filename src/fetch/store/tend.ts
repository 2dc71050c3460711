/** What keeps a store small and right: gc removes what no root refers to, fsck proves every object. One at a time. */
import type { Stats } from "node:fs";
import { lstat, mkdir, readdir, readFile, rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import { sha256OfFile } from "../../base/digest.ts";
import { systemCode } from "../../base/error.ts";
import { RESERVED_FOLDER } from "../../base/relative-path.ts";
import { FetchError } from "../fetch-error.ts";
import { takeLock } from "../lock.ts";
import { DeviceState } from "../state.ts";
import { demandOurs } from "./content-store.ts";
import { setAside } from "./store-object.ts";

export type GcReport = {
  readonly roots: number;
  /** Registered, and not there any more. */
  readonly forgotten: readonly string[];
  readonly kept: number;
  readonly removed: number;
  readonly removedBytes: number;
  /** Paths below the store of what is no object and was left alone. */
  readonly foreign: readonly string[];
};

export type FsckReport = {
  readonly objects: number;
  readonly bytes: number;
  /** Paths below the store, and why. */
  readonly faults: readonly { readonly path: string; readonly why: string }[];
  /** Paths below the store of what is no object and was left alone. */
  readonly foreign: readonly string[];
  readonly repaired: boolean;
};

/** Of a process that is gone; one that lives takes its name sooner. */
const TMP_AGE_MS = 24 * 3600_000;
/** A root's path and a line's end; PATH_MAX of Linux. */
const MAX_ROOT_BYTES = 4097;

/**
 * Nothing is lost by it: what is removed too early, by a root that is just being updated, is fetched again.
 *
 * @throws FetchError STORE_UNUSABLE, ALREADY_IN_PROGRESS; STATE_CORRUPT, STATE_UNREADABLE of a root: nobody knows then what it refers to
 */
export async function collectGarbage(folder: string, now: Date): Promise<GcReport> {
  return withStore(folder, "gc or fsck of this store", async (store) => {
    const { roots, forgotten, digests } = await referred(store);
    let [kept, removed, removedBytes] = [0, 0, 0];
    const foreign: string[] = [];
    for await (const { path, digest, size } of objects(store, foreign)) {
      if (digests.has(digest)) kept++;
      else {
        await rm(path, { force: true });
        removed++;
        removedBytes += size;
      }
    }
    for (const folder of ["aside", "tmp"]) {
      const isOld = ({ mtimeMs }: Stats): boolean =>
        folder === "aside" || now.getTime() - mtimeMs > TMP_AGE_MS;
      for (const name of await namesIn(join(store, folder))) {
        const path = join(store, folder, name);
        const found = await lstat(path).catch(unlessMissing);
        if (!found) continue;
        // What was set aside is a file or a symlink in the place of one; both have a digest for a name.
        if (!PART.test(name) || found.isDirectory()) foreign.push(`${folder}/${name}`);
        else if (isOld(found)) await rm(path, { force: true });
      }
    }
    return { roots, forgotten, kept, removed, removedBytes, foreign };
  });
}

/** @param repair set aside what is not right, so that it is fetched again @throws FetchError STORE_UNUSABLE, ALREADY_IN_PROGRESS */
export async function checkStore(folder: string, repair: boolean): Promise<FsckReport> {
  return withStore(folder, "gc or fsck of this store", async (store) => {
    const faults: { path: string; why: string }[] = [];
    let [count, bytes] = [0, 0];
    const foreign: string[] = [];
    for await (const { path, name, digest, size, mode } of objects(store, foreign)) {
      count++;
      bytes += size;
      const why = await whyWrong(path, digest, mode);
      if (why === "") continue;
      faults.push({ path: name, why });
      if (repair) await setAside(store, path);
    }
    return { objects: count, bytes, faults, foreign, repaired: repair && faults.length > 0 };
  });
}

async function whyWrong(path: string, digest: string, mode: number): Promise<string> {
  const found = await sha256OfFile(path).catch((error: unknown) => {
    if (systemCode(error) === undefined) throw error;
    return systemCode(error) === "ENOENT" ? digest : `nothing that can be read (${systemCode(error)})`;
  });
  if (found !== digest) return `it has the digest ${found}`;
  // A root's file that is one with it may have got the right to be written to.
  return (mode & 0o222) === 0 ? "" : "it may be written to";
}

const DIGEST = /^[0-9a-f]{64}$/;

/** What grows in `tmp`, and what lies in `aside`: a digest, and what makes the name one of its own. */
const PART = /^[0-9a-f]{64}\.[0-9a-f]{12}$/;

/** Regular files that are named as objects are. @param foreign gets the paths of everything else; it is nobody's to remove */
async function* objects(store: string, foreign: string[]) {
  for (const prefix of await namesIn(join(store, "sha256"))) {
    const folder = await lstat(join(store, "sha256", prefix)).catch(unlessMissing);
    if (!folder) continue;
    if (!folder.isDirectory() || !/^[0-9a-f]{2}$/.test(prefix)) {
      foreign.push(`sha256/${prefix}`);
      continue;
    }
    for (const rest of await namesIn(join(store, "sha256", prefix))) {
      const [path, name, digest] = [
        join(store, "sha256", prefix, rest),
        `sha256/${prefix}/${rest}`,
        prefix + rest,
      ];
      const found = await lstat(path).catch(unlessMissing);
      if (!found) continue;
      if (!found.isFile() || !DIGEST.test(digest)) foreign.push(name);
      else yield { path, name, digest, size: found.size, mode: found.mode & 0o777 };
    }
  }
}

/** Of what is installed in every registered root, or is being switched to. */
async function referred(store: string) {
  const digests = new Set<string>();
  const forgotten: string[] = [];
  let roots = 0;
  for (const name of await namesIn(join(store, "roots"))) {
    const path = join(store, "roots", name);
    // Somebody's large file is no registration, and a FIFO would be waited for.
    const found = await lstat(path).catch(unlessMissing);
    if (!DIGEST.test(name) || !found?.isFile() || found.size > MAX_ROOT_BYTES) continue;
    const root = (await readFile(path, "utf8")).trimEnd();
    const state = DeviceState.read(join(root, RESERVED_FOLDER));
    if (!state) {
      forgotten.push(root);
      await rm(path, { force: true });
      continue;
    }
    roots++;
    try {
      for (const { sha256 } of [...state.files(), ...(state.journal()?.files ?? [])]) digests.add(sha256);
    } finally {
      state.close();
    }
  }
  return { roots, forgotten, digests };
}

async function withStore<T>(folder: string, what: string, work: (store: string) => Promise<T>): Promise<T> {
  const store = resolve(folder);
  try {
    if (!(await demandOurs(store))) {
      throw new FetchError("STORE_UNUSABLE", `${store} is no store`, {
        hint: "name the folder that updates were given by --store",
      });
    }
    await mkdir(join(store, "tmp"), { recursive: true });
    const lock = takeLock(store, what);
    try {
      return await work(store);
    } finally {
      lock.release();
    }
  } catch (cause) {
    const code = systemCode(cause);
    if (cause instanceof FetchError || code === undefined) throw cause;
    throw new FetchError("STORE_UNUSABLE", `the store ${store} cannot be tended (${code})`, { cause });
  }
}

async function namesIn(folder: string): Promise<string[]> {
  return (await readdir(folder).catch(unlessMissing)) ?? [];
}

function unlessMissing(error: unknown): undefined {
  if (systemCode(error) !== "ENOENT" && systemCode(error) !== "ENOTDIR") throw error;
}
