/**
 * How zstd is told to reach all of a source that is its dictionary.
 *
 * Its default tables remember the last few MiB; of a larger source they find next to nothing. A window over
 * both files, a chain table with a cell for each of their bytes and a hash table of half as many reach
 * everything. zstd keeps each table twice, once for the dictionary and once for the target.
 */
import { mebibytes, overLimit, tooLarge } from "../../format/delta/memory-limit.ts";

/** Level 19 takes about a second a MiB: beyond this, level 9, a twelfth of that. */
const SLOW_BYTES = 512 * 2 ** 20;
const SLOW_LEVEL = 19;
const FAST_LEVEL = 9;
const CELL_BYTES = 4;
const TABLE_COPIES = 2;
/** ZSTD_WINDOWLOG_MAX_64, ZSTD_CHAINLOG_MAX_64. */
const MAX_WINDOW_LOG = 31;
const MAX_CHAIN_LOG = 30;
const MIN_LOG = 17;
/** A table of an eighth of the cells still finds something; one of less is not worth its time. */
const LEAST_SHARE_LOG = 3;
/** Without a limit of the caller's: for tables beyond this nobody waits. */
const DEFAULT_LIMIT = 4 * 2 ** 30;

export type ZstdTables = {
  readonly level: number;
  readonly windowLog: number;
  readonly hashLog: number;
  readonly chainLog: number;
  readonly memoryBytes: number;
};

/** The largest tables that fit. @throws ThemisError DIFF_TOO_LARGE when none do */
export function planZstdTables(
  sourceSize: number,
  targetSize: number,
  memoryLimit: number = DEFAULT_LIMIT,
): ZstdTables {
  const bytes = Math.max(2, sourceSize + targetSize);
  const reach = Math.max(MIN_LOG, Math.ceil(Math.log2(bytes)));
  if (reach > MAX_WINDOW_LOG) {
    throw tooLarge(`zstd's window ends at 2 GiB, and the two files have ${mebibytes(bytes)}`);
  }
  const level = bytes <= SLOW_BYTES ? SLOW_LEVEL : FAST_LEVEL;
  // Ours and zstd's own copy of the source, the target, and the patch at its longest.
  const files = 2 * sourceSize + 2 * targetSize;
  const plan = (chainLog: number): ZstdTables => {
    const hashLog = Math.max(MIN_LOG, chainLog - 1);
    const tables = TABLE_COPIES * CELL_BYTES * (2 ** hashLog + 2 ** chainLog);
    return { level, windowLog: reach, hashLog, chainLog, memoryBytes: files + tables };
  };
  const least = Math.max(MIN_LOG, reach - LEAST_SHARE_LOG);
  for (let chainLog = Math.min(reach, MAX_CHAIN_LOG); chainLog >= least; chainLog--) {
    const tables = plan(chainLog);
    if (tables.memoryBytes <= memoryLimit) return tables;
  }
  throw overLimit(`it takes ${mebibytes(plan(least).memoryBytes)} of memory at the least`, memoryLimit);
}
