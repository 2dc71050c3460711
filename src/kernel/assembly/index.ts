/** What the TypeScript door (../kernel.ts) calls. */

export { transform } from "./burrows-wheeler";
export {
  choosePurpose,

  COVER_WORK_BYTES,
  MORE,
  nextCovers,
  oldestNeeded,
  openCover,
  provide,
} from "./cover";
export { WINDOW } from "./pair";
export { INDEX_WORK_BYTES } from "./sparse-index";
export { COVER_OUT_BYTES } from "./states";
export { bzip2Input, bzip2Output, encode, finishEncoder, openBzip2Work, openEncoder } from "./bzip2/encode";
// Each is called by itself as well, so that the engine may exchange it while a block is under way.
export { moveToFront, putGroup } from "./bzip2/encode";
export { ENCODER_BYTES, INPUT_BYTES, SHARED_BYTES } from "./bzip2/encoder";
export { selectTable } from "./bzip2/tables";
export { SUFFIX_WORK_BYTES, suffixArray } from "./suffix-array";
export { foresee, indexSource, openSearch, searchBytes } from "./suffix-search";
