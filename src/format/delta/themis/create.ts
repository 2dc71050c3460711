/**
 * From two files to a patch of THEMIS.
 *
 * Covers are looked for in files whose code has zeros for addresses, so that a function that calls others is one
 * cover and not one for each call; then the walk says what is left to be told.
 */
import type { ByteSource } from "../../../base/byte-source.ts";
import { type Image, ThemisKernel } from "../../../kernel/themis-kernel.ts";
import { HeldBytes } from "../bsdiff/held-bytes.ts";
import { findCovers, planCovers } from "../covers.ts";
import { mebibytes, tooLarge } from "../memory-limit.ts";
import { checkLength } from "../patch-limit.ts";
import { NO_SOURCE, type Segments } from "../segments.ts";
import { refuseThemis } from "./apply.ts";
import {
  BUCKET_LOGS,
  LEARNED_LOGS,
  type Logs,
  MAX_COVERS,
  MAX_FILE_BYTES,
  mostLog,
  type ThemisHeader,
  writeThemisHeader,
} from "./container.ts";
import { readExecutable } from "./executable.ts";
import { masked } from "./mask.ts";
import { leastThemisMemory } from "./memory.ts";
import { NO_IMAGE } from "./ranges.ts";

/** Of the target, and of the source. */
const BYTES_EACH_BUCKET = 32;
const BYTES_EACH_ADDRESS = 64;

/** Executables at all; tables that count from a base; covers that are looked for without addresses. */
export type Model = "executables" | "bases" | "masks";

export type ThemisJob = {
  readonly source: ByteSource;
  readonly target: ByteSource;
  /** In bytes; more is refused before it is taken. */
  readonly memoryLimit: number;
  /** Beyond this the patch is given up. */
  readonly maxBytes?: number | undefined;
  /** What is left out, to see what it is worth. */
  readonly without?: Model | undefined;
  /** Hears what was spent on what, in bits. */
  readonly account?: (spent: readonly number[]) => void;
};

/** @throws ThemisError DIFF_TOO_LARGE; PatchTooLong */
export function createThemis(job: ThemisJob): Uint8Array {
  const { source, target, memoryLimit, maxBytes, account, without } = job;
  for (const { size } of [source, target]) {
    if (size > MAX_FILE_BYTES) throw tooLarge(`THEMIS ends at 2 GiB, and a file has ${mebibytes(size)}`);
  }
  const [old, now] = [imageFor(source, without), imageFor(target, without)];
  const [seenOld, seenNow] = without === "masks" ? [NO_IMAGE, NO_IMAGE] : [old, now];
  const covers = coversOf(source, target, seenOld, seenNow, memoryLimit);
  const held = new HeldBytes();
  const header: ThemisHeader = {
    sourceSize: source.size,
    targetSize: target.size,
    bucketLog: logFor(BUCKET_LOGS, target.size, BYTES_EACH_BUCKET),
    learnedLog: logFor(LEARNED_LOGS, source.size, BYTES_EACH_ADDRESS),
    coverCount: covers.length / 3,
    old,
    now,
  };
  let at = 0;
  const kernel = ThemisKernel.take({
    readSource: source.read,
    readTarget: (into) => {
      target.read(at, into);
      at += into.length;
    },
    writeCoded: (bytes) => held.push(bytes),
    refuse: refuseThemis,
  });
  try {
    kernel.open(header, old, now, covers);
    while (kernel.next()) checkLength(held.length, maxBytes);
    account?.(kernel.spent());
  } finally {
    kernel.giveBack();
  }
  const coded = held.take();
  return Buffer.concat([writeThemisHeader(header, coded.length), coded]);
}

function imageFor(file: ByteSource, without: Model | undefined): Image {
  if (without === "executables") return NO_IMAGE;
  const image = readExecutable(file);
  if (without !== "bases") return image;
  return { ranges: image.ranges.map((range) => ({ ...range, bases: 0 })), bases: [] };
}

/** The table that has an entry for each so many bytes. */
function logFor(logs: Logs, bytes: number, each: number): number {
  const wanted = Math.ceil(Math.log2(Math.max(1, bytes / each)));
  return Math.max(logs.least, Math.min(mostLog(logs, bytes), wanted));
}

function coversOf(
  source: ByteSource,
  target: ByteSource,
  old: Image,
  now: Image,
  memoryLimit: number,
): Uint32Array {
  // Both files masked, and the walk, which begins when the search has ended, at its least.
  const writerBytes = source.size + target.size + leastThemisMemory;
  const plan = planCovers(
    { sourceSize: source.size, targetSize: target.size, purpose: "add", writerBytes },
    memoryLimit,
  );
  const [from, to] = [masked(source, old), masked(target, now)];
  return triplesOf(findCovers(from, to, "add", plan), source.size);
}

/** Only those with a source, each as long as it can be. */
function triplesOf(segments: Segments, sourceSize: number): Uint32Array {
  const triples: number[] = [];
  for (const batch of segments) {
    for (let i = 0; i < batch.length; i += 3) {
      const [begin, there, length] = [batch[i]!, batch[i + 1]!, batch[i + 2]!];
      if (there === NO_SOURCE || there >= sourceSize || length === 0) continue;
      const last = triples.length - 3;
      if (
        last >= 0 &&
        triples[last]! + triples[last + 2]! === begin &&
        triples[last + 1]! + triples[last + 2]! === there
      ) {
        triples[last + 2]! += length;
      } else if (triples.length < 3 * MAX_COVERS) triples.push(begin, there, length);
    }
  }
  return Uint32Array.from(triples);
}
