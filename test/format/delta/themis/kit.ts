/** Patches of THEMIS in memory. */
import { memorySource } from "../../../../src/base/byte-source.ts";
import { DeltaError } from "../../../../src/format/delta/error.ts";
import { applyThemis } from "../../../../src/format/delta/themis/apply.ts";
import { createThemis } from "../../../../src/format/delta/themis/create.ts";

export function makeThemis(source: Uint8Array, target: Uint8Array): Uint8Array {
  return createThemis({
    source: memorySource(source),
    target: memorySource(target),
    memoryLimit: Number.POSITIVE_INFINITY,
  });
}

export function rebuild(source: Uint8Array, patch: Uint8Array, targetSize: number): Buffer {
  const pieces = applyThemis({ source: memorySource(source), patch: memorySource(patch), targetSize });
  return Buffer.concat(Array.from(pieces, (piece) => Buffer.from(piece)));
}

/** The code of the refusal, or "accepted". */
export function refusalOf(source: Uint8Array, patch: Uint8Array, targetSize: number): string {
  try {
    rebuild(source, patch, targetSize);
    return "accepted";
  } catch (error) {
    if (error instanceof DeltaError) return error.code;
    throw error;
  }
}
