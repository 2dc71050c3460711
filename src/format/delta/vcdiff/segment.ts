/**
 * The segment that a window copies from: a part of the source, or of the target as far as it is written.
 *
 * Most copies are of a few bytes and lie near the one before. Pages that were read stay at hand (256 of
 * 4 KiB, each in the one place where it can be; fewer for a shorter segment), so that such a copy is a short
 * loop and no call; a long one goes straight from the source into the window.
 */
import type { ByteSource } from "../../../base/byte-source.ts";

const PAGE_BYTES = 4096;
const PAGES = 256;
/** From here on a call costs less than a loop over the bytes. */
const LONG = 256;
const NO_PAGE = -1;

export class Segment {
  length = 0;
  #source: ByteSource | undefined;
  #position = 0;
  #bytes = new Uint8Array(0);
  /** Which page stands in each place. */
  readonly #pages = new Float64Array(PAGES).fill(NO_PAGE);

  /** Forgets every page: what lies behind the written target changes from window to window. */
  open(source: ByteSource, position: number, length: number): void {
    this.#source = source;
    this.#position = position;
    this.length = length;
    this.#pages.fill(NO_PAGE);
    const pages = Math.min(PAGES, Math.ceil(length / PAGE_BYTES));
    if (this.#bytes.length < pages * PAGE_BYTES) this.#bytes = new Uint8Array(pages * PAGE_BYTES);
  }

  /** Copies `size` bytes from `address`, all of them inside of the segment. */
  copy(address: number, target: Uint8Array, at: number, size: number): void {
    const offset = address % PAGE_BYTES;
    if (size >= LONG || offset + size > PAGE_BYTES) {
      this.#source!.read(this.#position + address, target.subarray(at, at + size));
      return;
    }
    const bytes = this.#bytes;
    const from = this.#page((address - offset) / PAGE_BYTES) + offset;
    for (let i = 0; i < size; i++) target[at + i] = bytes[from + i]!;
  }

  /** Where the page stands in `#bytes`. */
  #page(page: number): number {
    const place = page % PAGES;
    const start = place * PAGE_BYTES;
    if (this.#pages[place] !== page) {
      const first = page * PAGE_BYTES;
      const length = Math.min(PAGE_BYTES, this.length - first);
      this.#source!.read(this.#position + first, this.#bytes.subarray(start, start + length));
      this.#pages[place] = page;
    }
    return start;
  }
}
