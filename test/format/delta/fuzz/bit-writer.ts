/** Bits, most significant first, into bytes that grow. */
export class BitWriter {
  #bytes = new Uint8Array(64 * 1024);
  #length = 0;
  #buffer = 0;
  #pending = 0;

  /** @param count 1 to 24 */
  write(value: number, count: number): void {
    this.#buffer = (this.#buffer << count) | value;
    this.#pending += count;
    while (this.#pending >= 8) {
      this.#pending -= 8;
      this.#push((this.#buffer >>> this.#pending) & 0xff);
    }
    this.#buffer &= (1 << this.#pending) - 1;
  }

  write32(value: number): void {
    this.write(value >>> 16, 16);
    this.write(value & 0xffff, 16);
  }

  /** The whole bytes so far; what is taken is gone. */
  take(): Uint8Array {
    const taken = this.#bytes.slice(0, this.#length);
    this.#length = 0;
    return taken;
  }

  /** Zeros up to the next whole byte. */
  align(): void {
    if (this.#pending > 0) this.write(0, 8 - this.#pending);
  }

  #push(byte: number): void {
    if (this.#length === this.#bytes.length) {
      const grown = new Uint8Array(this.#bytes.length * 2);
      grown.set(this.#bytes);
      this.#bytes = grown;
    }
    this.#bytes[this.#length++] = byte;
  }
}
