/**
 * A stream of BSDF2 in the compressor that makes it shortest: bzip2, brotli or none.
 *
 * Brotli has no synchronous stream in Node, so what it compresses is held. It takes more than a second a MiB,
 * a hundred times as long as bzip2: a long stream is compressed by it only when it wins on a sample. What
 * decides is bytes, so the same stream comes out everywhere.
 */
import { brotliCompressSync, constants } from "node:zlib";
import { Bzip2Kernel } from "../../../kernel/kernel.ts";
import { ENCODERS_EACH, ShorterBzip2 } from "../bzip2/shorter.ts";
import type { Compressor } from "./container.ts";
import { HeldBytes } from "./held-bytes.ts";

export type PackedStream = { readonly compressor: Compressor; readonly bytes: Uint8Array };

/** A window of 1 MiB: what a device holds of each stream. Of 4 MiB it gains 0.2 %. */
const BROTLI_WINDOW_LOG = 20;
const BROTLI_QUALITY = 11;
/** Measured at quality 11: hash table, ring buffer and commands. */
export const BROTLI_WORK_BYTES: number = 48 * 2 ** 20;
/** Five seconds of brotli; of what is longer a sample is taken first. */
const SAMPLED_ABOVE = 4 * 2 ** 20;
const SAMPLE_SLICES = 8;
const SLICE_BYTES = 128 * 1024;

export class ShortestStream {
  /** Of which compressor is not known before the end, so nothing is sure. */
  readonly bytes = 0;
  readonly #held = new HeldBytes();
  readonly #bzip2: ShorterBzip2;

  /** @param kernel has room for ENCODERS_EACH more */
  constructor(kernel: Bzip2Kernel) {
    this.#bzip2 = new ShorterBzip2(kernel);
  }

  push(bytes: Uint8Array): void {
    this.#held.push(bytes);
    this.#bzip2.push(bytes);
  }

  /** Of two that are as long it is bzip2, and none before brotli. */
  finish(): PackedStream {
    const bzip2 = this.#bzip2.finish();
    const length = this.#held.length;
    const useBrotli = length <= SAMPLED_ABOVE || brotliWins(this.#held.sample(SAMPLE_SLICES, SLICE_BYTES));
    if (!useBrotli && bzip2.length <= length) {
      this.#held.clear();
      return { compressor: "bzip2", bytes: bzip2 };
    }
    const stored = this.#held.take();
    const brotli = useBrotli ? compressBrotli(stored) : stored;
    if (bzip2.length <= Math.min(length, brotli.length)) return { compressor: "bzip2", bytes: bzip2 };
    if (length <= brotli.length) return { compressor: "none", bytes: stored };
    return { compressor: "brotli", bytes: brotli };
  }
}

function brotliWins(sample: Uint8Array): boolean {
  const bzip2 = new ShorterBzip2(new Bzip2Kernel(ENCODERS_EACH));
  bzip2.push(sample);
  return compressBrotli(sample).length < Math.min(sample.length, bzip2.finish().length);
}

function compressBrotli(bytes: Uint8Array): Uint8Array {
  return brotliCompressSync(bytes, {
    params: {
      [constants.BROTLI_PARAM_QUALITY]: BROTLI_QUALITY,
      [constants.BROTLI_PARAM_LGWIN]: BROTLI_WINDOW_LOG,
      [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length,
    },
  });
}
