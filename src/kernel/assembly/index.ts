/** What the TypeScript door (../kernel.ts) calls. */

export { transform } from "./burrows-wheeler";
export { bzip2Input, bzip2Output, encode, finishEncoder, openBzip2Work, openEncoder } from "./bzip2/encode";
// Each is called by itself as well, so that the engine may exchange it while a block is under way.
export { moveToFront, putGroup } from "./bzip2/encode";
export { ENCODER_BYTES, INPUT_BYTES, SHARED_BYTES } from "./bzip2/encoder";
export { selectTable } from "./bzip2/tables";
export { COVER_OUT_BYTES, COVER_WORK_BYTES, nextCovers, openCover } from "./cover";
export { SUFFIX_WORK_BYTES, suffixArray } from "./suffix-array";
export { openSearch, searchBytes } from "./suffix-search";
export { WINDOW } from "./pair";
