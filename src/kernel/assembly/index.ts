/** What the TypeScript door (../kernel.ts) calls. */

export { transform } from "./burrows-wheeler";
export { COVER_OUT_BYTES, COVER_WORK_BYTES, nextCovers, openCover } from "./cover";
export { SUFFIX_WORK_BYTES, suffixArray } from "./suffix-array";
export { openSearch, searchBytes } from "./suffix-search";
export { WINDOW } from "./pair";
