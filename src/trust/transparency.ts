/**
 * Is this release in the log that everybody sees, and is it still the log that this device saw before?
 *
 *   entry of this very manifest -> inclusion -> root of the checkpoint -> signed by a log that was named
 *   checkpoint remembered       -> the end of the log gives its root, and the new one
 *
 * A signer who was robbed of his key, or is forced, can sign a release for one victim. With a log demanded he has to
 * show it to everybody, or to keep two histories and to never mix them up: a device that once saw the one refuses the
 * other. What a log says is no vote for a release: the signature is demanded all the same.
 */
import { encodeLogEntry, logEntryOf } from "../format/log/log-entry.ts";
import { decodeLogProof, type LogProof } from "../format/log/log-proof.ts";
import { type LogTail, tailRoots } from "../format/log/log-tail.ts";
import { rootByInclusion } from "../format/log/merkle-proof.ts";
import { equalHashes, leafHash } from "../format/log/merkle-tree.ts";
import type { NoteKey } from "../format/log/note-key.ts";
import { encodeNote, type NoteSignature } from "../format/log/signed-note.ts";
import type { Manifest } from "../format/manifest/manifest.ts";
import { noteSigners } from "./note-signature.ts";
import { TransparencyError } from "./transparency-error.ts";
import { markVerified, type Verified } from "./verified.ts";

/** What a device keeps of a log: its last checkpoint, with the signatures that it knows, as evidence against a log that forks. */
export type SeenCheckpoint = {
  readonly origin: string;
  readonly size: number;
  /** Base64. */
  readonly root: string;
  readonly note: string;
};

/** A checkpoint that vouches for a release, and what leads back from it. */
export type Logged = { readonly seen: SeenCheckpoint; readonly tail: LogTail | undefined };

export type LoggedRequest = {
  /** undefined when the release came without one. */
  readonly proofBytes: Uint8Array | undefined;
  readonly keys: readonly NoteKey[];
  readonly manifest: Manifest;
  readonly manifestBytes: Uint8Array;
};

/** @throws TransparencyError LOG_PROOF_MISSING, LOG_PROOF_INVALID, LOG_KEY_UNKNOWN, LOG_CHECKPOINT_INVALID; LogError LOG_PROOF_MALFORMED */
export function proveLogged({ proofBytes, keys, manifest, manifestBytes }: LoggedRequest): Logged {
  if (!proofBytes) {
    throw new TransparencyError(
      "LOG_PROOF_MISSING",
      `${manifest.version} comes without the proof that it is in a transparency log`,
      { hint: "the publisher must append it and publish what themis-bundle log prove writes" },
    );
  }
  const proof = decodeLogProof(proofBytes);
  const { origin, size, root } = proof.checkpoint;
  const signers = noteSigners(proof.note, keys);
  // C2SP tlog-checkpoint: the log's own signature is that of the key with the origin's name; others are witnesses.
  if (!signers.some(({ name }) => name === origin)) {
    const known = keys.map(({ name, keyId }) => `${name}+${keyId}`).join(", ");
    throw new TransparencyError(
      "LOG_KEY_UNKNOWN",
      `the checkpoint is of the log ${JSON.stringify(origin)}, and none of the keys that this device trusts signed it as that log: ${known}`,
      { facts: { origin } },
    );
  }
  checkInclusion(proof, manifest, manifestBytes);
  const rootText = Buffer.from(root).toString("base64");
  const isKnown = (each: NoteSignature): boolean =>
    signers.some(({ name, keyId }) => name === each.name && keyId === each.keyId);
  const signatures = proof.note.signatures.filter(isKnown);
  const note = encodeNote({ text: proof.note.text, signatures });
  return { seen: { origin, size, root: rootText, note }, tail: proof.tail };
}

/** Says nothing of who signed the checkpoint. @throws TransparencyError LOG_PROOF_INVALID */
export function checkInclusion(
  { index, path, checkpoint: { size, root } }: LogProof,
  manifest: Manifest,
  manifestBytes: Uint8Array,
): void {
  const leaf = leafHash(encodeLogEntry(logEntryOf(manifest, manifestBytes)));
  const found = rootByInclusion({ index, size, leaf, path });
  if (found && equalHashes(found, root)) return;
  throw new TransparencyError(
    "LOG_PROOF_INVALID",
    `the proof is not one that this manifest of ${manifest.version} is entry ${index} of the log's ${size}`,
    { facts: { index, size } },
  );
}

/**
 * A proof that goes with a release to devices who demand one. It says nothing of who signed the checkpoint: they do.
 *
 * @throws LogError LOG_PROOF_MALFORMED; TransparencyError LOG_PROOF_INVALID
 */
export function proofOf(
  manifest: Verified<Manifest>,
  manifestBytes: Verified<Uint8Array>,
  proofBytes: Uint8Array,
): Verified<Uint8Array> {
  checkInclusion(decodeLogProof(proofBytes), manifest, manifestBytes);
  return markVerified(proofBytes);
}

/**
 * The log of the checkpoint is the one that was seen before, grown or not. Asked again under the device's lock.
 *
 * @throws TransparencyError LOG_FORKED, LOG_ROLLED_BACK, LOG_CONSISTENCY_MISSING, LOG_PROOF_INVALID
 */
export function checkGrown({ seen, tail }: Logged, before: readonly SeenCheckpoint[]): void {
  const old = before.find(({ origin }) => origin === seen.origin);
  if (!old) return;
  if (seen.size < old.size) {
    throw new TransparencyError(
      "LOG_ROLLED_BACK",
      `the log ${seen.origin} has ${seen.size} entries here, this device has seen ${old.size}`,
      { facts: { offered: seen.size, remembered: old.size } },
    );
  }
  if (seen.size === old.size) {
    if (seen.root !== old.root) throw forked(old, seen);
    return;
  }
  if (!tail || tail.start > old.size) {
    throw new TransparencyError(
      "LOG_CONSISTENCY_MISSING",
      `the proof does not reach back to the ${old.size} entries that this device has seen of the log ${seen.origin}`,
      {
        facts: { offered: seen.size, remembered: old.size, start: tail?.start ?? seen.size },
        hint: "install a release in between first, by --version: each has a proof of its own time",
      },
    );
  }
  const [oldRoot, newRoot] = tailRoots(tail, [old.size, seen.size]).map((root) =>
    Buffer.from(root).toString("base64"),
  );
  if (newRoot !== seen.root) {
    throw new TransparencyError(
      "LOG_PROOF_INVALID",
      `the end of the log ${seen.origin} in the proof does not lead to the checkpoint's root`,
    );
  }
  if (oldRoot !== old.root) throw forked(old, seen);
}

/** What is remembered once the release is believed: the larger one of each log. */
export function withSeen(
  before: readonly SeenCheckpoint[],
  seen: SeenCheckpoint | undefined,
): SeenCheckpoint[] {
  if (!seen) return [...before];
  const old = before.find(({ origin }) => origin === seen.origin);
  const others = before.filter(({ origin }) => origin !== seen.origin);
  return [...others, old && old.size > seen.size ? old : seen];
}

function forked(old: SeenCheckpoint, seen: SeenCheckpoint): TransparencyError {
  return new TransparencyError(
    "LOG_FORKED",
    `the log ${seen.origin} of ${seen.size} entries does not begin with the ${old.size} that this device has seen: it has two histories`,
    {
      facts: { remembered: old.note, offered: seen.note },
      hint: "do not install this, and tell others: the two signed checkpoints in the facts (--json) prove it",
    },
  );
}
