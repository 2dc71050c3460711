/** Why a coded stream is refused. The numbers are the order of `THEMIS_REFUSALS` in ../../themis-kernel.ts. */

export const CODED_TRUNCATED: u32 = 0;
export const CODED_TRAILING: u32 = 1;
export const COPY_BEYOND_SOURCE: u32 = 2;
export const COVER_BEYOND_TARGET: u32 = 3;
