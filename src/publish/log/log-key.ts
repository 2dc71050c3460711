/**
 * The key of a log: Ed25519 (RFC 8032), in the text form of signed notes, in two files of a folder.
 *
 *   log-key.txt       PRIVATE+KEY+NAME+...     signs checkpoints: mode 0600, never printed
 *   log-key.pub       NAME+...                 what devices are given: --log-key
 */
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { access, mkdir, open, rm } from "node:fs/promises";
import { join } from "node:path";
import { syncFolder } from "../../base/atomic-file.ts";
import { systemCode } from "../../base/error.ts";
import { readSecret } from "../../base/input-file.ts";
import { type Checkpoint, checkpointText } from "../../format/log/checkpoint.ts";
import { LogError } from "../../format/log/log-error.ts";
import {
  decodeNoteSecret,
  encodeNoteKey,
  encodeNoteSecret,
  keyIdOf,
  type NoteKey,
} from "../../format/log/note-key.ts";
import { KEY_NAME, type SignedNote } from "../../format/log/signed-note.ts";
import { noteSigners } from "../../trust/note-signature.ts";
import { LogFailure } from "./log-failure.ts";

export type LogSigner = {
  readonly key: NoteKey;
  /** The checkpoint of the log that has the key's name. */
  readonly sign: (checkpoint: Omit<Checkpoint, "origin">) => SignedNote;
};

export type LogKeyFiles = { readonly secret: string; readonly public: string; readonly key: string };

const MAX_KEY_BYTES = 4096;

/** RFC 8410, 7: what stands before the 32 bytes in PKCS#8. */
const PKCS8_HEAD = Buffer.from("302e020100300506032b657004220420", "hex");

/** @throws LogError LOG_KEY_MALFORMED; LogFailure LOG_EXISTS; the system's errors */
export async function generateLogKey(name: string, folder: string): Promise<LogKeyFiles> {
  if (!KEY_NAME.test(name) || /[\p{Cc}\p{Z}]/u.test(name)) {
    throw new LogError("LOG_KEY_MALFORMED", `a log cannot be called ${JSON.stringify(name)}`, {
      hint: "such as example.com/releases: no spaces and no plus, at most 255 characters",
    });
  }
  const { privateKey } = generateKeyPairSync("ed25519");
  const der = privateKey.export({ format: "der", type: "pkcs8" });
  const publicKey = publicKeyOf(privateKey);
  const keyId = keyIdOf(name, publicKey);
  const key = encodeNoteKey({ name, keyId, publicKey });
  const files = { secret: join(folder, "log-key.txt"), public: join(folder, "log-key.pub"), key };
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await refuseThere(files.public);
  const seed = der.subarray(PKCS8_HEAD.length);
  await writeNew(files.secret, `${encodeNoteSecret({ name, keyId, seed })}\n`, 0o600);
  await writeNew(files.public, `${key}\n`, 0o644).catch(async (error: unknown) => {
    // Half a key would stand in the way of the next.
    await rm(files.secret, { force: true });
    throw error;
  });
  syncFolder(folder);
  return files;
}

/** @throws LogError LOG_KEY_MALFORMED; the system's errors, without what the file holds */
export async function openLogKey(path: string): Promise<LogSigner> {
  const text = (await readSecret(path, MAX_KEY_BYTES)).toString("utf8").trim();
  const { name, keyId, seed } = decodeNoteSecret(text);
  const privateKey = createPrivateKey({
    key: Buffer.concat([PKCS8_HEAD, seed]),
    format: "der",
    type: "pkcs8",
  });
  const publicKey = publicKeyOf(privateKey);
  if (keyIdOf(name, publicKey) !== keyId)
    throw new LogError("LOG_KEY_MALFORMED", `${path} holds a key whose id does not belong to it`);
  const key = { name, keyId, publicKey };
  return { key, sign: (checkpoint) => signCheckpoint(key, privateKey, checkpoint) };
}

/** Verified before it is given away: a fault while signing would be published. */
function signCheckpoint(
  key: NoteKey,
  privateKey: KeyObject,
  checkpoint: Omit<Checkpoint, "origin">,
): SignedNote {
  const { name, keyId } = key;
  const text = checkpointText({ origin: name, ...checkpoint });
  const note = { text, signatures: [{ name, keyId, signature: sign(null, Buffer.from(text), privateKey) }] };
  noteSigners(note, [key]);
  return note;
}

function publicKeyOf(privateKey: KeyObject): Uint8Array {
  const { x = "" } = createPublicKey(privateKey).export({ format: "jwk" });
  return Buffer.from(x, "base64url");
}

async function writeNew(path: string, text: string, mode: number): Promise<void> {
  try {
    const file = await open(path, "wx", mode);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
  } catch (cause) {
    if (systemCode(cause) === "EEXIST") throw there(path, cause);
    throw cause;
  }
}

async function refuseThere(path: string): Promise<void> {
  const isThere = await access(path).then(
    () => true,
    () => false,
  );
  if (isThere) throw there(path);
}

function there(path: string, cause?: unknown): LogFailure {
  return new LogFailure("LOG_EXISTS", `${path} is there already, and a log keeps its key`, {
    cause,
    hint: "name another folder",
  });
}
