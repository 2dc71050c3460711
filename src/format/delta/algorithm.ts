/**
 * Every patch format we read, behind one small interface.
 *
 * A format is pure: source and patch in, target out, forward and in pieces. It proves that the patch is
 * well formed; that the target is the right one is proven by its digest, by whoever asked.
 */
import { type ByteSource, readAll } from "../../base/byte-source.ts";
import type { Algorithm } from "../manifest/delta-manifest.ts";
import { isArchivePatch, readArchivePatch } from "./archive/container.ts";
import { describeEncoder, encoderOf } from "./archive/encoder.ts";
import { expandedBytes, fileBytes } from "./archive/recipe.ts";
import { applyBsdiff } from "./bsdiff/apply.ts";
import { isBsdiff, readBsdiffHeader } from "./bsdiff/container.ts";
import { DeltaError } from "./error.ts";
import { isThemis } from "./themis/container.ts";
import { describeThemis } from "./themis/describe.ts";
import { decodeVcdiff } from "./vcdiff/decode.ts";
import { describeVcdiff, isVcdiff } from "./vcdiff/describe.ts";
import { applyZstdDict, isZstd, readZstdFrame } from "./zstd-dict/zstd-dict.ts";

export type PatchRequest = {
  readonly source: ByteSource;
  readonly patch: ByteSource;
  /** Gives back what was yielded, for the few patches (VCD_TARGET) that read their own target. */
  readonly written: ByteSource;
  /** Exactly what the patch must make, in bytes. */
  readonly targetSize: number;
};

export type PatchDescription = {
  readonly algorithm: Algorithm;
  /** undefined when the patch does not say. */
  readonly targetSize: number | undefined;
  /** Whether applying reads back what it has made: then `written` is asked. */
  readonly readsTarget: boolean;
  readonly details: Readonly<Record<string, number | string>>;
};

export type PatchFormat = {
  readonly algorithm: Algorithm;
  /** From the first bytes of a patch. */
  readonly recognises: (start: Uint8Array) => boolean;
  /** Pieces of the target, each valid until the next is asked for. */
  readonly apply: (request: PatchRequest) => AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
  readonly describe: (patch: ByteSource) => PatchDescription;
};

/** More than any format's magic and frame header. */
const START_BYTES = 64;

const bsdiff: PatchFormat = {
  algorithm: "BSDIFF",
  recognises: isBsdiff,
  apply: applyBsdiff,
  describe: (patch) => {
    const { container, targetSize, parts } = readBsdiffHeader(patch);
    const lengths = Object.entries(parts).map(([name, { start, end, compressor }]) => [
      `${name}Bytes`,
      `${end - start} (${compressor})`,
    ]);
    const details = { container, ...Object.fromEntries(lengths) };
    return { algorithm: "BSDIFF", targetSize, readsTarget: false, details };
  },
};

const vcdiff: PatchFormat = {
  algorithm: "VCDIFF",
  recognises: (start) => isVcdiff(start) && !usesSecondary(start),
  apply: decodeVcdiff,
  describe: (patch) => describeAs("VCDIFF", patch),
};

/** VCDIFF with what only xdelta3 adds to it: secondary compression. */
const xdelta3: PatchFormat = {
  algorithm: "XDELTA3",
  recognises: (start) => isVcdiff(start) && usesSecondary(start),
  apply: decodeVcdiff,
  describe: (patch) => describeAs("XDELTA3", patch),
};

/** VCD_DECOMPRESS of Hdr_Indicator (RFC 3284, section 4.1). */
function usesSecondary(start: Uint8Array): boolean {
  return (start[4]! & 1) === 1;
}

function describeAs(algorithm: Algorithm, patch: ByteSource): PatchDescription {
  const { targetSize, usesTarget, checksum, appHeader, decompressedBytes, ...details } =
    describeVcdiff(patch);
  return {
    algorithm,
    targetSize,
    readsTarget: usesTarget,
    details: {
      ...details,
      ...(appHeader !== undefined && { appHeader }),
      ...(decompressedBytes.some((bytes) => bytes > 0) && {
        decompressedBytes: decompressedBytes.join(" + "),
      }),
      usesTarget: usesTarget ? "yes" : "no",
      checksum: checksum ? "yes" : "no",
    },
  };
}

const zstdDict: PatchFormat = {
  algorithm: "ZSTD_DICT",
  recognises: isZstd,
  apply: applyZstdDict,
  describe: (patch) => {
    const { contentBytes, windowBytes, checksum } = readZstdFrame(startOf(patch));
    return {
      algorithm: "ZSTD_DICT",
      targetSize: contentBytes,
      readsTarget: false,
      details: { windowBytes, checksum: checksum ? "yes" : "no" },
    };
  },
};

/** Of files, executables among them. */
const themis: PatchFormat = {
  algorithm: "THEMIS",
  recognises: isThemis,
  apply: async function* (request) {
    // Loaded when it is used: most patches are of another format.
    const { applyThemis } = await import("./themis/apply.ts");
    yield* applyThemis(request);
  },
  describe: (patch) => {
    const { targetSize, ...details } = describeThemis(patch);
    return { algorithm: "THEMIS", targetSize, readsTarget: false, details };
  },
};

/** The same algorithm, another kind: told by its magic. */
const themisArchive: PatchFormat = {
  algorithm: "THEMIS",
  recognises: isArchivePatch,
  apply: async function* (request) {
    // Loaded when it is used: most patches are of another format.
    const { applyArchive } = await import("./archive/apply.ts");
    const written = { size: 0, read: refuseToReadBack };
    yield* applyArchive(request, (inner) => applyPatch({ ...inner, written }));
  },
  describe: (patch) => {
    const { recipe, algorithm, inner } = readArchivePatch(patch);
    const { source, target } = recipe;
    const encoders = new Set(target.parts.map(({ encoder }) => describeEncoder(encoderOf(encoder)!)));
    return {
      algorithm: "THEMIS",
      targetSize: fileBytes(target),
      readsTarget: false,
      details: {
        streams: `${source.parts.length} in the source, ${target.parts.length} in the target`,
        encoders: [...encoders].join(", "),
        sourceExpandedBytes: expandedBytes(source),
        targetExpandedBytes: expandedBytes(target),
        inner: `${algorithm}, ${inner.size} bytes`,
      },
    };
  },
};

/** What a patch made stands nowhere as the patch inside made it. */
function refuseToReadBack(): never {
  throw new DeltaError("DELTA_CORRUPT", "the patch in the patch reads what it made, which none may there");
}

export const patchFormats: readonly PatchFormat[] = [
  bsdiff,
  vcdiff,
  xdelta3,
  zstdDict,
  themis,
  themisArchive,
];

/** @throws DeltaError, before the first piece or while pieces come */
export function applyPatch({
  algorithm,
  ...request
}: PatchRequest & { readonly algorithm: Algorithm }): AsyncIterable<Uint8Array> | Iterable<Uint8Array> {
  const start = startOf(request.patch);
  const named = patchFormats.filter((each) => each.algorithm === algorithm);
  const format = named.find((each) => each.recognises(start)) ?? named[0];
  if (!format)
    throw new DeltaError("DELTA_ALGORITHM", `there is no patch format ${JSON.stringify(algorithm)}`);
  return format.apply(request);
}

/** @throws DeltaError DELTA_MAGIC */
export function recognisePatch(patch: ByteSource): PatchFormat {
  const start = startOf(patch);
  const format = patchFormats.find((each) => each.recognises(start));
  if (!format)
    throw new DeltaError(
      "DELTA_MAGIC",
      "the file is no patch that we know (BSDIFF40, BSDF2, ENDSLEY, VCDIFF, zstd, THEMIS)",
    );
  return format;
}

function startOf({ size, read }: ByteSource): Uint8Array {
  return readAll({ size: Math.min(size, START_BYTES), read });
}
