/**
 * A restore point made small once its release counts. Each saved file becomes whichever is the smallest:
 *
 *   nothing                an installed file has these very bytes, under whatever name
 *   a patch                BSDIFF40, from the installed file under its name back to it
 *   its zstd frame
 *   the copy               as it was
 *
 * Of our encoders and zstd's dictionary BSDIFF40 wins on eight of the nine pairs of bench/results/delta.md, by half and
 * more where files are large, in a quarter of the time and of the memory; the ninth has nothing to win.
 *
 * All of it grows in a folder beside the first, and is proven and synced before the records name it; then
 * the first folder goes. Killed anywhere, the records name a folder that is whole, and recover() removes the other.
 */
import { createReadStream } from "node:fs";
import { copyFile, link, mkdir, open, rm } from "node:fs/promises";
import { join } from "node:path";
import { constants, createZstdCompress } from "node:zlib";
import { syncFile } from "../../base/atomic-file.ts";
import { availableMemory } from "../../base/available-memory.ts";
import { sha256OfFile, sha256OfPieces } from "../../base/digest.ts";
import { Threads } from "../../base/threads.ts";
import type { ContentRecord, EntryRecord } from "../../format/record/restore-point.ts";
import type { RestorePointRecord } from "../device-records.ts";
import type { DevicePlace } from "../place.ts";
import { scanEntry } from "../scan.ts";
import type { DeviceState } from "../state.ts";
import { tidy } from "./close-entry.ts";
import { type Compacted, type CompactJob, makePatch } from "./compact-job.ts";
import type { CompactAnswer } from "./compact-worker.ts";
import { openRestorePoint, type RestorePoint, storedName, writeRestorePoint } from "./restore-point.ts";
import { unpacked } from "./saved-contents.ts";

/** A block of the disk: less than one cannot be saved. */
const BLOCK_BYTES = 4096;
/**
 * What is rebuilt from an installed file is lost when somebody edits that. Files that people edit are shorter than
 * this, and keep their own bytes.
 */
const LEAST_DEPENDENT_BYTES = 64 << 10;
/** Both files; 100 ns a byte, so no patch takes longer than a minute on the machine of README's figures. */
const MAX_PAIR_BYTES = 512 * 2 ** 20;
/** All pairs of one point, for the same reason. */
const MAX_TOTAL_BYTES = 2 * 2 ** 30;
/** With Node itself and the decoder that proves a patch, a process stays below 512 MiB. */
const MAX_MEMORY_BYTES = 384 * 2 ** 20;
/** Shorter pairs take some milliseconds, less than a thread takes to start. */
const HERE_BYTES = 512 << 10;
/** A third of a second for 10 MB; 19 takes ten times as long for a tenth less. */
const ZSTD_LEVEL = 9;

const THREADS = new Threads<CompactJob, CompactAnswer>("compact-worker", import.meta.url);

export type CompactOptions = {
  /** Whether what is installed is what this point was made before. */
  readonly isNewest: boolean;
  readonly signal?: AbortSignal | undefined;
};

/** @throws FetchError RESTORE_POINT_TAMPERED; the system's errors; the signal's reason. The point is as it was then. */
export async function compactRestorePoint(
  place: DevicePlace,
  state: DeviceState,
  record: RestorePointRecord,
  options: CompactOptions,
): Promise<void> {
  const point = await openRestorePoint(place.restore, record);
  const made = await makeSmaller(place, state, point, options);
  // Should this fail, only the records know which folder counts, and recover() asks them.
  state.replaceRestorePoint({ ...record, ...made, kind: "compact" });
  if (made) await tidy(point.folder);
}

/** @returns undefined when nothing of it can be smaller */
async function makeSmaller(
  place: DevicePlace,
  state: DeviceState,
  point: RestorePoint,
  { isNewest, signal }: CompactOptions,
): Promise<Pick<RestorePointRecord, "folder" | "sha256" | "bytes"> | undefined> {
  const folder = `${point.record.id}.compact`;
  const into = join(place.restore, folder);
  await rm(into, { recursive: true, force: true });
  await mkdir(into, { mode: 0o700 });
  try {
    const compactor = new Compactor(place.root, into, point, isNewest ? state.files() : [], signal);
    const contents: ContentRecord[] = [];
    for (const content of point.document.contents) {
      signal?.throwIfAborted();
      contents.push(await compactor.compact(content));
    }
    if (contents.some(({ form }) => form !== "copy"))
      return await writeRestorePoint(place.restore, folder, { ...point.document, contents });
  } catch (error) {
    await tidy(into);
    throw error;
  }
  await tidy(into);
  return undefined;
}

class Compactor {
  readonly #root: string;
  readonly #into: string;
  readonly #point: RestorePoint;
  readonly #installed: ReadonlyMap<string, EntryRecord>;
  readonly #byDigest: ReadonlyMap<string, EntryRecord>;
  readonly #pathsOf: ReadonlyMap<string, readonly string[]>;
  readonly #signal: AbortSignal | undefined;
  #comparedBytes = 0;

  constructor(
    root: string,
    into: string,
    point: RestorePoint,
    installed: readonly EntryRecord[],
    signal: AbortSignal | undefined,
  ) {
    this.#signal = signal;
    this.#root = root;
    this.#into = into;
    this.#point = point;
    const files = installed.filter(({ kind }) => kind === "file");
    this.#installed = new Map(files.map((file) => [file.path, file]));
    this.#byDigest = new Map(files.map((file) => [file.sha256, file]));
    const saved = point.document.entries.filter(({ kind }) => kind === "file");
    this.#pathsOf = new Map(
      [...Map.groupBy(saved, ({ sha256 }) => sha256)].map(([digest, entries]) => [
        digest,
        entries.map(({ path }) => path),
      ]),
    );
  }

  async compact(content: ContentRecord): Promise<ContentRecord> {
    const { size } = content;
    if (size > BLOCK_BYTES) {
      const mayDepend = size >= LEAST_DEPENDENT_BYTES;
      const small =
        (mayDepend && (await this.#same(content))) ||
        (await this.#smaller(content, await this.#compressed(content), mayDepend));
      if (small) return small;
    }
    await linkOrCopy(this.#saved(content), join(this.#into, storedName(content)));
    return content;
  }

  async #same(content: ContentRecord): Promise<ContentRecord | undefined> {
    const base = this.#byDigest.get(content.sha256);
    if (!base || !(await this.#isThere(base))) return undefined;
    return {
      ...{ ...content, form: "same", stored_sha256: "", stored_size: 0 },
      ...{ base_path: base.path, base_sha256: base.sha256 },
    };
  }

  async #smaller(
    content: ContentRecord,
    frame: ContentRecord | undefined,
    mayDepend: boolean,
  ): Promise<ContentRecord | undefined> {
    const patch = mayDepend ? await this.#patch(content, frame?.stored_size ?? content.size) : undefined;
    if (patch && frame) await rm(join(this.#into, storedName(frame)));
    return patch ?? frame;
  }

  async #patch(content: ContentRecord, bound: number): Promise<ContentRecord | undefined> {
    const { sha256, size } = content;
    const base = await this.#baseOf(content);
    if (!base || size + base.size > MAX_PAIR_BYTES) return undefined;
    if (this.#comparedBytes + size + base.size > MAX_TOTAL_BYTES) return undefined;
    this.#comparedBytes += size + base.size;
    const form = "bsdiff";
    const made = await carryOut(
      {
        ...{ basePath: join(this.#root, base.path), savedPath: this.#saved(content) },
        ...{ savedBytes: size, savedSha256: sha256, outPath: join(this.#into, storedName({ sha256, form })) },
        maxBytes: bound - 1,
        memoryLimit: Math.min(MAX_MEMORY_BYTES, Math.floor((await availableMemory()) / 2)),
      },
      size + base.size,
      this.#signal,
    );
    if (!made) return undefined;
    return {
      ...{ sha256, size, form, stored_sha256: made.sha256, stored_size: made.bytes },
      ...{ base_path: base.path, base_sha256: base.sha256 },
    };
  }

  /** Only what is as the release has it: that can be had again. */
  async #baseOf({ sha256 }: ContentRecord): Promise<EntryRecord | undefined> {
    for (const path of this.#pathsOf.get(sha256) ?? []) {
      const base = this.#installed.get(path);
      if (base && base.size > 0 && (await this.#isThere(base))) return base;
    }
    return undefined;
  }

  async #isThere({ path, sha256 }: EntryRecord): Promise<boolean> {
    const found = await scanEntry(this.#root, path);
    return found.kind === "file" && found.sha256 === sha256;
  }

  async #compressed(content: ContentRecord): Promise<ContentRecord | undefined> {
    const form = "zstd";
    const out = join(this.#into, storedName({ ...content, form }));
    const bytes = await compress(this.#saved(content), out, content.size);
    if (bytes < content.size && (await sha256OfPieces(unpacked(out))) === content.sha256)
      return { ...content, form, stored_sha256: await sha256OfFile(out), stored_size: bytes };
    await rm(out);
    return undefined;
  }

  #saved(content: ContentRecord): string {
    return join(this.#point.folder, storedName({ ...content, form: "copy" }));
  }
}

/** @returns its length; it stops once it is longer than what it is made of */
async function compress(path: string, out: string, size: number): Promise<number> {
  const frame = createZstdCompress({
    pledgedSrcSize: size,
    params: {
      [constants.ZSTD_c_compressionLevel]: ZSTD_LEVEL,
      [constants.ZSTD_c_checksumFlag]: 1,
    },
  });
  const input = createReadStream(path);
  input.on("error", (error) => frame.destroy(error));
  const file = await open(out, "wx", 0o600);
  try {
    let bytes = 0;
    for await (const piece of input.pipe(frame) as AsyncIterable<Uint8Array>) {
      bytes += piece.length;
      if (bytes >= size) break;
      await file.writeFile(piece);
    }
    await file.sync();
    return bytes;
  } finally {
    input.destroy();
    await file.close();
  }
}

async function carryOut(job: CompactJob, bytes: number, signal: AbortSignal | undefined): Promise<Compacted> {
  if (bytes <= HERE_BYTES) return makePatch(job);
  const thread = THREADS.take();
  const stopped = Promise.withResolvers<never>();
  const stop = (): void => stopped.reject(signal?.reason);
  signal?.addEventListener("abort", stop, { once: true });
  try {
    const answer = await Promise.race([thread.ask(job), stopped.promise]);
    if ("made" in answer) return answer.made;
    throw Object.assign(new Error(answer.message), answer.failed !== "" && { code: answer.failed });
  } finally {
    signal?.removeEventListener("abort", stop);
    await THREADS.giveBack(thread);
  }
}

async function linkOrCopy(from: string, to: string): Promise<void> {
  try {
    await link(from, to);
  } catch {
    // A disk without links, or one that has enough of them.
    await copyFile(from, to);
    await syncFile(to);
  }
}
