/**
 * Where things lie in the memory of the device's kernels.
 *
 *   0x10000  tables of CRC-32                    0x12000  which source pages are held
 *   0x13000  VCDIFF: code table, address caches   0xa0000  the source pages, 2 MiB
 *   0x2b0000 what one patch needs: three bzip2 streams and a piece of target, or a window of VCDIFF
 *
 * Between two places lies a margin, because bytes are moved sixteen at a time and a little too far.
 */
export const CRC_TABLES: usize = 0x10000;
export const PAGE_TAGS: usize = 0x12000;
export const CODE_TABLE: usize = 0x13000;
export const NEAR_CACHE: usize = 0x14000;
export const SAME_CACHE: usize = 0x15000;
export const PAGES: usize = 0xa0000;
export const ARENA: usize = 0x2b0000;
