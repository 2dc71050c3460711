/**
 * What a patch costs, in 1/32 byte.
 *
 * Patches of the bsdiff family add a difference to the source, so a byte that differs is only dear. VCDIFF
 * copies, so a byte that differs must be left out. Costs of bsdiff are those after compression, measured on
 * executables; those of VCDIFF are as RFC 3284 writes them.
 */
/** More than any change. */
export const NEVER: i32 = 0x00400000;

/** Of a byte that is the same as in the source, and of one that differs; a copy is never charged for either. */
export let equalCost: i32;
export let unequalCost: i32;
export let extraCost: i32;
/** Of the first byte of nothing. */
export let toExtraCost: i32;
/** To another diagonal; for VCDIFF without its address. */
export let changeCost: i32;
export let minMatch: u32;
/** Where the diagonal goes on for so long, no better one is looked for. */
export let skipRun: u32;
/** Whether a byte that differs cannot be made from the source at all. */
export let exact: bool = false;

export function costsOfBsdiff(): void {
  exact = false;
  equalCost = 1;
  unequalCost = 50;
  extraCost = 32;
  toExtraCost = 8;
  changeCost = 500;
  minMatch = 12;
  skipRun = 16;
}

export function costsOfVcdiff(): void {
  exact = true;
  extraCost = 32;
  toExtraCost = 28;
  changeCost = 52;
  minMatch = 6;
  skipRun = 12;
}
