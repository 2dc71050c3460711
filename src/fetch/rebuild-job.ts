/**
 * One target made where nothing is yet: from a patch and its source, from a copy in the tree, or from its whole blob.
 *
 * A job is plain data, so any thread can carry it out; all of it streams, and what does not have the digest of
 * the manifest is gone when this throws.
 */
import { pipeline } from "node:stream/promises";
import { constants, createZstdDecompress } from "node:zlib";
import { systemCode } from "../base/error.ts";
import { InputError, openRegularFile } from "../base/input-file.ts";
import type { Delta } from "../format/manifest/delta-manifest.ts";
import type { Target } from "../format/manifest/manifest.ts";
import type { Verified } from "../trust/verified.ts";
import { isUnreadable, mismatch, type PatchPlace, patchInto } from "./apply-delta.ts";
import { FetchError } from "./fetch-error.ts";
import { takeObject } from "./store/store-object.ts";
import { writeProven } from "./write-proven.ts";

export type RebuildJob = {
  readonly target: Verified<Target>;
  readonly outPath: string;
  readonly from:
    | {
        readonly kind: "patch";
        readonly delta: Verified<Delta>;
        readonly sourcePath: string;
        readonly patch: PatchPlace;
      }
    /** `from` is what the plan calls it. */
    | { readonly kind: "copy"; readonly sourcePath: string; readonly from: string }
    /** An object of a store, by the digest that is wanted. */
    | { readonly kind: "store"; readonly store: string }
    | {
        readonly kind: "whole";
        readonly pack: string;
        readonly offset: number;
        readonly length: number;
        readonly encoding: "none" | "identity" | "zstd";
      };
};

type Copy = Extract<RebuildJob["from"], { kind: "copy" }>;

/** zstd's own default: a frame that wants more is none of ours. */
const MAX_WINDOW_LOG = 27;

/** @throws FetchError, DeltaError: this way does not lead to the target; the system's errors; the signal's reason */
export async function carryOut(job: RebuildJob, signal?: AbortSignal): Promise<void> {
  const { from, outPath } = job;
  const { path, size_bytes: sizeBytes, sha256_hash: sha256 } = job.target;
  const mode = modeOf(job.target);
  switch (from.kind) {
    case "patch":
      return patchInto({ ...from, outPath, mode, signal });
    case "copy":
      return write(job, copied(from, path), `from ${from.from}, which changed meanwhile`, signal);
    case "store":
      return takeObject({ store: from.store, sha256, sizeBytes, mode, outPath });
    case "whole": {
      const { pack, offset, length, encoding } = from;
      if (length === 0) return write(job, new Uint8Array(), "of the whole target", signal);
      const stored = partOfPack(pack, offset, length);
      const content = encoding === "zstd" ? decompressed(stored, path) : stored;
      return write(job, content, "of the whole target", signal);
    }
  }
}

async function write(
  { target, outPath }: RebuildJob,
  content: Uint8Array | AsyncIterable<Uint8Array>,
  how: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { path, size_bytes: sizeBytes, sha256_hash: sha256 } = target;
  const promised = { sizeBytes, sha256, mode: modeOf(target) };
  const otherwise = (found: string): Error => mismatch(path, `${how}: ${found}`);
  await writeProven(outPath, content, promised, { otherwise, signal });
}

/** Permissions, such as 0o755. */
function modeOf({ permissions }: Target): number {
  return Number.parseInt(permissions, 8);
}

/** Opened when it is read, so that whoever reads hears of what fails. @throws FetchError PARTS_LOST */
async function* partOfPack(path: string, offset: number, length: number): AsyncGenerator<Uint8Array> {
  const { file } = await openRegularFile(path).catch((cause: unknown) => {
    if (!isUnreadable(cause) && !(cause instanceof InputError)) throw cause;
    throw new FetchError("PARTS_LOST", `what was fetched cannot be read any more: ${path}`, {
      cause,
      hint: "let nothing but themis-fetch into .themis, and run it again",
    });
  });
  yield* file.createReadStream({ start: offset, end: offset + length - 1 });
}

async function* copied({ sourcePath, from }: Copy, path: string): AsyncGenerator<Uint8Array> {
  try {
    const { file } = await openRegularFile(sourcePath);
    yield* file.createReadStream();
  } catch (cause) {
    if (!isUnreadable(cause)) throw cause;
    throw mismatch(path, `from ${from}, which cannot be read any more (${systemCode(cause)})`);
  }
}

async function* decompressed(stored: AsyncIterable<Uint8Array>, path: string): AsyncGenerator<Uint8Array> {
  const frame = createZstdDecompress({ params: { [constants.ZSTD_d_windowLogMax]: MAX_WINDOW_LOG } });
  const feeding = pipeline(stored, frame);
  // Whoever reads the frame hears of it.
  feeding.catch(() => {});
  try {
    yield* frame as AsyncIterable<Uint8Array>;
  } catch (cause) {
    if (!systemCode(cause)?.startsWith("ZSTD_") && systemCode(cause) !== "Z_BUF_ERROR") throw cause;
    throw mismatch(path, "of the whole target: it cannot be decompressed");
  } finally {
    frame.destroy();
  }
}
