/**
 * The keys of signed notes as text (C2SP signed-note; the form of golang.org/x/mod/sumdb/note).
 *
 *   NAME+c74f20a3+base64(01 || public key)                   to be given to everybody
 *   PRIVATE+KEY+NAME+c74f20a3+base64(01 || private key)      to be kept
 *
 * 01 is Ed25519 (RFC 8032), the one algorithm that we take. The key id is the beginning of
 * SHA-256(NAME || 0a || 01 || public key): it finds a key, and proves nothing.
 */
import { createHash } from "node:crypto";
import { decodeBase64 } from "./base64.ts";
import { LogError } from "./log-error.ts";
import { KEY_NAME } from "./signed-note.ts";

export type NoteKey = {
  readonly name: string;
  /** Lower-case hex, 8 digits. */
  readonly keyId: string;
  /** Ed25519, 32 bytes. */
  readonly publicKey: Uint8Array;
};

/** `seed` is RFC 8032's private key, 32 bytes; whoever uses it derives the public key and compares the key id. */
export type NoteSecret = { readonly name: string; readonly keyId: string; readonly seed: Uint8Array };

const ED25519 = 1;
const SECRET_PREFIX = "PRIVATE+KEY+";

export function keyIdOf(name: string, publicKey: Uint8Array): string {
  const hash = createHash("sha256").update(`${name}\n`).update(Uint8Array.of(ED25519)).update(publicKey);
  return hash.digest("hex").slice(0, 8);
}

/** Meant as a key, and not as the name of a file with one. */
export function isNoteKey(text: string): boolean {
  return /\+[0-9a-f]{8}\+/.test(text);
}

/** What devices are given. */
export function encodeNoteKey({ name, keyId, publicKey }: NoteKey): string {
  return `${name}+${keyId}+${keyText(publicKey)}`;
}

export function encodeNoteSecret({ name, keyId, seed }: NoteSecret): string {
  return `${SECRET_PREFIX}${name}+${keyId}+${keyText(seed)}`;
}

/** @throws LogError LOG_KEY_MALFORMED */
export function decodeNoteKey(text: string): NoteKey {
  if (text.startsWith(SECRET_PREFIX)) {
    throw new LogError(
      "LOG_KEY_MALFORMED",
      "this is the log's private key, and the public one is asked for",
      {
        hint: "nobody but the log may have it: if it has been given away, make a new one",
      },
    );
  }
  const { name, keyId, key: publicKey } = decodeKey(text);
  if (keyId !== keyIdOf(name, publicKey))
    throw malformed(`its key id should be ${keyIdOf(name, publicKey)} and is ${keyId}`);
  return { name, keyId, publicKey };
}

/** @throws LogError LOG_KEY_MALFORMED; no message holds any of it */
export function decodeNoteSecret(text: string): NoteSecret {
  if (!text.startsWith(SECRET_PREFIX)) throw malformed(`it does not begin with ${SECRET_PREFIX}`);
  const { name, keyId, key: seed } = decodeKey(text.slice(SECRET_PREFIX.length));
  return { name, keyId, seed };
}

/** Names have no plus, base64 may. */
function decodeKey(text: string): {
  readonly name: string;
  readonly keyId: string;
  readonly key: Uint8Array;
} {
  const [, name = "", keyId = "", base64 = ""] =
    /^([^+]*)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]*)$/.exec(text) ?? [];
  const bytes = decodeBase64(base64);
  if (!KEY_NAME.test(name) || !bytes || bytes.length === 0) throw malformed("it is not NAME+ID+KEY");
  if (bytes[0] !== ED25519 || bytes.length !== 33) throw malformed("it is not one of Ed25519");
  return { name, keyId, key: bytes.subarray(1) };
}

function keyText(key: Uint8Array): string {
  return Buffer.concat([Uint8Array.of(ED25519), key]).toString("base64");
}

function malformed(why: string): LogError {
  return new LogError("LOG_KEY_MALFORMED", `the log's key cannot be used: ${why}`, {
    hint: "themis-bundle log keygen makes both keys",
  });
}
