/**
 * Deltas for other programs, the device's half: apply, verify, find, and apply with the whole target to fall back to.
 *
 *   const engine = new DeltaUpdateEngine({ applyMemory: 96 * 2 ** 20 });
 *   const found = engine.findDelta({ path: "bin/app", sha256, installed, deltas: deltaManifest.deltas });
 *   if (found.kind === "found")
 *     await engine.applyDelta({ delta: found.delta, source: "bin/app", patch, target: "bin/app.new", whole });
 *
 * Sizes are bytes, digests SHA-256 in lower-case hex. Failures are ThemisError: `refused` for wrong bytes (DELTA_*,
 * SOURCE_DIGEST_MISMATCH, TARGET_DIGEST_MISMATCH), `failed` for APPLY_MEMORY, `usage` for a digest that is none; the system's errors and an
 * abort's reason come as they are. A target takes its name only when it is proven, with one rename.
 * Making patches is the publisher's half: `DeltaUpdateEngine` of the main entry has both.
 */
import { statSync } from "node:fs";
import { mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { checkOutput, isSameFile, partOfFile, syncFolder, writeFileAtomically } from "../base/atomic-file.ts";
import { type ByteSource, growingFileSource, memorySource } from "../base/byte-source.ts";
import { isSha256, sha256OfFile } from "../base/digest.ts";
import { ThemisError } from "../base/error.ts";
import { applyPatch, recognisePatch } from "../format/delta/algorithm.ts";
import { applyCost } from "../format/delta/apply-cost.ts";
import { DeltaError } from "../format/delta/error.ts";
import type { Algorithm, Delta } from "../format/manifest/delta-manifest.ts";
import {
  type Applied,
  applyDelta,
  checkMemory,
  checkSource,
  mismatch,
  openSources,
  type PatchPlace,
} from "./apply-delta.ts";
import { type DeltaSearch, type FoundDelta, findDelta } from "./find-delta.ts";
import { type Content, proving } from "./write-proven.ts";

export type DeltaEngineOptions = {
  /** What this device may spend to apply one delta, in bytes beyond what Node takes to start; default: all there is. */
  readonly applyMemory?: number;
};

export type DeltaProgress = {
  readonly phase: "applying" | "verifying" | "generating";
  /** Of the target; while generating, of the candidates: counted, not bytes. */
  readonly done: number;
  readonly total: number;
};

type Watched = {
  readonly signal?: AbortSignal | undefined;
  readonly progress?: ((event: DeltaProgress) => void) | undefined;
};

export type ApplyRequest = {
  /** A file. */
  readonly source: string;
  /** A file that is a patch of any format we read. */
  readonly patch: string;
  /** A file that may be there: it is replaced when all is proven. */
  readonly target: string;
  /** Refuse another source; default: not asked. */
  readonly sourceSha256?: string | undefined;
  /** Refuse another result; default: whatever the patch makes. */
  readonly sha256?: string | undefined;
  /** Refuse a larger result, in bytes; default 2 GiB - 1. */
  readonly maxBytes?: number | undefined;
} & Watched;

export type VerifyRequest = Omit<ApplyRequest, "target"> & {
  /** A file that the result must equal; default: not asked. */
  readonly target?: string | undefined;
};

export type PatchResult = {
  readonly algorithm: Algorithm;
  readonly patchBytes: number;
  readonly targetBytes: number;
  /** Of the target. */
  readonly sha256: string;
  /** What applying it may take, in bytes (schemas/delta-manifest.md). */
  readonly applyMemory: number;
};

export type ApplyDeltaRequest = {
  readonly delta: Delta;
  /** The installed file; its digest is compared with `base_hash`. */
  readonly source: string;
  /** The patch: a file of its own, or its place in a pack. */
  readonly patch: string | PatchPlace;
  /** A file that may be there: it is replaced when all is proven. */
  readonly target: string;
  /** Permissions; default 0o644. */
  readonly mode?: number | undefined;
  /** Brings the whole target when the delta cannot be used; asked at most once, and its bytes are proven too. */
  readonly whole: (delta: Delta, why: string) => Promise<Content>;
} & Watched;

/** No asset is larger, so no whole target that could stand in for a delta is. */
const MAX_TARGET_BYTES = 2 ** 31 - 1;
const DEFAULT_MODE = 0o644;

type Opened = {
  readonly result: Omit<PatchResult, "sha256">;
  /** Proves as it makes them; `back` gives back what was made. */
  readonly pieces: (back: ByteSource, phase: DeltaProgress["phase"]) => ReturnType<typeof proving>;
  readonly readsTarget: boolean;
};

export class DeltaUpdateEngine {
  readonly applyMemory: number | undefined;

  constructor({ applyMemory }: DeltaEngineOptions = {}) {
    this.applyMemory = applyMemory;
  }

  /** Which delta rebuilds a target from what is installed; pure. The engine's bound holds when none is given. */
  findDelta(search: DeltaSearch): FoundDelta {
    return findDelta({ ...search, applyMemory: search.applyMemory ?? this.applyMemory });
  }

  /** Rebuilds a file. @throws DeltaError; FetchError SOURCE_DIGEST_MISMATCH, TARGET_DIGEST_MISMATCH; ThemisError USAGE */
  async apply(request: ApplyRequest): Promise<PatchResult> {
    const { source, patch, target } = request;
    checkOutput(target);
    if (isSameFile(patch, target))
      throw new ThemisError("USAGE", "usage", `${target} is the patch; name another place for the target`);
    // What replaces a program stays one.
    const replaced = statSync(target, { throwIfNoEntry: false }) ?? statSync(source);
    return this.#opened(request, request.sha256, async ({ result, pieces }) => {
      const part = partOfFile(target);
      const back = growingFileSource(part);
      try {
        const made = pieces(back, "applying");
        await writeFileAtomically(target, made.pieces, { part, mode: replaced.mode & 0o777 });
        return { ...result, sha256: made.digest() };
      } finally {
        back.close();
      }
    });
  }

  /** The same, and nothing is written: which file does the patch make, and is it the one that was expected? */
  async verify(request: VerifyRequest): Promise<PatchResult> {
    const { target, signal } = request;
    const expected =
      request.sha256 ?? (target === undefined ? undefined : await sha256OfFile(target, signal));
    return this.#opened(request, expected, async ({ result, pieces, readsTarget }) => {
      if (readsTarget) return verifySpooled(result, pieces);
      const made = pieces(NOTHING_WRITTEN, "verifying");
      for await (const _ of made.pieces);
      return { ...result, sha256: made.digest() };
    });
  }

  /**
   * Rebuilds one target from its delta; when that fails, or needs more memory than this device may spend, from
   * the whole, which `whole` brings. What happened and why is said once, by what is returned.
   *
   * @throws FetchError TARGET_DIGEST_MISMATCH when the whole target is another one; what `whole` throws
   */
  async applyDelta(request: ApplyDeltaRequest): Promise<Applied> {
    const { delta, source, patch, target, mode = DEFAULT_MODE, whole, signal, progress } = request;
    checkOutput(target);
    const part = partOfFile(target);
    const total = delta.target_size;
    const applied = await applyDelta({
      delta,
      sourcePath: source,
      patch: typeof patch === "string" ? { path: patch, offset: 0, length: delta.patch_size } : patch,
      outPath: part,
      mode,
      applyMemory: this.applyMemory,
      whole: (why) => whole(delta, why),
      signal,
      written: (done) => progress?.({ phase: "applying", done, total }),
    });
    await rename(part, target);
    syncFolder(dirname(target));
    return applied;
  }

  async #opened<T>(
    request: VerifyRequest,
    sha256: string | undefined,
    use: (opened: Opened) => Promise<T>,
  ): Promise<T> {
    const { source, patch, sourceSha256, maxBytes = MAX_TARGET_BYTES, signal, progress } = request;
    for (const digest of [request.sha256, sourceSha256]) refuseNoDigest(digest);
    if (!Number.isSafeInteger(maxBytes) || maxBytes < 0)
      throw new ThemisError("USAGE", "usage", `maxBytes takes bytes, not ${maxBytes}`);
    if (sourceSha256 !== undefined) await checkSource(source, sourceSha256.toLowerCase(), signal);
    const files = openSources(source, { path: patch, offset: 0, length: undefined });
    try {
      const { algorithm, targetSize, readsTarget } = recognisePatch(files.patch).describe(files.patch);
      if (targetSize === undefined || targetSize > maxBytes) {
        throw new DeltaError(
          "DELTA_SIZE",
          `the patch makes a file of ${targetSize ?? "unknown"} bytes, more than the ${maxBytes} allowed`,
        );
      }
      const sizes = { sourceBytes: files.source.size, targetBytes: targetSize };
      const { memoryBytes } = applyCost(algorithm, files.patch, sizes);
      checkMemory(memoryBytes, this.applyMemory);
      return await use({
        result: {
          algorithm,
          patchBytes: files.patch.size,
          targetBytes: targetSize,
          applyMemory: memoryBytes,
        },
        readsTarget,
        pieces: (written, phase) =>
          proving(
            applyPatch({ algorithm, source: files.source, patch: files.patch, written, targetSize }),
            { sizeBytes: targetSize, sha256: sha256?.toLowerCase() },
            {
              otherwise: (found) => mismatch("the target", `from ${patch}: ${found}`),
              signal,
              written: (done) => progress?.({ phase, done, total: targetSize }),
            },
          ),
      });
    } finally {
      files.close();
    }
  }
}

/** Of a patch that never reads its target back. */
const NOTHING_WRITTEN: ByteSource = memorySource(new Uint8Array());

/** The few patches that copy from their own target (VCD_TARGET) need it somewhere: a file that is gone afterwards. */
async function verifySpooled(result: Opened["result"], pieces: Opened["pieces"]): Promise<PatchResult> {
  const folder = await mkdtemp(join(tmpdir(), "themis-verify-"));
  const back = growingFileSource(join(folder, "target"));
  try {
    const made = pieces(back, "verifying");
    await writeFile(join(folder, "target"), made.pieces);
    return { ...result, sha256: made.digest() };
  } finally {
    back.close();
    await rm(folder, { recursive: true, force: true });
  }
}

function refuseNoDigest(digest: string | undefined): void {
  if (digest === undefined || isSha256(digest.toLowerCase())) return;
  throw new ThemisError("USAGE", "usage", `${JSON.stringify(digest)} is not a SHA-256 in 64 hex digits`);
}
