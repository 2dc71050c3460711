/**
 * That a release is in a log, in one small file (C2SP tlog-proof): `manifest.json.tlog-proof`.
 *
 *   c2sp.org/tlog-proof@v1
 *   extra BASE64           the end of the log (log-tail.ts); a proof without it proves inclusion alone
 *   index 73894
 *   BASE64                 the inclusion proof, from the leaf's sibling up to the root's child
 *
 *   example.com/log        the signed checkpoint, as it is
 *   ...
 *
 * Well-formed is all that is asked here; trust/transparency.ts says whether it proves anything.
 */
import { decodeBase64, decodeDecimal } from "./base64.ts";
import { type Checkpoint, decodeCheckpoint } from "./checkpoint.ts";
import { LogError } from "./log-error.ts";
import { decodeTail, encodeTail, type LogTail } from "./log-tail.ts";
import { MAX_PROOF_HASHES } from "./merkle-proof.ts";
import { HASH_BYTES, type Hash } from "./merkle-tree.ts";
import { decodeNote, encodeNote, type SignedNote } from "./signed-note.ts";

/** Beside the manifest. */
export const LOG_PROOF = "manifest.json.tlog-proof";

/** A tail takes 13 KiB in base64, a path 3 KiB, and a note with post-quantum witnesses the rest. */
export const MAX_LOG_PROOF_BYTES = 128 << 10;

export type LogProof = {
  readonly index: number;
  readonly path: readonly Hash[];
  readonly tail: LogTail | undefined;
  readonly note: SignedNote;
  /** What the note's text says. */
  readonly checkpoint: Checkpoint;
};

const FIRST_LINE = "c2sp.org/tlog-proof@v1";

export function encodeLogProof({ index, path, tail, note }: Omit<LogProof, "checkpoint">): Uint8Array {
  const lines = [
    FIRST_LINE,
    ...(tail ? [`extra ${Buffer.from(encodeTail(tail)).toString("base64")}`] : []),
    `index ${index}`,
    ...path.map((hash) => Buffer.from(hash).toString("base64")),
    "",
  ];
  return Buffer.from(`${lines.join("\n")}\n${encodeNote(note)}`);
}

/** @throws LogError LOG_PROOF_MALFORMED */
export function decodeLogProof(bytes: Uint8Array): LogProof {
  if (bytes.length > MAX_LOG_PROOF_BYTES)
    throw malformed(`it has ${bytes.length} bytes, more than the ${MAX_LOG_PROOF_BYTES} allowed`);
  const end = Buffer.from(bytes).indexOf("\n\n");
  if (end < 0) throw malformed("it holds no checkpoint");
  // latin1 has a character for each byte, and what is not ASCII fits nowhere here.
  const [first, ...lines] = Buffer.from(bytes.subarray(0, end)).toString("latin1").split("\n");
  if (first !== FIRST_LINE) throw malformed(`its first line is not ${FIRST_LINE}`);
  const extra = lines[0]?.startsWith("extra ") ? lines.shift()!.slice("extra ".length) : undefined;
  const [indexLine = "", ...hashes] = lines;
  const index = indexLine.startsWith("index ") ? decodeDecimal(indexLine.slice("index ".length)) : undefined;
  if (index === undefined) throw malformed("it has no index");
  if (hashes.length > MAX_PROOF_HASHES) throw malformed(`its path has more than ${MAX_PROOF_HASHES} hashes`);
  const path = hashes.map(decodeHash);
  const { note, checkpoint } = checkpointIn(bytes.subarray(end + 2));
  return {
    index,
    path,
    tail: extra === undefined ? undefined : tailIn(extra, checkpoint.size),
    note,
    checkpoint,
  };
}

function decodeHash(line: string): Hash {
  const hash = decodeBase64(line);
  if (hash?.length !== HASH_BYTES) throw malformed("a line of its path is no hash");
  return hash;
}

function tailIn(extra: string, size: number): LogTail {
  const bytes = decodeBase64(extra);
  if (!bytes) throw malformed("its extra line is not base64");
  return decodeTail(bytes, size);
}

function checkpointIn(bytes: Uint8Array): Pick<LogProof, "note" | "checkpoint"> {
  try {
    const note = decodeNote(bytes);
    return { note, checkpoint: decodeCheckpoint(note.text) };
  } catch (cause) {
    if (!(cause instanceof LogError)) throw cause;
    throw new LogError("LOG_PROOF_MALFORMED", cause.message, { cause });
  }
}

function malformed(why: string): LogError {
  return new LogError("LOG_PROOF_MALFORMED", `the log proof cannot be read: ${why}`);
}
