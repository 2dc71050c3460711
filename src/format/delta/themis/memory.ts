/** What the kernel of THEMIS takes, from what a header says: the same sum as in kernel/assembly/themis.ts, rounded up. */
import type { TableShape } from "../../../kernel/themis-kernel.ts";
import { BUCKET_LOGS, LEARNED_LOGS } from "./container.ts";

/** Source pages, mixers and single cells, whatever the patch. */
const FIXED_BYTES = 4.5 * 2 ** 20;
const BUCKET_BYTES = 32;
/** An exact and a near address, a near word, a literal and where it was. */
const LEARNED_BYTES = 16 + 8 + 8 + 5;
/** With its place in the order, twice while it is sorted. */
const COVER_BYTES = 24;

/** In bytes, an upper bound. */
export function themisMemory({ bucketLog, learnedLog, coverCount }: TableShape): number {
  return (
    FIXED_BYTES + BUCKET_BYTES * 2 ** bucketLog + LEARNED_BYTES * 2 ** learnedLog + COVER_BYTES * coverCount
  );
}

/** What no patch comes below. */
export const leastThemisMemory: number = themisMemory({
  bucketLog: BUCKET_LOGS.least,
  learnedLog: LEARNED_LOGS.least,
  coverCount: 0,
});
