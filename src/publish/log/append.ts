/**
 * A log begins, and grows by one release.
 *
 *   lock -> read and prove the log -> entry -> bundles and tiles of the new size -> checkpoint
 *
 * Every file but the checkpoint has its size in its name, so what is written before the checkpoint changes nothing for
 * whoever reads the log. Killed anywhere, the log is the old one or the new one, and the next append writes over what was left.
 */
import { mkdir, readdir } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { syncFolder, writeFileAtomically } from "../../base/atomic-file.ts";
import { systemCode } from "../../base/error.ts";
import { encodeLogEntry, type LogEntry, logEntryOf } from "../../format/log/log-entry.ts";
import { consistencyProof, isConsistent } from "../../format/log/merkle-proof.ts";
import { leafHash, treeRoot } from "../../format/log/merkle-tree.ts";
import { encodeNote, type SignedNote } from "../../format/log/signed-note.ts";
import { CHECKPOINT, entryBundles, hashTiles, TILE_WIDTH, tilePath } from "../../format/log/tile.ts";
import type { OpenBundle } from "../bundle.ts";
import { LogFailure } from "./log-failure.ts";
import { MAX_LOG_ENTRIES, type OpenLog, openLog } from "./log-folder.ts";
import type { LogSigner } from "./log-key.ts";
import { LOG_LOCK, withLogLock } from "./log-lock.ts";

export type Appended = {
  readonly index: number;
  readonly size: number;
  /** False when the log held it already. */
  readonly changed: boolean;
};

/** An empty log, signed. @throws LogFailure LOG_EXISTS, LOG_BUSY, LOG_UNWRITABLE */
export async function createLog(folder: string, signer: LogSigner): Promise<void> {
  return local(folder, async () => {
    await mkdir(folder, { recursive: true });
    await withLogLock(folder, async () => {
      const found = (await readdir(folder)).filter((name) => !name.startsWith(LOG_LOCK));
      if (found.length > 0) {
        throw new LogFailure("LOG_EXISTS", `${folder} is not empty, and a log never begins anew`, {
          hint: "name a new folder",
        });
      }
      await writeCheckpoint(folder, signer.sign({ size: 0, root: treeRoot([]) }));
    });
  });
}

/** @throws LogFailure; what openLog throws */
export async function appendRelease(
  folder: string,
  bundle: OpenBundle,
  signer: LogSigner,
): Promise<Appended> {
  const entry = logEntryOf(bundle.manifest, bundle.manifestBytes);
  // Where there is no log, no lock is left behind.
  await openLog(folder, signer.key);
  return local(folder, () =>
    withLogLock(folder, async () => {
      const log = await openLog(folder, signer.key);
      const there = indexOf(log, entry);
      if (there !== undefined) return { index: there, size: log.checkpoint.size, changed: false };
      refuseContradiction(log, entry);
      await append(log, encodeLogEntry(entry), signer);
      return { index: log.checkpoint.size, size: log.checkpoint.size + 1, changed: true };
    }),
  );
}

/** Of exactly this release; undefined when the log does not have it. */
export function indexOf({ entries }: OpenLog, entry: LogEntry): number | undefined {
  const bytes = Buffer.from(encodeLogEntry(entry));
  const index = entries.findIndex((each) => bytes.equals(each));
  return index < 0 ? undefined : index;
}

/** A version has one manifest, and sequences grow: two devices that trust one log never run two releases of one name. */
function refuseContradiction({ releases }: OpenLog, { product, version, sequence }: LogEntry): void {
  const own = releases.filter((each) => each.product === product);
  const same = own.find((each) => each.version === version);
  if (same) {
    throw new LogFailure(
      "LOG_CONFLICT",
      `the log holds another manifest of ${product} ${version}: ${same.manifest_sha256}`,
      { hint: "a version that was logged never changes: build under a new version", facts: { ...same } },
    );
  }
  const highest = own.reduce((most, each) => Math.max(most, each.sequence), -1);
  if (sequence > highest) return;
  throw new LogFailure(
    "LOG_CONFLICT",
    `${product} ${version} has sequence ${sequence}, and the log has one of ${highest} already`,
    { hint: "build it again with a higher --sequence", facts: { sequence, highest } },
  );
}

async function append(log: OpenLog, entry: Uint8Array, signer: LogSigner): Promise<void> {
  const { folder, checkpoint: old } = log;
  if (log.entries.length >= MAX_LOG_ENTRIES)
    throw new LogFailure("LOG_FULL", `the log has ${log.entries.length} entries, and takes no more`);
  const entries = [...log.entries, entry];
  const leaves = [...log.leaves, leafHash(entry)];
  const grown = { size: leaves.length, root: treeRoot(leaves) };
  // C2SP tlog-checkpoint: a log must not sign what is inconsistent with what it signed.
  if (!isConsistent(old, grown, consistencyProof(leaves, old.size)))
    throw new LogFailure("LOG_DAMAGED", `the log in ${folder} would not begin with what it was`);
  const changed = [...entryBundles(entries), ...hashTiles(leaves)].filter(({ tile }) =>
    isChanged(tile.level, tile.index, tile.width, old.size),
  );
  for (const { tile, bytes } of changed) await writeInLog(folder, tilePath(tile), bytes);
  await writeCheckpoint(folder, signer.sign(grown));
}

/** Full ones are there since they were full. */
function isChanged(level: number | "entries", index: number, width: number, oldSize: number): boolean {
  const span = level === "entries" ? 1 : TILE_WIDTH ** level;
  return index * TILE_WIDTH + width > Math.floor(oldSize / span);
}

async function writeCheckpoint(folder: string, note: SignedNote): Promise<void> {
  await writeFileAtomically(join(folder, CHECKPOINT), Buffer.from(encodeNote(note)));
}

async function writeInLog(folder: string, name: string, bytes: Uint8Array): Promise<void> {
  const path = resolve(folder, name);
  const first = await mkdir(dirname(path), { recursive: true });
  await writeFileAtomically(path, bytes);
  // The names of the folders must last as well, up to the first that was not there.
  for (let made = dirname(path); first !== undefined && made.length >= first.length; made = dirname(made))
    syncFolder(dirname(made));
}

async function local<T>(folder: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    const code = systemCode(cause);
    if (code === undefined || code.startsWith("ERR_")) throw cause;
    throw new LogFailure("LOG_UNWRITABLE", `the log in ${folder} cannot be written (${code})`, { cause });
  }
}
