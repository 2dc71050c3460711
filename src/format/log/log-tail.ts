/**
 * The end of a log, from which every recent root of it follows: how a device that is offline finds that the log it
 * remembers has only grown.
 *
 *   uint64 start | roots of the perfect trees that `start` is the sum of, the largest first | leaf hashes from `start` on
 *
 * With it both roots are computed: of the size that the device remembers, and of the size of the checkpoint. When both
 * are right, the one tree is the beginning of the other. It is the same as a consistency proof (RFC 9162, 2.1.4) for
 * each of the last sizes, in a fraction of their bytes, and is no more believed than one: a wrong tail gives wrong roots.
 */
import { LogError } from "./log-error.ts";
import {
  appendLeaf,
  type Frontier,
  frontierLength,
  frontierOf,
  HASH_BYTES,
  type Hash,
  rootOf,
} from "./merkle-tree.ts";
import { decodeHashes } from "./tile.ts";

export type LogTail = {
  /** Leaves before the first one that is here. */
  readonly start: number;
  readonly frontier: Frontier;
  readonly leaves: readonly Hash[];
};

/** 8 KiB: so many releases may a device sleep through. */
export const TAIL_LEAVES = 256;

const START_BYTES = 8;

export function tailOf(leaves: readonly Hash[]): LogTail {
  const start = Math.max(0, leaves.length - TAIL_LEAVES);
  return { start, frontier: frontierOf(leaves.slice(0, start)), leaves: leaves.slice(start) };
}

export function encodeTail({ start, frontier, leaves }: LogTail): Uint8Array {
  const head = Buffer.alloc(START_BYTES);
  head.writeBigUInt64BE(BigInt(start));
  return Buffer.concat([head, ...frontier, ...leaves]);
}

/** @param size of the checkpoint beside it. @throws LogError LOG_PROOF_MALFORMED, unless its length is what start and size say */
export function decodeTail(bytes: Uint8Array, size: number): LogTail {
  if (bytes.length < START_BYTES) throw malformed("it has no start");
  const start = Number(Buffer.from(bytes.subarray(0, START_BYTES)).readBigUInt64BE());
  if (start > size) throw malformed(`it starts at ${start}, behind the log's ${size} entries`);
  if (size - start > TAIL_LEAVES) throw malformed(`it has more than ${TAIL_LEAVES} leaves`);
  const roots = frontierLength(start);
  if (bytes.length !== START_BYTES + (roots + size - start) * HASH_BYTES)
    throw malformed(`${bytes.length} bytes are not what it has from ${start} to ${size}`);
  const hashes = decodeHashes(bytes.subarray(START_BYTES));
  return { start, frontier: hashes.slice(0, roots), leaves: hashes.slice(roots) };
}

/** The roots of the tree at these sizes, which are none before the start and none behind the end. */
export function tailRoots({ start, frontier, leaves }: LogTail, sizes: readonly number[]): Hash[] {
  const roots = new Map<number, Hash>();
  let [size, grown] = [start, frontier];
  if (sizes.includes(size)) roots.set(size, rootOf(grown));
  for (const leaf of leaves) {
    grown = appendLeaf(grown, size++, leaf);
    if (sizes.includes(size)) roots.set(size, rootOf(grown));
  }
  return sizes.map((each) => roots.get(each)!);
}

function malformed(why: string): LogError {
  return new LogError("LOG_PROOF_MALFORMED", `the proof's end of the log cannot be read: ${why}`);
}
