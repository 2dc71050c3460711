/** For whoever watches a log: that it has only grown since the checkpoint that he kept. */
import { decodeCheckpoint } from "../../format/log/checkpoint.ts";
import { consistencyProof, isConsistent } from "../../format/log/merkle-proof.ts";
import type { NoteKey } from "../../format/log/note-key.ts";
import { decodeNote, encodeNote } from "../../format/log/signed-note.ts";
import { noteSigners } from "../../trust/note-signature.ts";
import { TransparencyError } from "../../trust/transparency-error.ts";
import { LogFailure } from "./log-failure.ts";
import type { OpenLog } from "./log-folder.ts";

/** @param since a checkpoint, signed by the same key. @throws TransparencyError LOG_FORKED, LOG_ROLLED_BACK; LogFailure LOG_KEY_MISMATCH; LogError LOG_CHECKPOINT_MALFORMED */
export function checkSince({ checkpoint, leaves, note }: OpenLog, since: Uint8Array, key: NoteKey): void {
  const oldNote = decodeNote(since);
  const old = decodeCheckpoint(oldNote.text);
  if (old.origin !== checkpoint.origin || noteSigners(oldNote, [key]).length === 0)
    throw new LogFailure(
      "LOG_KEY_MISMATCH",
      `the older checkpoint is of ${JSON.stringify(old.origin)}, or not signed by ${key.name}+${key.keyId}`,
    );
  const facts = { remembered: encodeNote(oldNote), offered: encodeNote(note) };
  if (old.size > checkpoint.size)
    throw new TransparencyError(
      "LOG_ROLLED_BACK",
      `the log has ${checkpoint.size} entries, and had ${old.size}`,
      { facts },
    );
  if (isConsistent(old, checkpoint, consistencyProof(leaves, old.size))) return;
  throw new TransparencyError(
    "LOG_FORKED",
    `the log of ${checkpoint.size} entries does not begin with the ${old.size} that it had`,
    { facts },
  );
}
