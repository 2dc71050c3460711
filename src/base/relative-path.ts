/**
 * A path inside a tree, as documents spell it: relative, forward slashes, nothing that climbs.
 *
 *   bin/themisd   share/Größe 1.txt      accepted
 *   ../etc/passwd  /etc/passwd  C:\x  a//b  .themis/state.db  nul\0byte      refused
 *
 * The rules are those of the strictest system a device may run (POSIX and Windows together), so a
 * bundle means the same everywhere. `.themis` is ours: a bundle that could write there could rewrite
 * the journal and the trusted state.
 */
import { ThemisError } from "./error.ts";

declare const checked: unique symbol;
export type RelativePath = string & { readonly [checked]: true };

/** The folder in which a device keeps its records, reserved at the root of every tree. */
export const RESERVED_FOLDER = ".themis";

/** PATH_MAX of Linux less the root; 255 is NAME_MAX of every file system in use. */
const MAX_PATH_BYTES = 3072;
const MAX_SEGMENT_BYTES = 255;

/** Device names that Windows opens instead of a file, with any extension. */
const WINDOWS_DEVICE = /^(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(\..*)?$/i;

export class PathError extends ThemisError<"PATH_UNSAFE"> {
  constructor(path: string, why: string) {
    super("PATH_UNSAFE", "refused", `the path ${JSON.stringify(path)} is unsafe: ${why}`, {
      facts: { path },
    });
  }
}

/** @throws PathError PATH_UNSAFE */
export function relativePath(path: string): RelativePath {
  const why = whyUnsafe(path);
  if (why !== undefined) throw new PathError(path, why);
  return path as RelativePath;
}

/** Why a path may not stand in a document, or undefined when it may. */
export function whyUnsafe(path: string): string | undefined {
  if (path === "") return "it is empty";
  if (!path.isWellFormed()) return "it is not Unicode";
  if (Buffer.byteLength(path) > MAX_PATH_BYTES) return `it is longer than ${MAX_PATH_BYTES} bytes`;
  if (/[\u0000-\u001f\u007f]/.test(path)) return "it holds a control character";
  if (path.includes("\\")) return "it holds a backslash";
  if (path.startsWith("/")) return "it is absolute";
  if (/^[A-Za-z]:/.test(path)) return "it starts with a drive letter";
  for (const segment of path.split("/")) {
    const why = whyUnsafeSegment(segment);
    if (why !== undefined) return why;
  }
  if (path.split("/")[0]!.toLowerCase() === RESERVED_FOLDER) return `${RESERVED_FOLDER} is reserved`;
  return undefined;
}

function whyUnsafeSegment(segment: string): string | undefined {
  if (segment === "") return "a segment is empty";
  if (segment === "." || segment === "..") return `a segment is "${segment}"`;
  if (Buffer.byteLength(segment) > MAX_SEGMENT_BYTES)
    return `a segment is longer than ${MAX_SEGMENT_BYTES} bytes`;
  if (/[:*?"<>|]/.test(segment)) return "it holds a character that Windows forbids";
  if (/[. ]$/.test(segment)) return "a segment ends in a dot or a space";
  if (WINDOWS_DEVICE.test(segment)) return `"${segment}" is a device on Windows`;
  return undefined;
}

/** Two paths with one key would be one file on a case-insensitive or normalising file system. */
export function collisionKey(path: string): string {
  return path.normalize("NFC").toLowerCase().normalize("NFC");
}

/**
 * Where a symlink at `path` would point, as a path inside the tree.
 *
 * ".." may only lead: behind a name, that name may itself be a link, and then the kernel climbs from
 * where the link points and not from where it stands ("b -> ." and "a -> b/.." leaves the root).
 *
 * @returns the inner path, "" for the root itself, or undefined when it leaves the tree or could.
 */
export function resolveInside(path: string, linkTarget: string): string | undefined {
  if (linkTarget === "" || linkTarget.startsWith("/") || /^[A-Za-z]:/.test(linkTarget)) return undefined;
  if (/[\u0000-\u001f\u007f\\]/.test(linkTarget)) return undefined;
  const at = path.split("/").slice(0, -1);
  let descending = false;
  for (const segment of linkTarget.split("/")) {
    if (segment === "" || segment === ".") continue;
    if (segment === "..") {
      if (descending || at.pop() === undefined) return undefined;
    } else {
      descending = true;
      at.push(segment);
    }
  }
  if (at[0]?.toLowerCase() === RESERVED_FOLDER) return undefined;
  return at.join("/");
}
