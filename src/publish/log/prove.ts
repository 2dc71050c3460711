/** The proof that a release is in a log, as it travels with the bundle (schemas/log.md). */
import { join } from "node:path";
import { writeFileAtomically } from "../../base/atomic-file.ts";
import { logEntryOf } from "../../format/log/log-entry.ts";
import { decodeLogProof, encodeLogProof, LOG_PROOF } from "../../format/log/log-proof.ts";
import { tailOf } from "../../format/log/log-tail.ts";
import { inclusionProof } from "../../format/log/merkle-proof.ts";
import type { NoteKey } from "../../format/log/note-key.ts";
import { checkInclusion } from "../../trust/transparency.ts";
import type { OpenBundle } from "../bundle.ts";
import { indexOf } from "./append.ts";
import { LogFailure } from "./log-failure.ts";
import { openLog } from "./log-folder.ts";

export type ReleaseProof = {
  readonly path: string;
  readonly index: number;
  readonly size: number;
  readonly bytes: number;
};

/**
 * Proven as a device does before it is written.
 *
 * @param key undefined: whether the log signed its checkpoint is asked by whoever verifies the proof
 * @throws LogFailure LOG_ENTRY_MISSING; what openLog throws
 */
export async function proveRelease(
  folder: string,
  bundle: OpenBundle,
  key: NoteKey | undefined,
): Promise<ReleaseProof> {
  const log = await openLog(folder, key);
  const { manifest, manifestBytes } = bundle;
  const index = indexOf(log, logEntryOf(manifest, manifestBytes));
  if (index === undefined) {
    throw new LogFailure(
      "LOG_ENTRY_MISSING",
      `the log in ${folder} does not hold this manifest of ${manifest.product} ${manifest.version}`,
      { hint: `themis-bundle log append ${folder} ${bundle.folder} --key log-key.txt` },
    );
  }
  const path = inclusionProof(log.leaves, index);
  const proofBytes = encodeLogProof({ index, path, tail: tailOf(log.leaves), note: log.note });
  checkInclusion(decodeLogProof(proofBytes), manifest, manifestBytes);
  const file = join(bundle.folder, LOG_PROOF);
  await writeFileAtomically(file, proofBytes);
  return { path: file, index, size: log.checkpoint.size, bytes: proofBytes.length };
}
