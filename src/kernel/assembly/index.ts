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
export { SUFFIX_WORK_BYTES, suffixArray } from "./suffix-array";
export { openSearch, searchBytes } from "./suffix-search";
