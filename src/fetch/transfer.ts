/**
 * Brings pieces of packs onto the device: a piece is proven by its digest before it is written.
 *
 *   ROOT/.themis/transfer/<sha256 of the pack>.part      sparse, each piece at its own offset
 *
 * There is no list of what has arrived: at the start every wanted piece is hashed where it lies, and
 * what is right stays. So a kill or a power cut costs one piece per connection, and a foreign or rotten
 * partial costs only its own pieces.
 */
import { type FileHandle, mkdir, open } from "node:fs/promises";
import { join } from "node:path";
import { sha256 } from "../base/digest.ts";
import { backOff } from "../base/retry.ts";
import { type Blob, PIECE_BYTES } from "../format/manifest/blob.ts";
import type { Pack } from "../format/manifest/manifest.ts";
import { FetchError } from "./fetch-error.ts";
import { isAbsent, isWorthRepeating, type Source } from "./source.ts";

export type TransferRequest = {
  readonly source: Source;
  readonly packs: readonly Pack[];
  readonly blobs: readonly Blob[];
  readonly folder: string;
  readonly connections: number;
  readonly signal?: AbortSignal | undefined;
  readonly progress: (doneBytes: number, totalBytes: number) => void;
  /** Told of every byte that came, of use or not. */
  readonly received: (bytes: number) => void;
};

/** The source does not have a pack at all; when it only held patches, whole targets may still be there. */
export class PackAbsent extends FetchError {
  readonly asset: string;

  constructor(asset: string, cause: FetchError) {
    super("SOURCE_STATUS", cause.message, { cause, facts: { ...cause.facts, asset } });
    this.asset = asset;
  }
}

/** A run of neighbouring pieces of one pack that are missing. */
type Run = { readonly pack: Pack; readonly file: FileHandle; next: number; readonly end: number };

/** Attempts without one new piece before giving up. */
const MAX_FRUITLESS = 5;
/** One request asks for at most this much, so that connections share a large pack. */
const MAX_RUN_PIECES = 32;

/** @throws FetchError TRANSFER_*, SOURCE_* */
export async function transfer(request: TransferRequest): Promise<void> {
  await mkdir(request.folder, { recursive: true });
  const wanted = wantedPieces(request.packs, request.blobs);
  const files: FileHandle[] = [];
  let doneBytes = 0;
  const totalBytes = [...wanted].reduce(
    (sum, [pack, pieces]) => sum + pieces.reduce((n, piece) => n + pieceLength(pack, piece), 0),
    0,
  );
  const count = (bytes: number): void => {
    doneBytes += bytes;
    request.progress(doneBytes, totalBytes);
  };
  try {
    const runs: Run[] = [];
    for (const [pack, pieces] of wanted) {
      const file = await openPart(request.folder, pack);
      files.push(file);
      const missing: number[] = [];
      for (const piece of pieces) {
        if (await isThere(file, pack, piece)) count(pieceLength(pack, piece));
        else missing.push(piece);
      }
      runs.push(...toRuns(pack, file, missing));
    }
    const controller = new AbortController();
    const signal = request.signal ? AbortSignal.any([request.signal, controller.signal]) : controller.signal;
    const worker = async (): Promise<void> => {
      for (let run = runs.shift(); run; run = runs.shift()) {
        await fetchRun(run, request.source, signal, (received, verified) => {
          request.received(received);
          if (verified > 0) count(verified);
        });
      }
    };
    const workers = Array.from({ length: Math.max(1, request.connections) }, worker);
    try {
      await Promise.all(workers);
    } catch (error) {
      controller.abort(error);
      await Promise.allSettled(workers);
      throw error;
    }
    for (const file of files) await file.sync();
  } finally {
    for (const file of files) await file.close();
  }
}

/** Where a pack grows on this device. */
export function partPath(folder: string, pack: Pack): string {
  return join(folder, `${pack.sha256_hash}.part`);
}

function wantedPieces(packs: readonly Pack[], blobs: readonly Blob[]): Map<Pack, number[]> {
  const byName = new Map(packs.map((pack) => [pack.asset, pack]));
  const wanted = new Map<Pack, Set<number>>();
  for (const { pack: name, offset, length } of blobs) {
    const pack = byName.get(name);
    if (!pack || length === 0) continue;
    const pieces = wanted.get(pack) ?? new Set();
    for (let piece = Math.floor(offset / PIECE_BYTES); piece * PIECE_BYTES < offset + length; piece++)
      pieces.add(piece);
    wanted.set(pack, pieces);
  }
  return new Map([...wanted].map(([pack, pieces]) => [pack, [...pieces].sort((a, b) => a - b)]));
}

function pieceLength(pack: Pack, piece: number): number {
  return Math.min(PIECE_BYTES, pack.size_bytes - piece * PIECE_BYTES);
}

/** Bytes that a transfer of these blobs would fetch at the most. */
export function transferBytes(packs: readonly Pack[], blobs: readonly Blob[]): number {
  let bytes = 0;
  for (const [pack, pieces] of wantedPieces(packs, blobs))
    for (const piece of pieces) bytes += pieceLength(pack, piece);
  return bytes;
}

async function openPart(folder: string, pack: Pack): Promise<FileHandle> {
  const path = partPath(folder, pack);
  return open(path, "r+").catch(() => open(path, "w+", 0o600));
}

async function isThere(file: FileHandle, pack: Pack, piece: number): Promise<boolean> {
  const bytes = Buffer.alloc(pieceLength(pack, piece));
  const { bytesRead } = await file.read(bytes, 0, bytes.length, piece * PIECE_BYTES);
  return bytesRead === bytes.length && sha256(bytes) === pack.pieces[piece];
}

function toRuns(pack: Pack, file: FileHandle, missing: readonly number[]): Run[] {
  const runs: { pack: Pack; file: FileHandle; next: number; end: number }[] = [];
  for (const piece of missing) {
    const last = runs.at(-1);
    if (last && last.end === piece && last.end - last.next < MAX_RUN_PIECES) last.end++;
    else runs.push({ pack, file, next: piece, end: piece + 1 });
  }
  return runs;
}

/** One run, in as many requests as the network makes of it; a new piece resets the patience. */
async function fetchRun(
  run: Run,
  source: Source,
  signal: AbortSignal,
  count: (received: number, verified: number) => void,
): Promise<void> {
  const wrong = new Set<number>();
  for (let fruitless = 0; run.next < run.end; ) {
    const before = run.next;
    try {
      await fetchPieces(run, source, signal, count);
      if (run.next === before)
        throw new FetchError("TRANSFER_INTERRUPTED", `${source.name}/${run.pack.asset} ended early`);
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof FetchError && error.code === "TRANSFER_DIGEST_MISMATCH") {
        // Once may be the way; twice is the source.
        if (wrong.has(run.next)) throw error;
        wrong.add(run.next);
        continue;
      }
      if (isAbsent(error)) throw new PackAbsent(run.pack.asset, error);
      if (!isWorthRepeating(error)) throw error;
      fruitless = run.next > before ? 0 : fruitless + 1;
      if (fruitless >= MAX_FRUITLESS) throw error;
      await backOff(fruitless, signal);
    }
  }
}

async function fetchPieces(
  run: Run,
  source: Source,
  signal: AbortSignal,
  count: (received: number, verified: number) => void,
): Promise<void> {
  const { pack } = run;
  const start = run.next * PIECE_BYTES;
  const end = Math.min(run.end * PIECE_BYTES, pack.size_bytes);
  let piece = Buffer.alloc(pieceLength(pack, run.next));
  let filled = 0;
  for await (const chunk of source.readRange(pack.asset, { start, end, total: pack.size_bytes }, signal)) {
    count(chunk.length, 0);
    for (let at = 0; at < chunk.length; ) {
      const take = Math.min(chunk.length - at, piece.length - filled);
      piece.set(chunk.subarray(at, at + take), filled);
      at += take;
      filled += take;
      if (filled < piece.length) continue;
      if (sha256(piece) !== pack.pieces[run.next]) {
        throw new FetchError(
          "TRANSFER_DIGEST_MISMATCH",
          `piece ${run.next} of ${pack.asset} from ${source.name} is not what the manifest names`,
          {
            facts: { asset: pack.asset, piece: run.next },
            hint: "the source holds other bytes than were signed; nothing was installed",
          },
        );
      }
      await run.file.write(piece, 0, piece.length, run.next * PIECE_BYTES);
      count(0, piece.length);
      run.next++;
      filled = 0;
      if (run.next < run.end) piece = Buffer.alloc(pieceLength(pack, run.next));
    }
  }
}
