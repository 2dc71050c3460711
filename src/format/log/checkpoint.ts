/**
 * The root of a log at one size (C2SP tlog-checkpoint): the text of a signed note.
 *
 *   example.com/log        the origin: which log
 *   20852163               how many entries
 *   CsUYapGG...            the root hash, base64
 *   anything               extension lines, which say nothing to us
 */
import { decodeBase64, decodeDecimal } from "./base64.ts";
import { LogError } from "./log-error.ts";
import { HASH_BYTES, type Hash } from "./merkle-tree.ts";

export type Checkpoint = { readonly origin: string; readonly size: number; readonly root: Hash };

/** The text to sign. */
export function checkpointText({ origin, size, root }: Checkpoint): string {
  return `${origin}\n${size}\n${Buffer.from(root).toString("base64")}\n`;
}

/** @param text of a signed note. @throws LogError LOG_CHECKPOINT_MALFORMED */
export function decodeCheckpoint(text: string): Checkpoint {
  const [origin = "", decimal = "", base64 = "", ...extensions] = text.split("\n");
  if (origin === "") throw malformed("it names no log");
  const size = decodeDecimal(decimal);
  if (size === undefined) throw malformed("its second line is no size");
  const root = decodeBase64(base64);
  if (root?.length !== HASH_BYTES) throw malformed("its third line is no hash");
  if (extensions.pop() !== "" || extensions.includes("")) throw malformed("it holds an empty line");
  return { origin, size, root };
}

function malformed(why: string): LogError {
  return new LogError("LOG_CHECKPOINT_MALFORMED", `the log's checkpoint cannot be read: ${why}`);
}
