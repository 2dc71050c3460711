/** What came of a comparison, as documents tell it, and back. */
import { sha256 } from "../../base/digest.ts";
import type { PartCandidate, PartResult } from "../../format/manifest/build-part.ts";
import type { Candidate, DiffResult } from "../diff/diff-file.ts";

export function encodeResult({ winner, candidates }: Pick<DiffResult, "winner" | "candidates">): PartResult {
  return {
    winner: winner?.algorithm ?? "WHOLE",
    blob: winner ? sha256(winner.patch) : "",
    patch_size: winner?.patch.length ?? 0,
    apply_memory: winner?.cost.memoryBytes ?? 0,
    apply_time_ms: Math.round(1000 * (winner?.cost.seconds ?? 0)),
    candidates: candidates.map(encodeCandidate),
  };
}

/** @param patch proven to have the digest; undefined where the whole travels */
export function decodeResult(
  { winner, apply_memory, apply_time_ms, candidates }: PartResult,
  patch: Uint8Array | undefined,
): Pick<DiffResult, "winner" | "candidates"> {
  const cost = { memoryBytes: apply_memory, seconds: apply_time_ms / 1000 };
  return {
    winner: winner === "WHOLE" || !patch ? undefined : { algorithm: winner, patch, cost },
    candidates: candidates.map(decodeCandidate),
  };
}

function encodeCandidate({ algorithm, outcome, sizeBytes, cost, note }: Candidate): PartCandidate {
  return {
    ...{ algorithm, outcome, note },
    patch_size: sizeBytes ?? 0,
    apply_memory: cost?.memoryBytes ?? 0,
    apply_time_ms: Math.round(1000 * (cost?.seconds ?? 0)),
  };
}

function decodeCandidate({
  patch_size,
  apply_memory,
  apply_time_ms,
  ...candidate
}: PartCandidate): Candidate {
  const isMade = patch_size > 0;
  return {
    ...candidate,
    sizeBytes: isMade ? patch_size : undefined,
    cost: isMade ? { memoryBytes: apply_memory, seconds: apply_time_ms / 1000 } : undefined,
  };
}
