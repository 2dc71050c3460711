/**
 * Two versions of a file of any size, the same bytes on every machine, written as streams.
 *
 * The old one is a mixture of what people release: the old sides of the corpora, cut into blocks and shuffled. A
 * size beyond all of them goes through them again, each round with its own substitution of byte values: as
 * compressible and as repetitive within, but nowhere an exact repeat of the round before.
 *
 * The new one is the old one with, in each MiB, the same amount of what a new build brings: bytes inserted and
 * removed, blocks that move to anywhere else, and 32-bit words spread all over that grow by as much as was
 * inserted up to some place nearby, as addresses do.
 */
import { closeSync, openSync, readSync, statSync, writeSync } from "node:fs";
import { MIB } from "./measure.ts";

/** A shuffled piece of the corpora: large against any match. */
const PIECE = 64 * 1024;
/** What moves. */
const BLOCK = 16 * 1024;
const BLOCKS = MIB / BLOCK;
const MOVED_EACH_MIB = 2;
/** In each MiB: as many insertions as removals. */
const EDITS = 4;
const MAX_EDIT = 2048;
const WORDS_EACH_BLOCK = 64;
/** How many of the last edits a changed word may point between. */
const NEARBY = 16;

export const RATE = `in each MiB ${EDITS} insertions and ${EDITS} removals of up to ${MAX_EDIT} bytes, ${MOVED_EACH_MIB} blocks of ${BLOCK / 1024} KiB moved to anywhere, ${WORDS_EACH_BLOCK * BLOCKS} words changed`;

/** @param corpora paths of the files to mix */
export function writeSource(path: string, mebibytes: number, corpora: readonly string[]): void {
  const pieces = corpora.flatMap((file) =>
    Array.from({ length: Math.floor(statSync(file).size / PIECE) }, (_, i) => ({ file, at: i * PIECE })),
  );
  shuffle(pieces, randomNumbers(1));
  const open = new Map(corpora.map((file) => [file, openSync(file, "r")]));
  const out = openSync(path, "w");
  const bytes = new Uint8Array(PIECE);
  for (let i = 0; i < (mebibytes * MIB) / PIECE; i++) {
    const { file, at } = pieces[i % pieces.length]!;
    readSync(open.get(file)!, bytes, 0, PIECE, at);
    substitute(bytes, Math.floor(i / pieces.length));
    writeSync(out, bytes);
  }
  for (const file of [...open.values(), out]) closeSync(file);
}

/** The same for each value, so that what was equal stays equal; round 0 changes nothing. */
function substitute(bytes: Uint8Array, round: number): void {
  if (round === 0) return;
  const factor = 2 * round + 1;
  for (let i = 0; i < bytes.length; i++) bytes[i] = bytes[i]! * factor + 89 * round;
}

export function writeTarget(path: string, sourcePath: string): void {
  const source = openSync(sourcePath, "r");
  const out = openSync(path, "w");
  const random = randomNumbers(2);
  const order = movedBlocks(statSync(sourcePath).size / BLOCK, random);
  // An edit falls into every so many-th block, insertions and removals in turn.
  const every = BLOCKS / (2 * EDITS);
  const shifts = [0];
  for (const [i, from] of order.entries()) {
    const block = Buffer.alloc(BLOCK);
    readSync(source, block, 0, BLOCK, from * BLOCK);
    for (let word = 0; word < WORDS_EACH_BLOCK; word++) {
      const at = random(BLOCK - 4);
      block.writeInt32LE(
        (block.readInt32LE(at) + shifts.at(-1 - random(Math.min(NEARBY, shifts.length)))!) | 0,
        at,
      );
    }
    const cut = random(BLOCK - MAX_EDIT);
    const length = 1 + random(MAX_EDIT);
    const removes = i % (2 * every) === every;
    const inserts = i % (2 * every) === 0;
    writeSync(out, block, 0, cut);
    if (inserts) writeSync(out, inserted(block, length, random));
    writeSync(out, block, removes ? cut + length : cut, BLOCK - cut - (removes ? length : 0));
    if (inserts || removes) shifts.push(shifts.at(-1)! + (inserts ? length : -length));
  }
  closeSync(source);
  closeSync(out);
}

/** New code looks like the code around it: bytes of the block, in runs of a few. */
function inserted(block: Uint8Array, length: number, random: (below: number) => number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let done = 0; done < length; ) {
    const run = Math.min(length - done, 2 + random(7));
    const at = random(block.length - run);
    bytes.set(block.subarray(at, at + run), done);
    done += run;
  }
  return bytes;
}

/** The order of the blocks in the new file: some of each MiB change places with each other all over it. */
function movedBlocks(count: number, random: (below: number) => number): number[] {
  const order = Array.from({ length: count }, (_, i) => i);
  const places = order.filter((i) => i % (BLOCKS / MOVED_EACH_MIB) === 3);
  const shuffled = [...places];
  shuffle(shuffled, random);
  for (const [i, place] of places.entries()) order[place] = shuffled[i]!;
  return order;
}

/** Fisher and Yates. */
function shuffle<T>(values: T[], random: (below: number) => number): void {
  for (let i = values.length - 1; i > 0; i--) {
    const j = random(i + 1);
    [values[i], values[j]] = [values[j]!, values[i]!];
  }
}

/** xorshift32 (Marsaglia): the same numbers everywhere. */
function randomNumbers(seed: number): (below: number) => number {
  let state = (seed * 0x9e3779b9) >>> 0;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}
