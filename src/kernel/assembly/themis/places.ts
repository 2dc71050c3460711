/**
 * Where things lie in the memory of the kernel of THEMIS.
 *
 *   0x10000  tables of the logistic function       0x12000  which source pages are held
 *   0x20000  everything small with a place of its own
 *   0xa0000  the source pages, 2 MiB                0x2b0000 models, then what grows with the patch
 */
export const STRETCH: usize = 0x10000;
export const SQUASH: usize = 0x13000;
export const RECIPROCALS: usize = 0x17000;
export const OPCODES: usize = 0x18000;
export const OLD_RANGES: usize = 0x18800;
export const NEW_RANGES: usize = 0x19800;
export const OLD_BASES: usize = 0x1a800;
export const NEW_BASES: usize = 0x1a840;
export const CONTEXTS: usize = 0x1a880;
export const REGISTERS: usize = 0x1aa00;
export const COSTS: usize = 0x1b000;
export const SPENT: usize = 0x1f000;
export const WINDOW: usize = 0x20000;
export const WINDOW_BYTES: u32 = 0x3000;
export const INPUT: usize = 0x24000;
export const INPUT_BYTES: u32 = 0x8000;
export const TARGET: usize = 0x30000;
export const ARENA: usize = 0x2b0000;
