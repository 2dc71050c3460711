/**
 * The way back: everything that a switch will replace or remove, and a document that names it.
 *
 *   ROOT/.themis/restore/<folder>/restore-point.json     canonical, its SHA-256 in the state database
 *   ROOT/.themis/restore/<folder>/<sha256>               a copy, named by its content
 *                                <sha256>.zst            compressed
 *                                <sha256>.bsdiff         a patch for the file that took its place
 *   ROOT/releases/<version>                              by slots: the tree as it was, and no contents here
 *
 * Before a switch there are copies only: they need nothing of the release that may turn out to be broken. Once it
 * counts, compact.ts makes a second folder of what is smaller, and the first one goes.
 */
import { existsSync } from "node:fs";
import { mkdir, readFile, rename, unlink } from "node:fs/promises";
import { join } from "node:path";
import { syncFolder, writeFileAtomically } from "../../base/atomic-file.ts";
import { copyHashed } from "../../base/copy-hashed.ts";
import { sha256, sha256OfFile } from "../../base/digest.ts";
import {
  type ContentRecord,
  decodeRestorePoint,
  type EntryRecord,
  encodeRestorePoint,
  type RestorePointDocument,
} from "../../format/record/restore-point.ts";
import type { RestorePointRecord } from "../device-records.ts";
import { FetchError } from "../fetch-error.ts";
import { linksAmong, linksOf, lookAt } from "../scan.ts";

const DOCUMENT = "restore-point.json";
const ENDINGS = { copy: "", zstd: ".zst", bsdiff: ".bsdiff", same: "" } as const;

/** One that was proven. */
export type RestorePoint = {
  readonly record: RestorePointRecord;
  readonly folder: string;
  readonly document: RestorePointDocument;
};

export async function makeRestorePoint(
  root: string,
  restore: string,
  document: Omit<RestorePointDocument, "entries" | "contents">,
  paths: readonly string[],
): Promise<RestorePointRecord> {
  const folder = await makeRestoreFolder(restore, document.id);
  const entries: EntryRecord[] = [];
  const contents = new Map<string, ContentRecord>();
  const links = linksAmong(root, linksOf(document.files));
  for (const path of paths) {
    const entry = lookAt(root, path, links);
    if (entry.kind !== "file") {
      entries.push(entry);
      continue;
    }
    const part = join(folder, "part");
    const content = await copyHashed(join(root, path), part);
    if (content.size !== entry.size)
      throw new FetchError("SWITCH_FAILED", `${path} changed while it was saved`);
    entries.push({ ...entry, sha256: content.sha256 });
    if (contents.has(content.sha256)) await unlink(part);
    else await rename(part, join(folder, content.sha256));
    contents.set(content.sha256, copied(content));
  }
  const whole = { ...document, entries, contents: [...contents.values()] };
  return {
    id: document.id,
    created: document.created,
    fromVersion: document.release.version,
    toVersion: document.to_version,
    ...{ kind: "copies", slot: "" },
    ...(await writeRestorePoint(restore, document.id, whole)),
  };
}

/** One by one: where it makes several, Node says ENOENT for a disk that may only be read. */
export async function makeRestoreFolder(restore: string, id: string): Promise<string> {
  if (!existsSync(restore)) await mkdir(restore, { mode: 0o700 });
  const folder = join(restore, id);
  await mkdir(folder, { mode: 0o700 });
  return folder;
}

export function copied({ sha256, size }: Pick<ContentRecord, "sha256" | "size">): ContentRecord {
  return {
    ...{ sha256, size, form: "copy", stored_sha256: sha256, stored_size: size },
    ...{ base_path: "", base_sha256: "" },
  };
}

/** The last thing that comes into its folder; then folder and name last. */
export async function writeRestorePoint(
  restore: string,
  folder: string,
  document: RestorePointDocument,
): Promise<Pick<RestorePointRecord, "folder" | "sha256" | "bytes">> {
  const encoded = encodeRestorePoint(document);
  await writeFileAtomically(join(restore, folder, DOCUMENT), encoded, { mode: 0o600 });
  syncFolder(restore);
  const stored = document.contents.reduce((sum, { stored_size }) => sum + stored_size, 0);
  return { folder, sha256: sha256(encoded), bytes: encoded.length + stored };
}

export function storedName({ sha256, form }: Pick<ContentRecord, "sha256" | "form">): string {
  return sha256 + ENDINGS[form];
}

/** Every byte of it is proven before any of it is used. @throws FetchError RESTORE_POINT_TAMPERED */
export async function openRestorePoint(restore: string, record: RestorePointRecord): Promise<RestorePoint> {
  const folder = join(restore, record.folder);
  const bytes = await readFile(join(folder, DOCUMENT)).catch((cause: unknown) => {
    throw tampered(record, `${DOCUMENT} cannot be read`, cause);
  });
  if (sha256(bytes) !== record.sha256) throw tampered(record, `${DOCUMENT} has another digest`);
  const document = decodeRestorePoint(bytes);
  for (const content of document.contents) {
    if (content.form === "same") continue;
    const name = storedName(content);
    const digest = await sha256OfFile(join(folder, name)).catch((cause: unknown) => {
      throw tampered(record, `${name} cannot be read`, cause);
    });
    if (digest !== content.stored_sha256) throw tampered(record, `${name} has another digest`);
  }
  return { record, folder, document };
}

export function tampered({ id }: RestorePointRecord, why: string, cause?: unknown): FetchError {
  return new FetchError("RESTORE_POINT_TAMPERED", `the restore point ${id} is not as it was made: ${why}`, {
    cause,
    hint: "nothing was changed; install a release again with themis-fetch update",
  });
}
