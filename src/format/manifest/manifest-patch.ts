/**
 * The next manifest as a patch of one that a device keeps: `manifest-<SHA-256 of the kept one>.patch`, BSDIFF40.
 *
 * No document names it, because the manifest that would is the one that it makes. It needs no proof of its
 * own: what comes out is believed by its signature or not at all, and what comes in reaches no native code:
 * bsdiff's numbers and bzip2 are read by our own bounded kernel.
 */
import { memorySource } from "../../base/byte-source.ts";
import { sha256 } from "../../base/digest.ts";
import { applyBsdiff } from "../delta/bsdiff/apply.ts";
import { isBsdiff, readBsdiffHeader } from "../delta/bsdiff/container.ts";
import { DeltaError } from "../delta/error.ts";
import { manifestKind } from "./manifest.ts";

/** Beside smaller ones none is made or asked for: they come in about as many packets as a patch. */
export const LEAST_PATCHED_BYTES: number = 16 << 10;

/** A larger patch saves too little. */
export const MAX_MANIFEST_PATCH_BYTES: number = manifestKind.maxBytes / 2;

export function manifestPatchName(keptManifest: Uint8Array): string {
  return `manifest-${sha256(keptManifest)}.patch`;
}

/** @returns bytes that nobody has proven yet, at most as long as a manifest may be. @throws DeltaError */
export async function applyManifestPatch(kept: Uint8Array, patchBytes: Uint8Array): Promise<Uint8Array> {
  const patch = memorySource(patchBytes);
  if (!isBsdiff(patchBytes)) throw new DeltaError("DELTA_MAGIC", "the patch of a manifest is BSDIFF40");
  const { container, targetSize } = readBsdiffHeader(patch);
  if (container !== "bsdiff40") throw new DeltaError("DELTA_MAGIC", "the patch of a manifest is BSDIFF40");
  if (targetSize > manifestKind.maxBytes)
    throw new DeltaError("DELTA_SIZE", `the patch makes a manifest of ${targetSize} bytes`);
  const made = Buffer.alloc(targetSize);
  let bytes = 0;
  for await (const piece of applyBsdiff({ source: memorySource(kept), patch, targetSize })) {
    made.set(piece, bytes);
    bytes += piece.length;
  }
  return made;
}
