/**
 * bzip2, the encoder: what decode.ts undoes, block by block. The kernel does the work.
 *
 * Better than the reference encoder only in that Huffman tables are refined a few times more.
 */
import type { Bzip2Kernel } from "../../../kernel/kernel.ts";

const LARGEST_LEVEL = 9;

export class Bzip2Encoder {
  readonly #kernel: Bzip2Kernel;
  readonly #stream: number;
  /** What is complete so far, in bytes. */
  bytes = 0;
  #done: Uint8Array[] = [];

  /**
   * @param kernel has room for this stream
   * @param level 1 to 9: how many times 100,000 bytes a block has at most
   */
  constructor(kernel: Bzip2Kernel, level: number = LARGEST_LEVEL) {
    this.#kernel = kernel;
    this.#stream = kernel.open(level);
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
