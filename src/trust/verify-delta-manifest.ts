/**
 * A delta manifest is believed because a believed manifest names its digest: one signature covers everything.
 *
 * Missing deltas cost bytes, wrong ones are an attack or a broken source; who asked has the words for that.
 */
import { sha256 } from "../base/digest.ts";
import {
  checkAgainstManifest,
  type DeltaManifest,
  decodeDeltaManifest,
} from "../format/manifest/delta-manifest.ts";
import type { DeltaManifestReference, Manifest } from "../format/manifest/manifest.ts";
import { markVerified, type Verified } from "./verified.ts";

export type VerifiedDeltaManifest = {
  readonly document: Verified<DeltaManifest>;
  readonly bytes: Verified<Uint8Array>;
};

/** @returns undefined for other bytes than the manifest names. @throws JsonError, DocumentError, PathError */
export function verifyDeltaManifest(
  bytes: Uint8Array,
  { sha256_hash, from_version }: Verified<DeltaManifestReference>,
  manifest: Verified<Manifest>,
): VerifiedDeltaManifest | undefined {
  if (sha256(bytes) !== sha256_hash) return undefined;
  const document = decodeDeltaManifest(bytes);
  checkAgainstManifest(document, from_version, manifest);
  return { document: markVerified(document), bytes: markVerified(bytes) };
}
