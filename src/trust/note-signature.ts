/**
 * Who of those we know signed a note (C2SP signed-note, "Signatures").
 *
 * Signatures by unknown keys are passed over: a witness may add one, and a log may have a newer key. One by a key that
 * we know must be right, or the note was put together by somebody else.
 */
import { createPublicKey, verify } from "node:crypto";
import type { NoteKey } from "../format/log/note-key.ts";
import type { SignedNote } from "../format/log/signed-note.ts";
import { TransparencyError } from "./transparency-error.ts";

/** @returns those keys that signed it, maybe none. @throws TransparencyError LOG_CHECKPOINT_INVALID */
export function noteSigners({ text, signatures }: SignedNote, keys: readonly NoteKey[]): NoteKey[] {
  const signers: NoteKey[] = [];
  for (const key of keys) {
    const own = signatures.filter(({ name, keyId }) => name === key.name && keyId === key.keyId);
    if (own.length === 0) continue;
    if (!own.every(({ signature }) => isSignedBy(key, text, signature))) {
      throw new TransparencyError(
        "LOG_CHECKPOINT_INVALID",
        `the checkpoint bears a signature of ${key.name} that is not one of its key`,
        { facts: { name: key.name, keyId: key.keyId } },
      );
    }
    signers.push(key);
  }
  return signers;
}

/** RFC 8032, 5.1.7. */
function isSignedBy({ publicKey }: NoteKey, text: string, signature: Uint8Array): boolean {
  if (signature.length !== 64) return false;
  const jwk = { kty: "OKP", crv: "Ed25519", x: Buffer.from(publicKey).toString("base64url") };
  return verify(null, Buffer.from(text), createPublicKey({ format: "jwk", key: jwk }), signature);
}
