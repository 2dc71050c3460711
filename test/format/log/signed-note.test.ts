/** Notes, keys and checkpoints by the examples of C2SP and of golang.org/x/mod/sumdb/note. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeCheckpoint } from "../../../src/format/log/checkpoint.ts";
import {
  decodeNoteKey,
  decodeNoteSecret,
  encodeNoteKey,
  encodeNoteSecret,
} from "../../../src/format/log/note-key.ts";
import { decodeNote, encodeNote } from "../../../src/format/log/signed-note.ts";
import { noteSigners } from "../../../src/trust/note-signature.ts";

const KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
const SECRET = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
const NOTE =
  "If you think cryptography is the answer to your problem,\n" +
  "then you don't know what your problem is.\n\n" +
  "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

/** C2SP tlog-checkpoint, the example at its beginning. */
const CHECKPOINT =
  "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n" +
  "— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n";

/** C2SP signed-note, the example at its beginning: its text holds an empty line. */
const POEM =
  "Ognuno sta solo sul cuor della terra\ntrafitto da un raggio di sole:\n\ned è subito sera.\n\n" +
  "— quasimodo.example/salvatore NnugSzTjtVAewIS+Z/iJhUPeFDkO/5QQ2i5ddnGITLlC+EhfLW9oJKONrMouFSQU0xMcXxj99ihAQwaqP3ZekRwNtIc=\n";

const decoded = (text: string) => decodeNote(Buffer.from(text));

describe("the examples", () => {
  it("Go's note is signed by Go's key", () => {
    expect(noteSigners(decoded(NOTE), [decodeNoteKey(KEY)]).map(({ name }) => name)).toEqual([
      "PeterNeumann",
    ]);
  });

  it("both keys come back as they were", () => {
    expect(encodeNoteKey(decodeNoteKey(KEY))).toBe(KEY);
    expect(encodeNoteSecret(decodeNoteSecret(SECRET))).toBe(SECRET);
  });

  it.each([NOTE, CHECKPOINT, POEM])("a note comes back byte for byte", (note) => {
    expect(encodeNote(decoded(note))).toBe(note);
  });

  it("a text may hold an empty line", () => {
    expect(decoded(POEM).text.endsWith("\n\ned è subito sera.\n")).toBe(true);
  });

  it("a checkpoint has origin, size and root", () => {
    const { origin, size, root } = decodeCheckpoint(decoded(CHECKPOINT).text);
    expect({ origin, size }).toEqual({ origin: "example.com/behind-the-sofa", size: 20_852_163 });
    expect(Buffer.from(root).toString("base64")).toBe("CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=");
  });
});

it("a changed byte of the text makes the signature one of another", () => {
  const changed = decoded(NOTE.replace("answer", "Answer"));
  expect(() => noteSigners(changed, [decodeNoteKey(KEY)])).toThrow(
    expect.objectContaining({ code: "LOG_CHECKPOINT_INVALID", kind: "refused" }),
  );
});

it("signatures of unknown keys are passed over", () => {
  const other = decoded(CHECKPOINT);
  expect(noteSigners(other, [decodeNoteKey(KEY)])).toEqual([]);
  const both = { ...decoded(NOTE), signatures: [...other.signatures, ...decoded(NOTE).signatures] };
  expect(noteSigners(both, [decodeNoteKey(KEY)])).toHaveLength(1);
});

it.each([
  { why: "no end", text: "text\n\n— a AAAAAAA=" },
  { why: "no signature", text: "text\n\n" },
  { why: "no empty line", text: "text\n— a AAAAAAAA\n" },
  { why: "a hyphen for the dash", text: "text\n\n- a AAAAAAAA\n" },
  { why: "a plus in a name", text: "text\n\n— a+b AAAAAAAA\n" },
  { why: "a signature that is only a key id", text: "text\n\n— a AAAAAA==\n" },
  { why: "base64 with bits behind its end", text: "text\n\n— a AAAAAAB=\n" },
  { why: "a tabulator", text: "te\txt\n\n— a AAAAAAAA\n" },
  { why: "33 signatures", text: `text\n\n${"— a AAAAAAAA\n".repeat(33)}` },
  { why: "more bytes than a note may have", text: `${"x".repeat(100_000)}\n\n— a AAAAAAAA\n` },
])("refuses a note with $why", ({ text }) => {
  expect(() => decoded(text)).toThrow(
    expect.objectContaining({ code: "LOG_CHECKPOINT_MALFORMED", kind: "refused" }),
  );
});

it("refuses a note that is not UTF-8", () => {
  expect(() => decodeNote(Buffer.from("ff0a0a", "hex"))).toThrow(
    expect.objectContaining({ code: "LOG_CHECKPOINT_MALFORMED" }),
  );
});

const ROOT = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=";

it.each([
  { why: "a leading zero", text: `a\n01\n${ROOT}\n` },
  { why: "a size beyond 2^53 - 1", text: `a\n9007199254740992\n${ROOT}\n` },
  { why: "a negative size", text: `a\n-1\n${ROOT}\n` },
  { why: "a short root", text: "a\n1\nAAAA\n" },
  { why: "no origin", text: `\n1\n${ROOT}\n` },
  { why: "an empty extension line", text: `a\n1\n${ROOT}\n\nb\n` },
  { why: "two lines", text: "a\n1\n" },
])("refuses a checkpoint with $why", ({ text }) => {
  expect(() => decodeCheckpoint(text)).toThrow(expect.objectContaining({ code: "LOG_CHECKPOINT_MALFORMED" }));
});

it("takes extension lines, which say nothing", () => {
  expect(decodeCheckpoint(`a\n1\n${ROOT}\nmore\n`).size).toBe(1);
});

it.each([
  { why: "another key id", key: KEY.replace("c74f20a3", "c74f20a4") },
  { why: "another algorithm", key: "PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW" },
  { why: "a byte too few", key: KEY.slice(0, -4) },
  { why: "no name", key: KEY.slice("PeterNeumann".length) },
  { why: "a space in the name", key: KEY.replace("rN", "r N") },
  { why: "nothing", key: "" },
])("refuses a key with $why", ({ key }) => {
  expect(() => decodeNoteKey(key)).toThrow(expect.objectContaining({ code: "LOG_KEY_MALFORMED" }));
});

it("a private key in the place of the public one is refused, and not shown", () => {
  expect.assertions(2);
  try {
    decodeNoteKey(SECRET);
  } catch (error) {
    expect(error).toMatchObject({ code: "LOG_KEY_MALFORMED" });
    expect(JSON.stringify(error, Object.getOwnPropertyNames(error))).not.toContain("AYEKFALV");
  }
});

it("no bytes make the reader of notes fail otherwise than by name", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 300 }), fc.nat(NOTE.length), (noise, at) => {
      const bytes = Buffer.from(`${NOTE.slice(0, at)}${noise}${NOTE.slice(at)}`);
      try {
        expect(encodeNote(decodeNote(bytes))).toBe(bytes.toString());
      } catch (error) {
        expect(error).toMatchObject({ code: "LOG_CHECKPOINT_MALFORMED" });
      }
    }),
  );
});
