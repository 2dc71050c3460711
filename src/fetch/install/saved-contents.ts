/**
 * Files as they were, out of restore points: copied, unpacked, or rebuilt from the file that took their place.
 *
 *   point 2 (newest)   app.1  =  patch for the installed app.2
 *   point 1            app.0  =  patch for app.1, which point 2 gives
 *
 * What is rebuilt counts only with the digest of what was saved.
 */
import { constants, copyFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { createZstdDecompress } from "node:zlib";
import { syncFile } from "../../base/atomic-file.ts";
import { openFileSource } from "../../base/byte-source.ts";
import { sha256OfFile } from "../../base/digest.ts";
import { openRegularFile } from "../../base/input-file.ts";
import { applyPatch } from "../../format/delta/algorithm.ts";
import type { ContentRecord, EntryRecord } from "../../format/record/restore-point.ts";
import { FetchError } from "../fetch-error.ts";
import type { DevicePlace } from "../place.ts";
import { isSameEntry, linksAmong, lookAt, scanEntry } from "../scan.ts";
import { type Content, writeProven } from "../write-proven.ts";
import { type RestorePoint, storedName } from "./restore-point.ts";

type Saved = Pick<EntryRecord, "path" | "sha256" | "permissions">;

/** Until its mode is asked for, a file on the way is its owner's alone. */
const PRIVATE = "0600";

export class SavedContents {
  readonly #place: Pick<DevicePlace, "root" | "staged">;
  readonly #points: readonly RestorePoint[];
  readonly #contents: readonly ReadonlyMap<string, ContentRecord>[];
  /** What each point saved of a path, by digest. */
  readonly #entries: readonly ReadonlyMap<string, string>[];
  readonly #links: Map<string, boolean>;
  readonly #installed = new Map<string, EntryRecord>();
  #made = 0;
  /** Installed files that something was rebuilt from. */
  readonly bases = new Set<string>();

  /** @param points newest first */
  constructor(place: Pick<DevicePlace, "root" | "staged">, points: readonly RestorePoint[]) {
    this.#place = place;
    this.#points = points;
    this.#links = linksAmong(
      place.root,
      points.flatMap(({ document }) => document.entries.map(({ path }) => path)),
    );
    this.#entries = points.map(
      ({ document }) => new Map(document.entries.map(({ path, sha256 }) => [path, sha256])),
    );
    this.#contents = points.map(
      ({ document }) => new Map(document.contents.map((content) => [content.sha256, content])),
    );
  }

  /**
   * @param at which point saved it @param out where nothing is yet
   * @throws FetchError RESTORE_BASE_CHANGED, RESTORE_POINT_TAMPERED; DeltaError; the system's errors
   */
  async bring(at: number, saved: Saved, out: string): Promise<void> {
    const { folder } = this.#points[at]!;
    const content = this.#contents[at]!.get(saved.sha256);
    if (!content) throw this.#wrong(at, saved.path, "nothing of it was saved");
    const stored = join(folder, storedName(content));
    const proven = (made: Content): Promise<string> => this.#proven(at, saved, content, made, out);
    if (content.form === "copy") return copyTo(stored, out);
    if (content.form === "zstd") {
      await proven(unpacked(stored));
      return;
    }
    // A rollback that was cut may have put it into its place already.
    for (const path of [saved.path, content.base_path]) {
      if (await this.#isInstalled(path, saved.sha256)) return this.#copyInstalled(at, saved, path, out);
    }
    const base = await this.#baseOf(at, content);
    try {
      if (content.form === "bsdiff") await patched(base, stored, content.size, proven);
      else await copyTo(base, out);
    } finally {
      if (base.startsWith(this.#place.staged)) await rm(base, { force: true });
    }
  }

  /** The installed file, or what the nearest newer point saved of it. */
  async #baseOf(at: number, { base_path: path, base_sha256: wanted }: ContentRecord): Promise<string> {
    if (await this.#isInstalled(path, wanted)) {
      this.bases.add(path);
      return join(this.#place.root, path);
    }
    const newer = this.#entries.slice(0, at).findLastIndex((entries) => entries.has(path));
    if (this.#entries[newer]?.get(path) !== wanted) throw this.#baseChanged(at, path);
    const out = join(this.#place.staged, `base-${this.#made++}`);
    await this.bring(newer, { path, sha256: wanted, permissions: PRIVATE }, out);
    return out;
  }

  /** A switch that failed has not come to most of its paths: they need no way back, and one that cannot be replaced has none. */
  async isAsSaved(saved: EntryRecord): Promise<boolean> {
    const { root } = this.#place;
    const seen = lookAt(root, saved.path, this.#links);
    if (seen.size !== saved.size || !isSameEntry({ ...seen, sha256: saved.sha256 }, saved)) return false;
    return seen.kind !== "file" || this.#isInstalled(saved.path, saved.sha256);
  }

  async #isInstalled(path: string, digest: string): Promise<boolean> {
    const found = this.#installed.get(path) ?? (await scanEntry(this.#place.root, path, this.#links));
    this.#installed.set(path, found);
    return found.kind === "file" && found.sha256 === digest;
  }

  async #copyInstalled(at: number, { sha256 }: Saved, path: string, out: string): Promise<void> {
    await copyTo(join(this.#place.root, path), out);
    this.bases.add(path);
    if ((await sha256OfFile(out)) !== sha256) throw this.#baseChanged(at, path);
  }

  async #proven(at: number, saved: Saved, { size }: ContentRecord, made: Content, out: string) {
    const promised = { sizeBytes: size, sha256: saved.sha256, mode: Number.parseInt(saved.permissions, 8) };
    const otherwise = (found: string): FetchError => this.#wrong(at, saved.path, found);
    return writeProven(out, made, promised, { otherwise });
  }

  #wrong(at: number, path: string, why: string): FetchError {
    const { id } = this.#points[at]!.record;
    return new FetchError("RESTORE_POINT_TAMPERED", `the restore point ${id} does not give ${path}: ${why}`, {
      hint: "nothing was changed; install a release again with themis-fetch update",
      facts: { path },
    });
  }

  #baseChanged(at: number, path: string): FetchError {
    const { id, toVersion } = this.#points[at]!.record;
    return new FetchError(
      "RESTORE_BASE_CHANGED",
      `${path} is not as ${toVersion} installed it, and the file before it is rebuilt from that one`,
      {
        hint: "nothing was changed; put it right with themis-fetch repair, then go back",
        facts: { path, restorePoint: id },
      },
    );
  }
}

async function copyTo(from: string, out: string): Promise<void> {
  await copyFile(from, out, constants.COPYFILE_FICLONE);
  await syncFile(out);
}

export async function* unpacked(path: string): AsyncGenerator<Uint8Array> {
  const { file } = await openRegularFile(path);
  const frame = createZstdDecompress();
  // What fails is thrown where the frame is read.
  pipeline(file.createReadStream(), frame).catch(() => {});
  yield* frame;
}

/** @param take what to do with the pieces, each valid until the next is asked for */
export async function patched<T>(
  basePath: string,
  patchPath: string,
  targetSize: number,
  take: (pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>) => Promise<T>,
): Promise<T> {
  const source = openFileSource(basePath);
  try {
    const patch = openFileSource(patchPath);
    try {
      // BSDIFF never reads back what it made.
      return await take(applyPatch({ algorithm: "BSDIFF", source, patch, written: source, targetSize }));
    } finally {
      patch.close();
    }
  } finally {
    source.close();
  }
}
