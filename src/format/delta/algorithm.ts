/**
 * Every patch format we read, behind one small interface.
 *
 * A format is pure: source and patch in, target out. It proves that the patch is well formed; that the
 * target is the right one is proven by its digest, by whoever asked.
 */
import type { Algorithm } from "../manifest/delta-manifest.ts";
import { applyBsdiff40, isBsdiff40, readBsdiff40Header } from "./bsdiff40/bsdiff40.ts";
import { DeltaError } from "./error.ts";
import { applyZstdDict, isZstd, readZstdFrame } from "./zstd-dict/zstd-dict.ts";

export type PatchRequest = {
  readonly source: Uint8Array;
  readonly patch: Uint8Array;
  /** Exactly what the patch must make, in bytes. */
  readonly targetSize: number;
};

export type PatchDescription = {
  readonly algorithm: Algorithm;
  /** undefined when the patch does not say. */
  readonly targetSize: number | undefined;
  readonly details: Readonly<Record<string, number | string>>;
};

export type PatchFormat = {
  readonly algorithm: Algorithm;
  readonly recognises: (patch: Uint8Array) => boolean;
  readonly apply: (request: PatchRequest) => Uint8Array;
  readonly describe: (patch: Uint8Array) => PatchDescription;
};

const bsdiff: PatchFormat = {
  algorithm: "BSDIFF",
  recognises: isBsdiff40,
  apply: applyBsdiff40,
  describe: (patch) => {
    const { targetSize, controlBytes, diffBytes, extraBytes } = readBsdiff40Header(patch);
    return { algorithm: "BSDIFF", targetSize, details: { controlBytes, diffBytes, extraBytes } };
  },
};

const zstdDict: PatchFormat = {
  algorithm: "ZSTD_DICT",
  recognises: isZstd,
  apply: applyZstdDict,
  describe: (patch) => {
    const { contentBytes, windowBytes, checksum } = readZstdFrame(patch);
    return {
      algorithm: "ZSTD_DICT",
      targetSize: contentBytes,
      details: { windowBytes, checksum: checksum ? "yes" : "no" },
    };
  },
};

export const patchFormats: readonly PatchFormat[] = [bsdiff, zstdDict];

/** @throws DeltaError */
export function applyPatch({
  algorithm,
  ...request
}: PatchRequest & { readonly algorithm: Algorithm }): Uint8Array {
  const format = patchFormats.find((each) => each.algorithm === algorithm);
  if (!format)
    throw new DeltaError("DELTA_ALGORITHM", `there is no patch format ${JSON.stringify(algorithm)}`);
  return format.apply(request);
}

/** @throws DeltaError DELTA_MAGIC */
export function recognisePatch(patch: Uint8Array): PatchFormat {
  const format = patchFormats.find((each) => each.recognises(patch));
  if (!format) throw new DeltaError("DELTA_MAGIC", "the file is no patch that we know (BSDIFF40, zstd)");
  return format;
}
