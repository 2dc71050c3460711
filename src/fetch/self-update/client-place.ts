/**
 * Where a client keeps what it knows of itself: beside its own file, in a folder of its own.
 *
 *   bin/themis-fetch.mjs              the client; replaced by one rename
 *   bin/.themis-fetch.mjs.self/       for its user alone
 *     tree/themis-fetch.mjs           the same, as an installed tree, with records and ways back (tree/.themis)
 *     own.json                        what the client's own file was when the tree was last made like it
 *     next                            a client on its way to its name
 */
import { constants } from "node:fs";
import { access, chmod, chown, copyFile, mkdir, readFile, rename, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { syncFile, syncFolder, writeFileAtomically } from "../../base/atomic-file.ts";
import { sha256OfFile } from "../../base/digest.ts";
import { systemCode } from "../../base/error.ts";
import { FetchError } from "../fetch-error.ts";
import { takeLock } from "../lock.ts";
import { demandStanding } from "../own-names.ts";

export type ClientPlace = {
  /** The client that runs. */
  readonly file: string;
  readonly folder: string;
  readonly tree: string;
  /** The client in the tree. */
  readonly inTree: string;
};

/** What the last command was about; digests of the client's own file and of the one in the tree, at its beginning. */
export type OwnRecord = {
  readonly action: "update" | "rollback";
  readonly own: string;
  readonly tree: string;
};

/** @param path of the client in a release */
export function placeOf(file: string, path: string): ClientPlace {
  const folder = join(dirname(file), `.${basename(file)}.self`);
  const tree = join(folder, "tree");
  return { file, folder, tree, inTree: join(tree, path) };
}

/** One command about one client at a time. @throws FetchError CLIENT_UNWRITABLE, ROOT_UNSAFE, ALREADY_IN_PROGRESS */
export async function withPlace<T>(place: ClientPlace, work: () => Promise<T>): Promise<T> {
  await makeFolders(place);
  const lock = takeLock(place.folder, "self-update of this client");
  try {
    return await work();
  } finally {
    lock.release();
  }
}

async function makeFolders({ file, folder, tree }: ClientPlace): Promise<void> {
  try {
    await access(dirname(file), constants.W_OK);
    for (const each of [folder, tree]) {
      demandStanding(each, "a folder");
      await mkdir(each, { recursive: true, mode: 0o700 });
    }
  } catch (cause) {
    if (cause instanceof FetchError) throw cause;
    throw unwritable(file, cause);
  }
  syncFolder(dirname(file));
}

/** "" when there is none. */
export async function digestOf(file: string): Promise<string> {
  try {
    return await sha256OfFile(file);
  } catch (error) {
    if (systemCode(error) === "ENOENT") return "";
    throw error;
  }
}

/** What is damaged is as good as nothing: the tree is made like the client again. */
export async function readRecord({ folder }: ClientPlace): Promise<OwnRecord | undefined> {
  try {
    const { action, own, tree } = JSON.parse(await readFile(join(folder, "own.json"), "utf8")) as OwnRecord;
    const isWhole = (action === "update" || action === "rollback") && typeof own === "string";
    return isWhole && typeof tree === "string" ? { action, own, tree } : undefined;
  } catch {
    return undefined;
  }
}

export async function writeRecord({ folder }: ClientPlace, record: OwnRecord): Promise<void> {
  await writeFileAtomically(join(folder, "own.json"), Buffer.from(JSON.stringify(record)), { mode: 0o600 });
}

/** The tree's client becomes like the one that runs, so that a delta finds its source and a rollback its target. */
export async function seed({ file, inTree, folder }: ClientPlace): Promise<void> {
  await putInPlace(file, inTree, join(folder, "next"), { mode: (await stat(file)).mode & 0o777 });
}

/**
 * The tree's client becomes the one that runs: whole, with the rights of the one before, by one rename.
 *
 * @throws FetchError CLIENT_UNWRITABLE
 */
export async function switchTo({ file, inTree, folder }: ClientPlace): Promise<void> {
  try {
    const { mode, uid, gid } = await stat(file);
    await putInPlace(inTree, file, join(folder, "next"), { mode: mode & 0o7777, uid, gid });
  } catch (cause) {
    throw unwritable(file, cause);
  }
}

type Rights = { readonly mode: number; readonly uid?: number; readonly gid?: number };

async function putInPlace(from: string, to: string, next: string, { mode, uid, gid }: Rights): Promise<void> {
  demandStanding(next, "a file");
  await copyFile(from, next, constants.COPYFILE_FICLONE);
  if (uid !== undefined && gid !== undefined) await giveTo(next, uid, gid);
  await chmod(next, mode);
  await syncFile(next);
  await rename(next, to);
  syncFolder(dirname(to));
}

/** Only root can; whoever else updates a client owns it, or takes it over. */
async function giveTo(path: string, uid: number, gid: number): Promise<void> {
  const own = await stat(path);
  if (own.uid === uid && own.gid === gid) return;
  try {
    await chown(path, uid, gid);
  } catch (error) {
    if (systemCode(error) !== "EPERM") throw error;
  }
}

function unwritable(file: string, cause: unknown): FetchError {
  return new FetchError(
    "CLIENT_UNWRITABLE",
    `the client ${file} cannot be replaced (${systemCode(cause) ?? "?"})`,
    {
      cause,
      hint: "run it as the user whose the folder is",
    },
  );
}
