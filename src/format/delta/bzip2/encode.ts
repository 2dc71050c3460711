/**
 * bzip2, the encoder: what decode.ts undoes, block by block, at level 9. The kernel does the work.
 *
 * Better than the reference encoder only in that Huffman tables are refined a few times more.
 */
import type { Bzip2Kernel } from "../../../kernel/kernel.ts";

export class Bzip2Encoder {
  readonly #kernel: Bzip2Kernel;
  readonly #stream: number;
  /** What is complete so far, in bytes. */
  bytes = 0;
  #done: Uint8Array[] = [];

  /** @param kernel has room for this stream */
  constructor(kernel: Bzip2Kernel) {
    this.#kernel = kernel;
    this.#stream = kernel.open();
  }

  push(bytes: Uint8Array): void {
    for (const piece of this.#kernel.push(this.#stream, bytes)) {
      if (piece.length === 0) continue;
      this.#done.push(piece);
      this.bytes += piece.length;
    }
  }

  /** The whole stream, of which every byte is written. */
  finish(): Uint8Array {
    const all = Buffer.concat([...this.#done, this.#kernel.finish(this.#stream)]);
    this.#done = [];
    return all;
  }
}
