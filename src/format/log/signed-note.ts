/**
 * A text and who signed it (C2SP signed-note).
 *
 *   example.com/log\n...\n        the text, with its last newline; it may hold empty lines
 *   \n
 *   — NAME base64(key id || signature)\n       one line for each signature, the dash is U+2014
 *
 * Nothing of the text may be believed before a signature by a known key is verified (trust/note-signature.ts).
 */
import { isUtf8 } from "node:buffer";
import { decodeBase64 } from "./base64.ts";
import { LogError } from "./log-error.ts";

export type NoteSignature = {
  readonly name: string;
  /** Lower-case hex, 8 digits. */
  readonly keyId: string;
  readonly signature: Uint8Array;
};

export type SignedNote = {
  /** Ends in a newline. */
  readonly text: string;
  readonly signatures: readonly NoteSignature[];
};

/** Sixteen must be accepted, and a post-quantum one takes 5 KiB (C2SP signed-note, "Format"). */
export const MAX_NOTE_BYTES = 96 << 10;
const MAX_SIGNATURES = 32;

/** The Unicode spaces (White_Space) and plus, which no key name has. */
export const KEY_NAME = /^[^\s\u0085+]{1,255}$/;

export function encodeNote({ text, signatures }: SignedNote): string {
  return `${text}\n${signatures.map(signatureLine).join("")}`;
}

function signatureLine({ name, keyId, signature }: NoteSignature): string {
  return `— ${name} ${Buffer.concat([Buffer.from(keyId, "hex"), signature]).toString("base64")}\n`;
}

/** @throws LogError LOG_CHECKPOINT_MALFORMED */
export function decodeNote(bytes: Uint8Array): SignedNote {
  if (bytes.length > MAX_NOTE_BYTES) throw malformed(`it has more than ${MAX_NOTE_BYTES} bytes`);
  if (!isUtf8(bytes)) throw malformed("it is not UTF-8");
  const note = Buffer.from(bytes).toString("utf8");
  for (let i = 0; i < note.length; i++) {
    const c = note.charCodeAt(i);
    if (c < 0x20 && c !== 0x0a) throw malformed("it holds a control character");
  }
  const end = note.lastIndexOf("\n\n");
  if (end <= 0) throw malformed("no empty line stands between its text and its signatures");
  const lines = note.slice(end + 2).split("\n");
  if (lines.pop() !== "") throw malformed("it does not end with a newline");
  if (lines.length === 0) throw malformed("nobody signed it");
  if (lines.length > MAX_SIGNATURES) throw malformed(`it has more than ${MAX_SIGNATURES} signatures`);
  return { text: note.slice(0, end + 1), signatures: lines.map(decodeSignature) };
}

function decodeSignature(line: string): NoteSignature {
  const [dash, name = "", base64 = "", ...more] = line.split(" ");
  const bytes = decodeBase64(base64);
  if (dash !== "—" || !KEY_NAME.test(name) || !bytes || bytes.length < 5 || more.length > 0)
    throw malformed("a line below its text is no signature");
  return { name, keyId: bytes.subarray(0, 4).toString("hex"), signature: bytes.subarray(4) };
}

function malformed(why: string): LogError {
  return new LogError("LOG_CHECKPOINT_MALFORMED", `the checkpoint is no signed note: ${why}`);
}
