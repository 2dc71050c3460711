/**
 * The source, of which 128 pages of 16 KiB are held, each in the one place where it can be.
 *
 * A patch reads mostly forward, with short trips elsewhere; both then find their page here and cost no call.
 */
import { readSource } from "./calls";
import { PAGES, PAGE_TAGS } from "./places";

const PAGE_BITS: u64 = 14;
export const PAGE_BYTES: u32 = 1 << 14;
const PLACES: u64 = 128;
const NO_PAGE: u64 = u64.MAX_VALUE;

let sourceSize: u64 = 0;

/** Forgets every page. */
export function openSource(size: f64): void {
  sourceSize = <u64>size;
  for (let i: usize = 0; i < <usize>PLACES; i++) store<u64>(PAGE_TAGS + (i << 3), NO_PAGE);
}

// @ts-ignore: decorator
@inline
export function sizeOfSource(): u64 {
  return sourceSize;
}

/** How many bytes follow `position` in its page; `position` lies inside of the source. */
// @ts-ignore: decorator
@inline
export function leftInPage(position: u64): u32 {
  return PAGE_BYTES - (<u32>position & (PAGE_BYTES - 1));
}

/** Where the byte at `position` stands now, and behind it the rest of its page. */
// @ts-ignore: decorator
@inline
export function placeOf(position: u64): usize {
  const page = position >> PAGE_BITS;
  const place = <usize>(page & (PLACES - 1));
  if (load<u64>(PAGE_TAGS + (place << 3)) != page) readPage(page, place);
  return PAGES + (place << <usize>PAGE_BITS) + <usize>(<u32>position & (PAGE_BYTES - 1));
}

function readPage(page: u64, place: usize): void {
  const start = page << PAGE_BITS;
  // Should the reading fail, the place holds neither page.
  store<u64>(PAGE_TAGS + (place << 3), NO_PAGE);
  const bytes = <u32>min<u64>(PAGE_BYTES, sourceSize - start);
  readSource(<f64>start, PAGES + (place << <usize>PAGE_BITS), bytes);
  store<u64>(PAGE_TAGS + (place << 3), page);
}
