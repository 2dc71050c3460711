/**
 * The way back: copies of everything that a switch will replace or remove, and a document that names them.
 *
 *   ROOT/.themis/restore/<id>/restore-point.json     canonical, its SHA-256 in the state database
 *   ROOT/.themis/restore/<id>/<sha256>               copies, named by their content
 */
import { constants, copyFile, mkdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { syncFile, syncFolder, writeFileAtomically } from "../../base/atomic-file.ts";
import { sha256, sha256OfFile } from "../../base/digest.ts";
import {
  decodeRestorePoint,
  type EntryRecord,
  encodeRestorePoint,
  type RestorePointDocument,
} from "../../format/record/restore-point.ts";
import { FetchError } from "../fetch-error.ts";
import { scanEntry } from "../scan.ts";
import type { RestorePointRecord } from "../state.ts";
import type { SwitchStep } from "./journal-entry.ts";

const DOCUMENT = "restore-point.json";

export async function makeRestorePoint(
  root: string,
  restore: string,
  document: Omit<RestorePointDocument, "entries">,
  paths: readonly string[],
): Promise<RestorePointRecord> {
  const folder = join(restore, document.id);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const entries: EntryRecord[] = [];
  for (const path of paths) {
    const entry = await scanEntry(root, path);
    entries.push(entry);
    if (entry.kind !== "file") continue;
    const copy = join(folder, entry.sha256);
    await copyFile(join(root, path), copy, constants.COPYFILE_FICLONE);
    if ((await sha256OfFile(copy)) !== entry.sha256)
      throw new FetchError("SWITCH_FAILED", `${path} changed while it was saved`);
    await syncFile(copy);
  }
  const bytes = encodeRestorePoint({ ...document, entries });
  await writeFileAtomically(join(folder, DOCUMENT), bytes, { mode: 0o600 });
  syncFolder(restore);
  return {
    id: document.id,
    created: document.created,
    fromVersion: document.release.version,
    toVersion: document.to_version,
    sha256: sha256(bytes),
  };
}

/** Every byte of it is proven before any of it is used. @throws FetchError RESTORE_POINT_TAMPERED */
export async function openRestorePoint(
  restore: string,
  record: RestorePointRecord,
): Promise<RestorePointDocument> {
  const tampered = (why: string, cause?: unknown): FetchError =>
    new FetchError("RESTORE_POINT_TAMPERED", `the restore point ${record.id} is not as it was made: ${why}`, {
      cause,
      hint: "nothing was changed; install a release again with themis-fetch update",
    });
  const folder = join(restore, record.id);
  const bytes = await readFile(join(folder, DOCUMENT)).catch((cause: unknown) => {
    throw tampered(`${DOCUMENT} cannot be read`, cause);
  });
  if (sha256(bytes) !== record.sha256) throw tampered(`${DOCUMENT} has another digest`);
  const document = decodeRestorePoint(bytes);
  for (const entry of document.entries) {
    if (entry.kind !== "file") continue;
    const digest = await sha256OfFile(join(folder, entry.sha256)).catch((cause: unknown) => {
      throw tampered(`the copy of ${entry.path} cannot be read`, cause);
    });
    if (digest !== entry.sha256) throw tampered(`the copy of ${entry.path} has another digest`);
  }
  return document;
}

/** Stages the copies and says which steps bring everything back. */
export async function stageRestorePoint(
  restore: string,
  document: RestorePointDocument,
  staged: string,
): Promise<SwitchStep[]> {
  await rm(staged, { recursive: true, force: true });
  await mkdir(staged, { recursive: true });
  const folder = join(restore, document.id);
  const absent: string[] = [];
  const back: SwitchStep[] = [];
  for (const [index, entry] of document.entries.entries()) {
    const { path, permissions } = entry;
    if (entry.kind === "absent") absent.push(path);
    else if (entry.kind === "directory") back.push({ kind: "folder", path, permissions });
    else if (entry.kind === "symlink") back.push({ kind: "link", path, linkTarget: entry.link_target });
    else {
      const name = `back-${index}`;
      await copyFile(join(folder, entry.sha256), join(staged, name), constants.COPYFILE_FICLONE);
      await syncFile(join(staged, name));
      back.push({ kind: "file", path, staged: name, sha256: entry.sha256, permissions });
      back.push({ kind: "chmod", path, permissions });
    }
  }
  syncFolder(staged);
  return [...removals(absent), ...back.sort(foldersFirst)];
}

/** What was absent is a file, a link or a folder by now; a folder that holds somebody's files stays. */
function removals(absent: readonly string[]): SwitchStep[] {
  return [...absent].sort((a, b) => b.length - a.length).map((path) => ({ kind: "remove-any", path }));
}

function foldersFirst(a: SwitchStep, b: SwitchStep): number {
  const rank = ({ kind }: SwitchStep): number => (kind === "folder" ? 0 : 1);
  return rank(a) - rank(b) || a.path.length - b.path.length;
}
