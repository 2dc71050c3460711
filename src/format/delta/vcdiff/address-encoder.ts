/**
 * The cheapest way to say an address (RFC 3284, section 5.3), and what it costs.
 *
 * SELF, HERE and NEAR take an integer, SAME always one byte. Among equals SAME comes last, because the
 * default table pairs it with fewer sizes; the modes change nothing else, both caches go by the address.
 */
import { type AddressCache, HERE, NEAR, SELF } from "./address-cache.ts";
import { integerLength } from "./integer.ts";

export class AddressEncoder {
  readonly #cache: AddressCache;
  /** What `encode` chose. */
  mode = SELF;
  value = 0;
  /** SAME: the value is a byte and no integer. */
  isByte = false;

  constructor(cache: AddressCache) {
    this.#cache = cache;
  }

  clear(): void {
    this.#cache.clear();
  }

  /** Chooses, and remembers the address as the decoder will. */
  encode(address: number, here: number): void {
    this.choose(address, here);
    this.#cache.remember(address);
  }

  /** How many bytes the address would take now; nothing is remembered. */
  cost(address: number, here: number): number {
    this.choose(address, here);
    return this.isByte ? 1 : integerLength(this.value);
  }

  choose(address: number, here: number): void {
    const { near, same } = this.#cache;
    let mode = SELF;
    let value = address;
    // Fewer bytes and a smaller value are the same wish: compare values, lengths follow.
    if (here - address < value) {
      mode = HERE;
      value = here - address;
    }
    for (let i = 0; i < near.length; i++) {
      const behind = address - near[i]!;
      if (behind >= 0 && behind < value) {
        mode = NEAR + i;
        value = behind;
      }
    }
    this.isByte = false;
    if (value >= 128 && same.length > 0) {
      const slot = address % same.length;
      if (same[slot] === address) {
        mode = NEAR + near.length + (slot >>> 8);
        value = slot & 0xff;
        this.isByte = true;
      }
    }
    this.mode = mode;
    this.value = value;
  }
}
