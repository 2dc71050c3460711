/**
 * A log in a folder, read and proven whole: entries -> leaves -> every tile -> root -> the signed checkpoint.
 *
 * A log of releases is small, and everything in it is read each time: whoever appends to a log that rotted, or that
 * somebody wrote into, would sign that. What lies there besides (tiles of smaller sizes, and those of an append that
 * was cut before its checkpoint) says nothing.
 */
import { join } from "node:path";
import { systemCode, ThemisError } from "../../base/error.ts";
import { InputError, readRegularFile } from "../../base/input-file.ts";
import { type Checkpoint, decodeCheckpoint } from "../../format/log/checkpoint.ts";
import { decodeLogEntry, type LogEntry } from "../../format/log/log-entry.ts";
import { equalHashes, type Hash, leafHash, treeRoot } from "../../format/log/merkle-tree.ts";
import type { NoteKey } from "../../format/log/note-key.ts";
import { decodeNote, MAX_NOTE_BYTES, type SignedNote } from "../../format/log/signed-note.ts";
import {
  CHECKPOINT,
  decodeEntries,
  hashTiles,
  MAX_ENTRY_BYTES,
  TILE_WIDTH,
  type Tile,
  tilePath,
  tilesOf,
} from "../../format/log/tile.ts";
import { noteSigners } from "../../trust/note-signature.ts";
import { LogFailure } from "./log-failure.ts";

/** Read whole each time: this takes a second and 32 MiB. */
export const MAX_LOG_ENTRIES = 1 << 16;

export type OpenLog = {
  readonly folder: string;
  readonly checkpoint: Checkpoint;
  readonly note: SignedNote;
  /** As they are in the log, and what they say. */
  readonly entries: readonly Uint8Array[];
  readonly releases: readonly LogEntry[];
  readonly leaves: readonly Hash[];
};

/** @param key undefined when whoever asks proves the checkpoint's signature elsewhere. @throws LogFailure LOG_MISSING, LOG_DAMAGED, LOG_KEY_MISMATCH, LOG_FULL; LogError LOG_CHECKPOINT_MALFORMED; TransparencyError LOG_CHECKPOINT_INVALID */
export async function openLog(folder: string, key: NoteKey | undefined): Promise<OpenLog> {
  const bytes = await readIn(folder, CHECKPOINT, MAX_NOTE_BYTES);
  if (!bytes) {
    throw new LogFailure("LOG_MISSING", `there is no log in ${folder}: it holds no ${CHECKPOINT}`, {
      hint: `themis-bundle log create ${folder} --key log-key.txt`,
    });
  }
  const note = decodeNote(bytes);
  const checkpoint = decodeCheckpoint(note.text);
  if (key && (checkpoint.origin !== key.name || noteSigners(note, [key]).length === 0)) {
    throw new LogFailure(
      "LOG_KEY_MISMATCH",
      `the log in ${folder} is ${JSON.stringify(checkpoint.origin)}, and its checkpoint is not signed by ${key.name}+${key.keyId}`,
    );
  }
  if (checkpoint.size > MAX_LOG_ENTRIES) {
    throw new LogFailure("LOG_FULL", `the log has ${checkpoint.size} entries, ${MAX_LOG_ENTRIES} are read`);
  }
  const entries = await readEntries(folder, checkpoint.size);
  const leaves = entries.map(leafHash);
  if (!equalHashes(treeRoot(leaves), checkpoint.root))
    throw damaged(folder, `its ${entries.length} entries do not have the root of its checkpoint`);
  for (const { tile, bytes: expected } of hashTiles(leaves)) {
    const found = await readIn(folder, tilePath(tile), expected.length);
    if (!found?.equals(expected))
      throw damaged(folder, `${tilePath(tile)} ${found ? "differs" : "is missing"}`);
  }
  return {
    folder,
    checkpoint,
    note,
    entries,
    leaves,
    releases: entries.map((entry) => releaseIn(folder, entry)),
  };
}

async function readEntries(folder: string, size: number): Promise<Uint8Array[]> {
  const entries: Uint8Array[] = [];
  for (const tile of tilesOf("entries", size)) {
    const bytes = await readIn(folder, tilePath(tile), TILE_WIDTH * (2 + MAX_ENTRY_BYTES));
    if (!bytes) throw damaged(folder, `${tilePath(tile)} is missing`);
    entries.push(...readable(folder, tile, () => decodeEntries(bytes, tile.width)));
  }
  return entries;
}

function releaseIn(folder: string, entry: Uint8Array): LogEntry {
  return readable(folder, undefined, () => decodeLogEntry(entry));
}

function readable<T>(folder: string, tile: Tile | undefined, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    if (!(cause instanceof ThemisError)) throw cause;
    throw damaged(folder, `${tile ? tilePath(tile) : "an entry"} cannot be read: ${cause.message}`, cause);
  }
}

/** undefined when there is none. */
export async function readIn(folder: string, name: string, maxBytes: number): Promise<Buffer | undefined> {
  try {
    return await readRegularFile(join(folder, name), maxBytes);
  } catch (cause) {
    const code = systemCode(cause);
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    if (cause instanceof InputError || code === "EISDIR")
      throw damaged(folder, `${name} is not a file of a log`, cause);
    throw cause;
  }
}

function damaged(folder: string, why: string, cause?: unknown): LogFailure {
  return new LogFailure("LOG_DAMAGED", `the log in ${folder} is damaged: ${why}`, {
    cause,
    hint: "bring it back from a copy; devices refuse a log that begins anew",
  });
}
