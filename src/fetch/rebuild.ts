/**
 * Makes every changed file in `.themis/staged/`, proven by its digest, before anything else is touched.
 *
 *   blobs on their way -> a file whose blob has arrived -> rebuilt by a thread, while the next ones come
 *
 * A delta that fails for whatever reason costs its own file the short way, said once: the next round brings the
 * whole target. What no round can mend ends the transfer at once; pieces that are proven stay for the next time.
 */
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { syncFolder } from "../base/atomic-file.ts";
import { ThemisError } from "../base/error.ts";
import type { Blob } from "../format/manifest/blob.ts";
import type { Pack, Target } from "../format/manifest/manifest.ts";
import type { Verified } from "../trust/verified.ts";
import { Arrivals } from "./arrivals.ts";
import type { BringOptions } from "./fetcher.ts";
import type { PlanStep } from "./plan.ts";
import type { RebuildJob } from "./rebuild-job.ts";
import { RebuildPool } from "./rebuild-pool.ts";
import { isMade } from "./switch-steps.ts";
import { partPath } from "./transfer/part-file.ts";
import { PackUnusable } from "./transfer/transfer.ts";

export type StagedFile = { readonly target: Verified<Target>; readonly staged: string };
export type FellBack = { readonly path: string; readonly why: string };

export type RebuildRequest = {
  readonly root: string;
  readonly staged: string;
  readonly transferred: string;
  readonly packs: readonly Verified<Pack>[];
  /** The folder of a store, where steps take from one. */
  readonly store?: string | undefined;
  readonly steps: readonly PlanStep[];
  /** What rebuilding may take at any moment, in bytes; default 512 MiB. */
  readonly applyMemory?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Brings blobs, and says of each piece that it is there. */
  readonly bring: (blobs: readonly Verified<Blob>[], options: BringOptions) => Promise<void>;
  /** Told when everything has come and rebuilding goes on. */
  readonly progress: (done: number, total: number, doneBytes: number, totalBytes: number) => void;
};

type Work = Extract<PlanStep, { kind: "patch" | "copy" | "store" | "download" }>;

/** A file to be made, and how it is tried now. */
type Item = {
  readonly step: Work;
  readonly staged: string;
  readonly way: "planned" | "whole";
  /** Why not as planned; "" as long as nothing failed. */
  readonly why: string;
};

const MEMORY_BYTES = 512 << 20;

/** @throws FetchError TARGET_DIGEST_MISMATCH, and what `bring` throws */
export async function rebuild(
  request: RebuildRequest,
): Promise<{ readonly files: readonly StagedFile[]; readonly fellBack: readonly FellBack[] }> {
  await rm(request.staged, { recursive: true, force: true });
  await mkdir(request.staged, { recursive: true });
  const work = request.steps.filter(isMade);
  const items = work.map((step, i): Item => ({ step, staged: String(i), way: "planned", why: "" }));
  const tally = new Tally(request, work);
  const fellBack: FellBack[] = [];
  for (let left: readonly Item[] = items; left.length > 0; ) {
    const { again } = await new Round(request, tally).run(left);
    for (const { step, why } of again) if (why !== "") fellBack.push({ path: step.target.path, why });
    left = again;
  }
  syncFolder(request.staged);
  return { files: items.map(({ step, staged }) => ({ target: step.target, staged })), fellBack };
}

/** All that is wanted is asked for once; what it could not make comes back. */
class Round {
  readonly #request: RebuildRequest;
  readonly #tally: Tally;
  readonly #pool: RebuildPool;
  readonly #stop = new AbortController();
  readonly #signal: AbortSignal;
  readonly #started = new Set<Item>();
  readonly #running: Promise<void>[] = [];
  readonly #again: Item[] = [];

  constructor(request: RebuildRequest, tally: Tally) {
    this.#request = request;
    this.#tally = tally;
    const { signal, applyMemory: memoryBytes = MEMORY_BYTES } = request;
    this.#signal = signal ? AbortSignal.any([signal, this.#stop.signal]) : this.#stop.signal;
    this.#pool = new RebuildPool({ memoryBytes, signal: this.#signal });
  }

  async run(items: readonly Item[]): Promise<{ readonly again: readonly Item[] }> {
    try {
      const unusable = await this.#bring(items);
      this.#tally.show();
      await Promise.race([Promise.all(this.#running), aborted(this.#signal)]);
      const left = items.filter((item) => !this.#started.has(item));
      return { again: [...this.#again, ...left.map((item) => withoutPack(item, unusable))] };
    } finally {
      await this.#pool.close();
    }
  }

  /** @returns which pack could not be had, if any. @throws what ends the whole update */
  async #bring(items: readonly Item[]): Promise<PackUnusable | undefined> {
    const arrivals = new Arrivals<Item>();
    const blobs: Verified<Blob>[] = [];
    for (const item of items) {
      const blob = blobOf(item);
      if (blob === undefined || blob.length === 0) this.#start(item);
      else {
        arrivals.await(item, blob);
        blobs.push(blob);
      }
    }
    const arrived = (pack: Pack, piece: number): void => {
      for (const item of arrivals.arrived(pack, piece)) this.#start(item);
    };
    try {
      await this.#request.bring(blobs, { arrived, signal: this.#signal });
      return undefined;
    } catch (error) {
      if (!(error instanceof PackUnusable)) throw error;
      return error;
    }
  }

  #start(item: Item): void {
    this.#started.add(item);
    this.#running.push(
      this.#pool.run(jobOf(item, this.#request)).then(
        () => this.#tally.made(item.step),
        (error: unknown) => this.#failed(item, error),
      ),
    );
  }

  #failed(item: Item, error: unknown): void {
    const isShortWay = item.way === "planned" && item.step.kind !== "download";
    if (isShortWay && error instanceof ThemisError) this.#again.push(whole(item, error.message));
    else this.#stop.abort(error);
  }
}

/** How much is made, told once nothing is on its way any more. */
class Tally {
  readonly #progress: RebuildRequest["progress"];
  readonly #total: number;
  readonly #totalBytes: number;
  #done = 0;
  #doneBytes = 0;
  #isShown = false;

  constructor({ progress }: RebuildRequest, work: readonly Work[]) {
    this.#progress = progress;
    this.#total = work.length;
    this.#totalBytes = work.reduce((sum, { target }) => sum + target.size_bytes, 0);
  }

  made({ target }: Work): void {
    this.#done++;
    this.#doneBytes += target.size_bytes;
    if (this.#isShown) this.show();
  }

  show(): void {
    this.#isShown = true;
    this.#progress(this.#done, this.#total, this.#doneBytes, this.#totalBytes);
  }
}

function whole({ step, staged }: Item, why: string): Item {
  return { step, staged, way: "whole", why };
}

/** @throws the pack's error when it held the whole target: there is nothing left to fall back to */
function withoutPack(item: Item, unusable: PackUnusable | undefined): Item {
  if (!unusable) throw new Error(`${item.step.target.path} was never rebuilt`);
  if (blobOf(item)?.pack !== unusable.asset) return { ...item, why: "" };
  if (item.way === "whole" || item.step.kind !== "patch") throw unusable;
  return whole(item, unusable.message);
}

/** undefined for what needs none. */
function blobOf({ step, way }: Item): Verified<Blob> | undefined {
  if (way === "whole" || step.kind === "download") return step.target.blob;
  return step.kind === "patch" ? step.delta.blob : undefined;
}

const NOWHERE: Blob = { pack: "", offset: 0, length: 0, encoding: "none" };

function jobOf(item: Item, { root, staged, transferred, packs, store = "" }: RebuildRequest): RebuildJob {
  const { step } = item;
  const job = { target: step.target, outPath: join(staged, item.staged) };
  const { pack: asset, offset, length, encoding } = blobOf(item) ?? NOWHERE;
  const found = packs.find((each) => each.asset === asset);
  const pack = found ? partPath(transferred, found) : "";
  if (item.way === "whole" || step.kind === "download")
    return { ...job, from: { kind: "whole", pack, offset, length, encoding } };
  if (step.kind === "store") return { ...job, from: { kind: "store", store } };
  const sourcePath = join(root, step.kind === "copy" ? step.from : step.delta.base_path);
  if (step.kind === "copy") return { ...job, from: { kind: "copy", sourcePath, from: step.from } };
  return {
    ...job,
    from: { kind: "patch", delta: step.delta, sourcePath, patch: { path: pack, offset, length } },
  };
}

async function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}
