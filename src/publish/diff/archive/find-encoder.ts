/**
 * Who deflated a stream: the first encoder that makes the very bytes of its content again.
 *
 * An archive has one maker, so the encoder of the stream before is asked first. Nearly all others part from
 * the stream within its first block, and are left there.
 */
import {
  type DeflateEncoder,
  ENCODER_COUNT,
  encoderNumber,
  encoderOf,
  settingsOf,
} from "../../../format/delta/archive/encoder.ts";
import { DeflateKernel } from "../../../kernel/deflate-kernel.ts";
import type { FoundStream } from "./find-streams.ts";

/** So much of the content at once before what came out is compared. */
const STEP_BYTES = 64 * 1024;
/** After so many streams that nobody made, only those are asked who made others. */
const MOST_STRANGE = 16;

export class EncoderSearch {
  /** The likely first. */
  #order: readonly DeflateEncoder[] = Array.from({ length: ENCODER_COUNT }, (_, number) => encoderOf(number))
    .filter((encoder) => encoder !== undefined)
    .toSorted((one, other) => likelihood(one) - likelihood(other));
  readonly #known = new Set<DeflateEncoder>();
  #strange = 0;

  /** @returns its number on the wire; undefined when none makes it */
  find(file: Uint8Array, { start, deflatedBytes, content }: FoundStream): number | undefined {
    const deflated = file.subarray(start, start + deflatedBytes);
    const asked =
      this.#strange < MOST_STRANGE ? this.#order : this.#order.filter((each) => this.#known.has(each));
    const encoder = asked.find((each) => makes(each, content, deflated));
    if (!encoder) {
      this.#strange++;
      return undefined;
    }
    this.#known.add(encoder);
    this.#order = [encoder, ...this.#order.filter((each) => each !== encoder)];
    return encoderNumber(encoder);
  }
}

/** Defaults and extremes are what people ask for. */
function likelihood({ level, memLevel }: DeflateEncoder): number {
  const rank = [6, 9, 1].indexOf(level);
  return (rank < 0 ? 3 : rank) + (memLevel === 8 ? 0 : 4);
}

function makes(encoder: DeflateEncoder, content: Uint8Array, deflated: Uint8Array): boolean {
  const kernel = DeflateKernel.take(settingsOf(encoder));
  let made = 0;
  try {
    for (let at = 0; at === 0 || at < content.length; at += STEP_BYTES) {
      const part = content.subarray(at, at + STEP_BYTES);
      for (const piece of kernel.push(part, at + part.length === content.length)) {
        if (Buffer.compare(piece, deflated.subarray(made, made + piece.length)) !== 0) return false;
        made += piece.length;
      }
    }
    return made === deflated.length;
  } finally {
    kernel.giveBack();
  }
}
