/**
 * A release tree as it lies on the build machine: every entry below one root, sorted by the bytes of
 * its path, so that the same tree is indexed the same on every machine.
 *
 * What a device could not rebuild is an error here and not a surprise there: sockets, devices, setuid
 * files, names that are not UTF-8 or mean something else on another system, links that leave the tree.
 */
import { lstat, readdir, readlink } from "node:fs/promises";
import { join } from "node:path";
import { sha256, sha256OfFile } from "../base/digest.ts";
import { systemCode, withHint } from "../base/error.ts";
import { mapInOrder } from "../base/parallel.ts";
import { collisionKey, type RelativePath, relativePath, resolveInside } from "../base/relative-path.ts";
import type { TargetType } from "../format/manifest/manifest.ts";
import { PublishError } from "./publish-error.ts";

export type TreeEntry = {
  readonly path: RelativePath;
  readonly type: TargetType;
  /** "" for a folder; of the link's text for a symlink. */
  readonly sha256: string;
  readonly sizeBytes: number;
  readonly permissions: string;
  readonly linkTarget: string;
};

export type Tree = { readonly root: string; readonly entries: readonly TreeEntry[] };

/** fs.readFile's own bound (2 GiB); a larger file needs windows. */
const MAX_FILE_BYTES = 2 ** 31 - 1;
const HASHES_AT_ONCE = 4;

/** @throws PublishError TREE_*, PathError PATH_UNSAFE */
export async function indexTree(root: string, signal?: AbortSignal): Promise<Tree> {
  const found = await listTree(root);
  if (found.length === 0) throw new PublishError("TREE_EMPTY", `there is nothing in ${root}`);
  found.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  refuseClashes(found);
  const entries: TreeEntry[] = [];
  for await (const entry of mapInOrder(found, HASHES_AT_ONCE, (path) => readEntry(root, path, signal))) {
    entries.push(entry);
  }
  return { root, entries };
}

async function listTree(root: string): Promise<RelativePath[]> {
  const found: RelativePath[] = [];
  const pending = [""];
  for (let folder = pending.pop(); folder !== undefined; folder = pending.pop()) {
    for (const entry of await listFolder(root, folder)) {
      const name = entry.name.toString("utf8");
      if (!Buffer.from(name, "utf8").equals(entry.name)) {
        throw new PublishError(
          "TREE_UNSUPPORTED",
          `a name in ${join(root, folder)} is not UTF-8: ${JSON.stringify(name)}`,
          { hint: "rename it; devices on other systems could not create it" },
        );
      }
      const path = pathInTree(folder === "" ? name : `${folder}/${name}`);
      found.push(path);
      if (entry.isDirectory()) pending.push(path);
    }
  }
  return found;
}

/** A name that is fine here and means something else on another system. @throws ThemisError PATH_UNSAFE */
function pathInTree(path: string): RelativePath {
  try {
    return relativePath(path);
  } catch (error) {
    throw withHint(error, { PATH_UNSAFE: "rename it in the tree; not every system could hold that name" });
  }
}

async function listFolder(root: string, folder: string) {
  try {
    return await readdir(join(root, folder), { withFileTypes: true, encoding: "buffer" });
  } catch (cause) {
    if (folder === "" && (systemCode(cause) === "ENOENT" || systemCode(cause) === "ENOTDIR")) {
      throw new PublishError("TREE_MISSING", `there is no folder ${root}`, { cause });
    }
    throw new PublishError(
      "TREE_UNREADABLE",
      `the folder ${join(root, folder)} cannot be read (${systemCode(cause)})`,
      { cause },
    );
  }
}

function refuseClashes(paths: readonly string[]): void {
  const seen = new Map<string, string>();
  for (const path of paths) {
    const other = seen.get(collisionKey(path));
    if (other !== undefined) {
      throw new PublishError(
        "TREE_UNSUPPORTED",
        `${JSON.stringify(path)} and ${JSON.stringify(other)} are one name where case does not count`,
        { hint: "rename one of them" },
      );
    }
    seen.set(collisionKey(path), path);
  }
}

async function readEntry(root: string, path: RelativePath, signal?: AbortSignal): Promise<TreeEntry> {
  const full = join(root, path);
  try {
    const stat = await lstat(full);
    const permissions = `0${(stat.mode & 0o777).toString(8).padStart(3, "0")}`;
    if (stat.isSymbolicLink()) return readLink(path, await readlink(full));
    if (stat.mode & 0o7000 && !stat.isDirectory()) {
      throw new PublishError(
        "TREE_UNSUPPORTED",
        `${full} is setuid, setgid or sticky; a bundle does not carry that`,
        { hint: "take the bit away with chmod u-s,g-s,-t; a script of the product can set it on the device" },
      );
    }
    if (stat.isDirectory()) {
      return { path, type: "directory", sha256: "", sizeBytes: 0, permissions, linkTarget: "" };
    }
    if (!stat.isFile()) {
      throw new PublishError("TREE_UNSUPPORTED", `${full} is neither a file, a folder nor a symlink`, {
        hint: "remove it from the tree; sockets, pipes and devices are made where they are used",
      });
    }
    if (stat.size > MAX_FILE_BYTES) {
      throw new PublishError(
        "TREE_UNSUPPORTED",
        `${full} has ${stat.size} bytes; the largest file a bundle carries has ${MAX_FILE_BYTES}`,
        { hint: "split the file" },
      );
    }
    const digest = await sha256OfFile(full, signal);
    return {
      path,
      type: fileType(path, stat.mode),
      sha256: digest,
      sizeBytes: stat.size,
      permissions,
      linkTarget: "",
    };
  } catch (cause) {
    if (systemCode(cause) === undefined || cause instanceof PublishError) throw cause;
    if (signal?.aborted) throw cause;
    throw new PublishError("TREE_UNREADABLE", `${full} cannot be read (${systemCode(cause)})`, { cause });
  }
}

function readLink(path: RelativePath, linkTarget: string): TreeEntry {
  if (resolveInside(path, linkTarget) === undefined) {
    throw new PublishError(
      "TREE_UNSUPPORTED",
      `${JSON.stringify(path)} is a symlink to ${JSON.stringify(linkTarget)}, which leaves the tree`,
      { hint: "let it point to a file inside the tree, with a relative path, or put a copy in its place" },
    );
  }
  const bytes = Buffer.from(linkTarget);
  return {
    path,
    type: "symlink",
    sha256: sha256(bytes),
    sizeBytes: bytes.length,
    permissions: "0777",
    linkTarget,
  };
}

/** What a ThemisDB server calls the file; a hint for people, nothing is decided by it. */
function fileType(path: string, mode: number): TargetType {
  if (/\.(so(\.[0-9.]+)?|dll|dylib|node)$/.test(path)) return "library";
  if (mode & 0o111) return "executable";
  if (/(^|\/)etc\//.test(path) || /\.(conf|cfg|ini|toml|ya?ml)$/.test(path)) return "config";
  return "data";
}
