/**
 * Rebuilds an archive: the source is expanded, the patch makes the expanded target, and each of its streams is
 * deflated again by the pinned encoder that made it.
 *
 * What the streams of the source hold is in memory, because a patch reads it anywhere; the target comes forward
 * in pieces.
 */
import type { ByteSource } from "../../../base/byte-source.ts";
import { DeflateKernel } from "../../../kernel/deflate-kernel.ts";
import type { Algorithm } from "../../manifest/delta-manifest.ts";
import { DeltaError } from "../error.ts";
import { type ArchivePatch, readArchivePatch } from "./container.ts";
import { encoderOf, settingsOf } from "./encoder.ts";
import { expandSource } from "./expanded-source.ts";
import { expandedBytes, fileBytes, type Layout, type TargetPart } from "./recipe.ts";

export type InnerPatch = {
  readonly algorithm: Algorithm;
  readonly source: ByteSource;
  readonly patch: ByteSource;
  readonly targetSize: number;
};

/** How the formats that may stand inside are applied; handed in, because they stand beside this one. */
export type ApplyInner = (patch: InnerPatch) => AsyncIterable<Uint8Array> | Iterable<Uint8Array>;

/** A piece is valid until the next one is asked for. @throws DeltaError */
export async function* applyArchive(
  request: { readonly source: ByteSource; readonly patch: ByteSource; readonly targetSize: number },
  applyInner: ApplyInner,
): AsyncGenerator<Uint8Array> {
  const { recipe, algorithm, inner }: ArchivePatch = readArchivePatch(request.patch);
  const makes = fileBytes(recipe.target);
  if (makes !== request.targetSize)
    throw new DeltaError(
      "DELTA_TARGET_SIZE",
      `the patch makes ${makes} bytes, expected ${request.targetSize}`,
    );
  if (fileBytes(recipe.source) !== request.source.size)
    throw new DeltaError("DELTA_SIZE", "the patch was made for a source of another length");
  const source = expandSource(request.source, recipe.source);
  const pieces = applyInner({ algorithm, source, patch: inner, targetSize: expandedBytes(recipe.target) });
  yield* foldUp(pieces, recipe.target);
}

/** From the expanded target to the target. */
async function* foldUp(
  pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  { parts, tailBytes }: Layout<TargetPart>,
): AsyncGenerator<Uint8Array> {
  const folding = new Folding([...parts, undefined], tailBytes);
  try {
    for await (const piece of pieces) yield* folding.take(piece);
    folding.end();
  } finally {
    folding.close();
  }
}

/** Where in the target's layout the next byte of the expanded target belongs. */
class Folding {
  readonly #parts: readonly (TargetPart | undefined)[];
  readonly #tailBytes: number;
  #index = -1;
  /** Of the bytes as they are, and then of the stream behind them. */
  #rawLeft = 0;
  #contentLeft = 0;
  #deflatedLeft = 0;
  #kernel: DeflateKernel | undefined;

  constructor(parts: readonly (TargetPart | undefined)[], tailBytes: number) {
    this.#parts = parts;
    this.#tailBytes = tailBytes;
    this.#next();
  }

  *take(piece: Uint8Array): Generator<Uint8Array> {
    for (let at = 0; at < piece.length; ) {
      this.#finishStreams();
      const rest = piece.length - at;
      if (this.#rawLeft > 0) {
        const bytes = Math.min(this.#rawLeft, rest);
        this.#rawLeft -= bytes;
        yield piece.subarray(at, at + bytes);
        at += bytes;
        continue;
      }
      if (!this.#kernel)
        throw new DeltaError("DELTA_SIZE", "the patch makes more than its recipe has room for");
      const bytes = Math.min(this.#contentLeft, rest);
      this.#contentLeft -= bytes;
      yield* this.#deflated(piece.subarray(at, at + bytes));
      at += bytes;
    }
  }

  /** @throws DeltaError DELTA_TRUNCATED */
  end(): void {
    this.#finishStreams();
    if (this.#rawLeft > 0 || this.#contentLeft > 0 || this.#index < this.#parts.length - 1)
      throw new DeltaError("DELTA_TRUNCATED", "the patch makes less than its recipe says");
  }

  close(): void {
    this.#kernel?.giveBack();
    this.#kernel = undefined;
  }

  /** Streams whose content is complete. */
  #finishStreams(): void {
    while (this.#rawLeft === 0 && this.#kernel && this.#contentLeft === 0) {
      if (this.#deflatedLeft !== 0) throw otherLength();
      this.close();
      this.#next();
    }
  }

  *#deflated(content: Uint8Array): Generator<Uint8Array> {
    for (const made of this.#kernel!.push(content, this.#contentLeft === 0)) {
      this.#deflatedLeft -= made.length;
      if (this.#deflatedLeft < 0) throw otherLength();
      yield made;
    }
  }

  #next(): void {
    const part = this.#parts[++this.#index];
    this.#rawLeft = part ? part.rawBytes : this.#tailBytes;
    if (!part) return;
    this.#contentLeft = part.contentBytes;
    this.#deflatedLeft = part.deflatedBytes;
    this.#kernel = DeflateKernel.take(settingsOf(encoderOf(part.encoder)!));
  }
}

function otherLength(): DeltaError {
  return new DeltaError(
    "DELTA_CORRUPT",
    "a stream of the target is deflated to another length than the patch says",
  );
}
