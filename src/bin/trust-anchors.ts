import { type FileSource, openFileSource } from "../base/byte-source.ts";
import { systemCode, ThemisError } from "../base/error.ts";
import { readRegularFile } from "../base/regular-file.ts";
import { readTrustAnchors, type TrustAnchor } from "../trust/anchor.ts";

/** @throws ThemisError FILE_UNREADABLE; TrustError ANCHOR_MALFORMED */
export async function loadTrustAnchors(path: string): Promise<TrustAnchor[]> {
  return readTrustAnchors(await readInput(path));
}

/** Certificates, signatures, manifests: more than any of them may have. */
const MAX_INPUT_BYTES = 32 * 2 ** 20;

/** A file that the person named: not being there is a usage error. @throws ThemisError FILE_UNREADABLE */
export async function readInput(path: string): Promise<Buffer> {
  try {
    return await readRegularFile(path, MAX_INPUT_BYTES);
  } catch (cause) {
    throw unreadable(path, cause);
  }
}

/** The same for a file that is read by position. @throws ThemisError FILE_UNREADABLE */
export function openInput(path: string): FileSource {
  try {
    return openFileSource(path);
  } catch (cause) {
    throw unreadable(path, cause);
  }
}

function unreadable(path: string, cause: unknown): ThemisError {
  const why = systemCode(cause) ?? (cause instanceof Error ? cause.message : String(cause));
  return new ThemisError("FILE_UNREADABLE", "usage", `${path} cannot be read (${why})`, { cause });
}
