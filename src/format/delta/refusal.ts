/** What the kernel's short refusals mean to whoever gave the patch. */
import type { Refusal } from "../../kernel/device-kernel.ts";
import { DeltaError } from "./error.ts";

type Code = ConstructorParameters<typeof DeltaError>[0];

const refusals: Readonly<Record<Refusal, readonly [Code, string]>> = {
  "bzip2-magic": ["DELTA_MAGIC", "a stream in the patch does not start as bzip2"],
  "bzip2-truncated": ["DELTA_TRUNCATED", "the patch ends inside a bzip2 stream"],
  "bzip2-level": ["DELTA_CORRUPT", "the bzip2 block size is not 1 to 9"],
  "bzip2-block-mark": damaged("a block does not start with its mark"),
  "bzip2-randomised": damaged("a block is randomised"),
  "bzip2-alphabet": damaged("a block uses no symbols"),
  "bzip2-tables": damaged("a block does not have 2 to 6 Huffman tables"),
  "bzip2-no-selectors": damaged("a block has no selectors"),
  "bzip2-selector": damaged("a selector names no table"),
  "bzip2-few-selectors": damaged("a block has too few selectors"),
  "bzip2-code": damaged("a Huffman code is not one"),
  "bzip2-run": damaged("a run leaves its block"),
  "bzip2-long-block": damaged("a block is longer than it may be"),
  "bzip2-origin": damaged("a block starts outside of itself"),
  "bzip2-block-crc": damaged("the checksum of a block differs"),
  "bzip2-stream-crc": damaged("the checksum of the stream differs"),
  "bzip2-trailing": ["DELTA_TRAILING", "bytes follow the end of a bzip2 stream"],
  "stream-too-long": ["DELTA_SIZE", "a bzip2 stream holds more bytes than it may"],
  "stream-truncated": ["DELTA_TRUNCATED", "the patch ends before its target does"],
  "stream-trailing": ["DELTA_TRAILING", "the patch holds data that nothing uses"],
  "integer-too-large": ["DELTA_SIZE", "an integer in the patch exceeds 2^53 - 1"],
  "length-negative": ["DELTA_SIZE", "the patch has a negative length"],
  "beyond-target": ["DELTA_SIZE", "the patch writes beyond the end of its target"],
  "no-progress": ["DELTA_CORRUPT", "the patch goes on without making anything"],
  "far-outside": ["DELTA_OFFSET", "the patch reads far outside of its source"],
  "section-truncated": ["DELTA_TRUNCATED", "a section of the patch ends inside an instruction"],
  "section-trailing": ["DELTA_TRAILING", "a window holds data that no instruction uses"],
  "window-too-long": ["DELTA_SIZE", "an instruction writes beyond the end of its window"],
  "window-too-short": ["DELTA_TRUNCATED", "a window makes fewer bytes than it promised"],
  "copy-outside": ["DELTA_OFFSET", "an instruction copies from where nothing is written yet"],
};

/** @throws DeltaError */
export function refuse(reason: Refusal): never {
  throw new DeltaError(...refusals[reason]);
}

function damaged(why: string): readonly [Code, string] {
  return ["DELTA_CORRUPT", `a bzip2 stream in the patch is damaged: ${why}`];
}
