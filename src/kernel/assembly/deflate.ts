/**
 * A deflate (RFC 1951) that writes what zlib would have written, bit for bit, on every machine; called by
 * ../deflate-kernel.ts.
 *
 * A system's zlib differs by version, vendor and processor; an archive that is rebuilt must not. What differs
 * between the encoders that made the archives of this world is a value here: the hash by which strings are
 * found, how many symbols a block has, and GNU gzip's way of ending one early.
 *
 *   start -> feed, run, take … -> feed the last, run, take … until run says that it is done
 */
import { OUT, startTrees } from "./deflate/trees";
import { feed, inputRoom, pump, startMatch } from "./deflate/match";
import { startOutput, takeOutput, outputBytes } from "./deflate/output";

export { feed, inputRoom, outputBytes, takeOutput };

/** All that one stream takes, from the start of the memory. */
export const DEFLATE_BYTES: u32 = 0x100000;

export function outputPlace(): usize {
  return OUT;
}

/**
 * @param level 1 to 9
 * @param hash 0: zlib's rolling hash of three bytes; 1: CRC-32C of three bytes (four below level 6) and 2: a product
 *   of four bytes, as Chromium's zlib, and Node with it, had it until 2022 and has it since
 * @param hashBits memLevel + 7
 * @param symbols of a block, memLevel's 1 << (memLevel + 6); a block has one less
 * @param early GNU gzip's guess whether to end a block early
 */
export function start(level: u32, hash: u32, hashBits: u32, symbols: u32, early: bool): void {
  startOutput();
  startTrees(symbols, early && level > 2);
  startMatch(level, hash, hashBits);
}

/** 0: wants more input; 1: output is to be taken first; 2: done, and output is to be taken. */
export function run(): u32 {
  return pump();
}
