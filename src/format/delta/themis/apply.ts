/** Applies a patch of THEMIS: the target comes forward in pieces; the source is read by position. */
import type { ByteSource } from "../../../base/byte-source.ts";
import { ThemisKernel, type ThemisRefusal } from "../../../kernel/themis-kernel.ts";
import { streamReader } from "../bzip2/decode.ts";
import { DeltaError } from "../error.ts";
import { readThemisHeader } from "./container.ts";

export type ThemisRequest = {
  readonly source: ByteSource;
  readonly patch: ByteSource;
  /** Exactly what the patch must make, in bytes. */
  readonly targetSize: number;
};

/** A piece is valid until the next one is asked for. @throws DeltaError */
export function* applyThemis({ source, patch, targetSize }: ThemisRequest): Generator<Uint8Array> {
  const { codedStart, old, now, ...shape } = readThemisHeader(patch);
  if (shape.targetSize !== targetSize) {
    throw new DeltaError(
      "DELTA_TARGET_SIZE",
      `the patch makes ${shape.targetSize} bytes, expected ${targetSize}`,
    );
  }
  if (shape.sourceSize !== source.size) {
    throw new DeltaError(
      "DELTA_OFFSET",
      `the patch is for a source of ${shape.sourceSize} bytes, this one has ${source.size}`,
    );
  }
  const kernel = ThemisKernel.take({
    readSource: source.read,
    readCoded: streamReader(patch, codedStart, patch.size),
    refuse: refuseThemis,
  });
  try {
    kernel.open(shape, old, now);
    for (let piece = kernel.next(); piece; piece = kernel.next()) yield piece;
  } finally {
    kernel.giveBack();
  }
}

const refusals: Readonly<Record<ThemisRefusal, ConstructorParameters<typeof DeltaError>>> = {
  "coded-truncated": ["DELTA_TRUNCATED", "the patch ends before its target does"],
  "coded-trailing": ["DELTA_TRAILING", "the patch holds data that nothing uses"],
  "copy-beyond-source": ["DELTA_OFFSET", "the patch copies from beyond the end of its source"],
  "cover-beyond-target": ["DELTA_SIZE", "the patch writes beyond the end of its target"],
};

/** @throws DeltaError */
export function refuseThemis(reason: ThemisRefusal): never {
  throw new DeltaError(...refusals[reason]);
}
