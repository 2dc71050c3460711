/** What is tried for a file, in which order, and how a person is told what came of it. */
import type { Algorithm } from "../../format/manifest/delta-manifest.ts";
import type { Candidate } from "./diff-file.ts";

/** The likely winner first: those behind it are given up as soon as they are longer. */
export const ALL_ALGORITHMS: readonly Algorithm[] = ["THEMIS", "BSDIFF", "VCDIFF", "ZSTD_DICT"];

export function describeCandidate({ algorithm, sizeBytes, note }: Candidate): string {
  const words = [...(sizeBytes === undefined ? [] : [`${sizeBytes} bytes`]), ...(note ? [note] : [])];
  return `${algorithm} ${words.join(", ")}`;
}
