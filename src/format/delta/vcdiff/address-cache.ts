/**
 * Addresses of COPY instructions (RFC 3284, section 5.1 to 5.3).
 *
 *   mode 0 SELF             the address itself
 *   mode 1 HERE             how far back from the place that is being written
 *   mode 2 … NEAR           how far behind one of the last `nearSize` addresses
 *   mode 2 + nearSize … SAME   one byte: which of 256 earlier addresses of this slot, exactly
 *
 * Both sides remember every address in the same way, so the caches need no word in the patch. They start
 * empty in every window.
 */
export const SELF = 0;
export const HERE = 1;
export const NEAR = 2;

export class AddressCache {
  /** Numbers up to 2^53: positions in a source may exceed 32 bits. */
  readonly near: Float64Array;
  readonly same: Float64Array;
  #next = 0;

  constructor({ nearSize, sameSize }: { readonly nearSize: number; readonly sameSize: number }) {
    this.near = new Float64Array(nearSize);
    this.same = new Float64Array(sameSize * 256);
  }

  clear(): void {
    this.near.fill(0);
    this.same.fill(0);
    this.#next = 0;
  }

  /** Section 5.1, cache_update. */
  remember(address: number): void {
    const { near, same } = this;
    if (near.length > 0) {
      near[this.#next] = address;
      this.#next = this.#next + 1 === near.length ? 0 : this.#next + 1;
    }
    if (same.length > 0) same[address % same.length] = address;
  }
}
