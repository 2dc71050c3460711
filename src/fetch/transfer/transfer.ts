/**
 * Brings pieces of packs onto the device: a piece is proven by its digest before it is written.
 *
 * There is no list of what has arrived: at the start every wanted piece is hashed where it lies, and
 * what is right stays. So a kill or a power cut costs one piece per connection, and a foreign or rotten
 * partial costs only its own pieces.
 *
 *   wanted pieces -> those that are missing -> runs -> lanes, each one request at a time -> proving threads
 */
import { mkdir } from "node:fs/promises";
import { type Blob, PIECE_BYTES } from "../../format/manifest/blob.ts";
import type { Pack } from "../../format/manifest/manifest.ts";
import type { Verified } from "../../trust/verified.ts";
import { FetchError } from "../fetch-error.ts";
import { Blame } from "./blame.ts";
import { fetchRun, type RunOutcome, type Task } from "./fetch-run.ts";
import { HTTP_LIMITS } from "./http-limits.ts";
import { type Mirror, Mirrors } from "./mirrors.ts";
import { PartFile, type PartPlace, partPath } from "./part-file.ts";
import { askedWaitMs, MAX_FRUITLESS, waitUntil } from "./patience.ts";
import { PiecePool } from "./piece-pool.ts";
import { pieceLength, runPieces, toRuns, wantedPieces } from "./pieces.ts";
import type { RateLimit } from "./rate-limit.ts";
import { isAbsent, isWorthRepeating, type Source } from "./source.ts";

export type TransferRequest = {
  /** Places that hold the same release, the best first. */
  readonly sources: readonly Source[];
  readonly packs: readonly Verified<Pack>[];
  /** Fetched in this order. */
  readonly blobs: readonly Blob[];
  readonly folder: string;
  /** Where a pack grows when it is not a file of its own in the folder. */
  readonly placeOf?: (pack: Pack) => PartPlace;
  /** To one source at once. */
  readonly connections: number;
  readonly rateLimit?: RateLimit | undefined;
  readonly firstRestMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly progress: (doneBytes: number, totalBytes: number) => void;
  /** Told once of each wanted piece that is proven and lies in its place. */
  readonly arrived?: ((pack: Pack, piece: number) => void) | undefined;
  /** Told of every byte that came, of use or not. */
  readonly received: (bytes: number) => void;
  /** Told once for each wait that a person would wonder about. */
  readonly notice?: (message: string) => void;
};

/** No source has a pack, or none has the right one; when it only held patches, whole targets may still be there. */
export class PackUnusable extends FetchError {
  readonly asset: string;

  constructor(asset: string, cause: FetchError) {
    const { code, message, facts, hint } = cause;
    super(code, message, { cause, facts: { ...facts, asset }, ...(hint && { hint }) });
    this.asset = asset;
  }
}

/** Pieces that a lane may have on their way to the disk while the next one arrives. */
const SLOTS_PER_LANE = 3;
/** Longer waits are said. */
const NOTICE_MS = 5000;

/** @throws FetchError TRANSFER_*, SOURCE_*, ASSET_SIZE, NO_SPACE; PackUnusable; the signal's reason */
export async function transfer(request: TransferRequest): Promise<void> {
  await mkdir(request.folder, { recursive: true });
  const { folder, placeOf = (pack: Pack) => ({ path: partPath(folder, pack), start: 0 }) } = request;
  const wanted = wantedPieces(request.packs, request.blobs);
  const lanes = Math.max(1, request.connections);
  const pool = new PiecePool({ slots: lanes * SLOTS_PER_LANE });
  const files: PartFile[] = [];
  try {
    for (const pack of wanted.keys()) files.push(await PartFile.open(pack, placeOf(pack)));
    const work = new Work(request, pool, wanted, lanes);
    for (const file of files) await work.add(file);
    await work.run();
    for (const file of files) await file.sync();
  } finally {
    await pool.close();
    for (const file of files) await file.close();
  }
}

class Work {
  readonly #request: TransferRequest;
  readonly #pool: PiecePool;
  readonly #wanted: ReadonlyMap<Pack, readonly number[]>;
  readonly #mirrors: Mirrors;
  readonly #tasks: Task[] = [];
  readonly #blame = new Blame();
  readonly #lanes: number;
  readonly #totalBytes: number;
  #doneBytes = 0;
  #fruitless = 0;
  #noticed = "";
  #underWay = 0;
  readonly #idle: (() => void)[] = [];

  constructor(
    request: TransferRequest,
    pool: PiecePool,
    wanted: ReadonlyMap<Pack, readonly number[]>,
    lanes: number,
  ) {
    this.#lanes = lanes;
    this.#request = request;
    this.#pool = pool;
    this.#wanted = wanted;
    const { firstRestMs = HTTP_LIMITS.firstRestMs } = request;
    this.#mirrors = new Mirrors(request.sources, lanes, firstRestMs);
    this.#totalBytes = [...wanted].reduce(
      (sum, [pack, pieces]) => sum + pieces.reduce((bytes, piece) => bytes + pieceLength(pack, piece), 0),
      0,
    );
  }

  /** What of a pack is not there yet. */
  async add(file: PartFile): Promise<void> {
    const { pack } = file;
    const size = await file.size();
    for (const piece of this.#wanted.get(pack)!) {
      this.#request.signal?.throwIfAborted();
      const place = file.place(piece);
      // What was never written needs no look.
      if (place.offset + place.length <= size && (await this.#pool.check(place))) this.#count(pack, piece);
      else file.missing.add(piece);
    }
    const most = runPieces(file.missing.size, this.#lanes);
    this.#tasks.push(...toRuns(pack, [...file.missing], most).map((run) => ({ ...run, file })));
  }

  /** @throws the first failure that nothing could mend; what is under way is given up then */
  async run(): Promise<void> {
    if (this.#tasks.length === 0) return;
    const controller = new AbortController();
    const outer = this.#request.signal;
    const signal = outer ? AbortSignal.any([outer, controller.signal]) : controller.signal;
    const running = Array.from({ length: this.#lanes }, () => this.#lane(signal));
    try {
      await Promise.all(running);
    } catch (error) {
      controller.abort(error);
      for (const wake of this.#idle.splice(0)) wake();
      await Promise.allSettled(running);
      throw error;
    }
  }

  async #lane(signal: AbortSignal): Promise<void> {
    for (;;) {
      signal.throwIfAborted();
      const found = this.#next();
      if (found === "done") return;
      if (found === "wait") {
        await new Promise<void>((resolve) => this.#idle.push(resolve));
        continue;
      }
      if ("untilMs" in found) {
        await waitUntil(found.untilMs, signal);
        continue;
      }
      const { task, mirror } = found;
      mirror.busy++;
      this.#underWay++;
      try {
        this.#judge(task, mirror, await this.#fetch(task, mirror, signal));
      } finally {
        mirror.busy--;
        this.#underWay--;
        for (const wake of this.#idle.splice(0)) wake();
      }
    }
  }

  /** A task and who is asked; when nobody can be asked now, until when to wait. */
  #next(): { readonly task: Task; readonly mirror: Mirror } | { readonly untilMs: number } | "wait" | "done" {
    const now = performance.now();
    let untilMs: number | undefined;
    for (const [i, task] of this.#tasks.entries()) {
      const without = this.#blame.unable(task);
      if (without.size >= this.#mirrors.all.length)
        throw new PackUnusable(task.pack.asset, this.#blame.reason(task.pack)!);
      const mirror = this.#mirrors.pick(now, without);
      if (mirror) {
        this.#tasks.splice(i, 1);
        return { task: this.#inOne(task, mirror), mirror };
      }
      const wakes = this.#mirrors.wakesAtMs(without);
      if (wakes !== undefined) untilMs = Math.min(untilMs ?? wakes, wakes);
    }
    if (this.#tasks.length === 0) return this.#underWay === 0 ? "done" : "wait";
    if (this.#underWay > 0) return "wait";
    return { untilMs: untilMs ?? now + 1 };
  }

  /** From a server without ranges a pack is read once: all that is missing of it, in one request. */
  #inOne(task: Task, { source }: Mirror): Task {
    const { pack, file } = task;
    if (source.hasRanges(pack.asset)) return task;
    const others = this.#tasks.filter((each) => each.file === file);
    for (const other of others) this.#tasks.splice(this.#tasks.indexOf(other), 1);
    const first = Math.min(task.first, ...others.map((each) => each.first));
    return { pack, file, first, end: Math.max(task.end, ...others.map((each) => each.end)) };
  }

  async #fetch(task: Task, mirror: Mirror, signal: AbortSignal): Promise<RunOutcome> {
    const { pack, first, end } = task;
    const { size_bytes: total } = pack;
    const range = { start: first * PIECE_BYTES, end: Math.min(end * PIECE_BYTES, total), total };
    const fresh = this.#blame.isSuspect(task, mirror);
    const beganMs = performance.now();
    let came = 0;
    const outcome = await fetchRun(task, mirror.source.readRange(pack.asset, range, { signal, fresh }), {
      pool: this.#pool,
      rateLimit: this.#request.rateLimit,
      signal,
      received: (bytes) => {
        came += bytes;
        this.#request.received(bytes);
      },
      written: (piece) => this.#count(pack, piece),
    });
    this.#mirrors.succeeded(mirror, came, performance.now() - beganMs);
    return outcome;
  }

  /** Puts back what is missing. @throws what nothing can mend */
  #judge(task: Task, mirror: Mirror, outcome: RunOutcome): void {
    this.#request.signal?.throwIfAborted();
    const { pack, file } = task;
    const { isProgress, missing, wrong, error } = outcome;
    for (const piece of wrong) this.#blame.wrongPiece(pack, piece, mirror);
    this.#fruitless = isProgress ? 0 : this.#fruitless + (missing.length > 0 ? 1 : 0);
    if (missing.length === 0) return;
    const most = runPieces(missing.length, 1);
    this.#tasks.unshift(...toRuns(pack, missing, most).map((run) => ({ ...run, file })));
    if (error === undefined) {
      // It ended early, which it may, or brought other bytes.
      if (wrong.length === 0 && !isProgress) this.#giveUpAfter(ended(mirror, pack), mirror, 0);
      return;
    }
    if (isAbsent(error)) {
      this.#blame.absent(pack, mirror, error);
      return;
    }
    if (isOther(error)) {
      this.#blame.anotherFile(pack, mirror, error);
      return;
    }
    if (!isWorthRepeating(error)) throw error;
    const others = mirror.busy > 1;
    if (others && isTooMany(error)) mirror.connections = Math.max(1, mirror.busy - 1);
    this.#giveUpAfter(error, mirror, askedWaitMs(error));
  }

  /** @throws the error when too many attempts in a row brought nothing */
  #giveUpAfter(error: FetchError, mirror: Mirror, askedMs: number): void {
    if (this.#fruitless >= MAX_FRUITLESS * this.#mirrors.all.length) throw error;
    const restMs = this.#mirrors.failed(mirror, performance.now(), askedMs);
    if (restMs < NOTICE_MS) return;
    const message = `${error.message}; it goes on in ${Math.ceil(restMs / 1000)} s`;
    if (message !== this.#noticed) this.#request.notice?.(message);
    this.#noticed = message;
  }

  #count(pack: Pack, piece: number): void {
    this.#doneBytes += pieceLength(pack, piece);
    this.#request.progress(this.#doneBytes, this.#totalBytes);
    this.#request.arrived?.(pack, piece);
  }
}

function ended({ source }: Mirror, pack: Pack): FetchError {
  return new FetchError("TRANSFER_INTERRUPTED", `${source.name}/${pack.asset} ended early`);
}

/** Another file under the name of a pack. */
function isOther(error: unknown): error is FetchError {
  return error instanceof FetchError && error.code === "ASSET_SIZE";
}

/** A server that limits connections says so by a status, or hangs up. */
function isTooMany(error: FetchError): boolean {
  const status = Number(error.facts.status ?? 0);
  return status === 429 || status === 503 || error.code === "SOURCE_UNREACHABLE";
}
