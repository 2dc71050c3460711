/**
 * LZMA: LZ77 whose every decision is a bit, coded with the probability it had before (Igor Pavlov).
 *
 *   range coder   range and code of 32 bits; a bit splits the range by an 11-bit probability, which then
 *                 moves by 1/32 towards what came; below 2^24 the next byte of input comes in
 *   decisions     literal | match (length, distance) | one of the last four distances again
 *   state         which of 12 kinds of recent history this is, and with it the probabilities to use
 *
 * One call decodes one chunk of LZMA2: it must use its input up and end exactly where it should.
 */
import { DeltaError } from "../error.ts";

export type LzmaProperties = {
  /** lc: bits of the byte before that choose a literal's probabilities. */
  readonly literalContext: number;
  /** lp: bits of the position that do. */
  readonly literalPosition: number;
  /** pb: bits of the position that choose all others. */
  readonly position: number;
};

export type LzmaOutput = {
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly end: number;
  /** Where the dictionary begins; may lie before the buffer, when its oldest part is gone. */
  readonly origin: number;
  readonly dictionaryBytes: number;
};

const STATES = 12;
/** Below this state the last thing decoded was a literal. */
const LITERAL_STATES = 7;
const POSITIONS = 16;
const MIN_MATCH = 2;
const EVEN = 1024;

/** Where each kind of decision has its probabilities, one behind the other. */
const IS_MATCH = 0;
const IS_REPEAT = IS_MATCH + STATES * POSITIONS;
const IS_REPEAT_0 = IS_REPEAT + STATES;
const IS_REPEAT_1 = IS_REPEAT_0 + STATES;
const IS_REPEAT_2 = IS_REPEAT_1 + STATES;
const IS_REPEAT_0_LONG = IS_REPEAT_2 + STATES;
const SLOTS = IS_REPEAT_0_LONG + STATES * POSITIONS;
const SLOT_CLASSES = 4;
const SPECIAL = SLOTS + SLOT_CLASSES * 64;
const ALIGN = SPECIAL + 128;
const MATCH_LENGTH = ALIGN + 16;
/** A length: choice, second choice, low[16][8], middle[16][8], high[256]. */
const LENGTH_LOW = 2;
const LENGTH_MIDDLE = LENGTH_LOW + POSITIONS * 8;
const LENGTH_HIGH = LENGTH_MIDDLE + POSITIONS * 8;
const REPEAT_LENGTH = MATCH_LENGTH + LENGTH_HIGH + 256;
const LITERAL = REPEAT_LENGTH + LENGTH_HIGH + 256;
const LITERAL_SIZE = 0x300;
const MAX_LITERAL_CONTEXTS = 1 << 4;

export class LzmaDecoder {
  readonly #chances = new Uint16Array(LITERAL + LITERAL_SIZE * MAX_LITERAL_CONTEXTS);
  #properties: LzmaProperties = { literalContext: 0, literalPosition: 0, position: 0 };
  #state = 0;
  readonly #repeats = new Uint32Array(4);

  #input = new Uint8Array(0) as Uint8Array;
  #at = 0;
  #end = 0;
  #range = 0;
  #code = 0;

  /** With lc + lp at most 4, as LZMA2 has it. */
  start(properties: LzmaProperties): void {
    this.#properties = properties;
    this.reset();
  }

  reset(): void {
    this.#chances.fill(EVEN);
    this.#state = 0;
    this.#repeats.fill(0);
  }

  /** @throws DeltaError DELTA_CORRUPT */
  decode(input: Uint8Array, start: number, end: number, output: LzmaOutput): void {
    if (end - start < 5 || input[start] !== 0) throw corrupt("the range coder does not start with zero");
    this.#input = input;
    this.#at = start + 5;
    this.#end = end;
    this.#range = 0xffffffff;
    this.#code =
      ((input[start + 1]! << 24) |
        (input[start + 2]! << 16) |
        (input[start + 3]! << 8) |
        input[start + 4]!) >>>
      0;
    this.#decisions(output);
    this.#normalize();
    if (this.#at !== end || this.#code !== 0) throw corrupt("a chunk does not end where it should");
  }

  #decisions({ bytes, start, end, origin, dictionaryBytes }: LzmaOutput): void {
    const repeats = this.#repeats;
    const { literalContext, literalPosition, position } = this.#properties;
    const positionMask = (1 << position) - 1;
    const literalMask = (1 << literalPosition) - 1;
    let state = this.#state;
    for (let at = start; at < end; ) {
      const place = at - origin;
      const positionState = place & positionMask;
      if (this.#bit(IS_MATCH + state * POSITIONS + positionState) === 0) {
        const before = place > 0 ? bytes[at - 1]! : 0;
        const context = ((place & literalMask) << literalContext) + (before >>> (8 - literalContext));
        const chances = LITERAL + LITERAL_SIZE * context;
        if (state < LITERAL_STATES) bytes[at++] = this.#literal(chances);
        else {
          const distance = repeats[0]! + 1;
          if (distance > place || distance > dictionaryBytes) throw tooFar();
          bytes[at] = this.#matchedLiteral(chances, bytes[at - distance]!);
          at++;
        }
        state = state < 4 ? 0 : state < 10 ? state - 3 : state - 6;
        continue;
      }
      let length = 0;
      if (this.#bit(IS_REPEAT + state) === 0) {
        length = this.#length(MATCH_LENGTH, positionState);
        state = state < LITERAL_STATES ? 7 : 10;
        repeats.copyWithin(1, 0, 3);
        repeats[0] = this.#distance(length);
      } else {
        const shortest = this.#repeat(state, positionState);
        length = shortest ? 1 : this.#length(REPEAT_LENGTH, positionState);
        state = state < LITERAL_STATES ? (shortest ? 9 : 8) : 11;
      }
      const distance = repeats[0]! + 1;
      if (distance > place || distance > dictionaryBytes) throw tooFar();
      if (length > end - at) throw corrupt("a match goes beyond the end of its chunk");
      for (const stop = at + length; at < stop; at++) bytes[at] = bytes[at - distance]!;
    }
    this.#state = state;
  }

  #literal(chances: number): number {
    let symbol = 1;
    while (symbol < 0x100) symbol = symbol * 2 + this.#bit(chances + symbol);
    return symbol & 0xff;
  }

  /** After a match the byte that the match would have gone on with helps, until the first bit that differs. */
  #matchedLiteral(chances: number, expected: number): number {
    let match = expected;
    let offset = 0x100;
    let symbol = 1;
    while (symbol < 0x100) {
      match <<= 1;
      const expectedBit = match & offset;
      const bit = this.#bit(chances + offset + expectedBit + symbol);
      symbol = symbol * 2 + bit;
      offset &= bit === 0 ? ~match : match;
    }
    return symbol & 0xff;
  }

  /** Brings one of the last four distances to the front; true when it is for a single byte. */
  #repeat(state: number, positionState: number): boolean {
    const repeats = this.#repeats;
    if (this.#bit(IS_REPEAT_0 + state) === 0)
      return this.#bit(IS_REPEAT_0_LONG + state * POSITIONS + positionState) === 0;
    let index = 1;
    if (this.#bit(IS_REPEAT_1 + state) === 1) index = 2 + this.#bit(IS_REPEAT_2 + state);
    const distance = repeats[index]!;
    repeats.copyWithin(1, 0, index);
    repeats[0] = distance;
    return false;
  }

  #length(chances: number, positionState: number): number {
    if (this.#bit(chances) === 0) return MIN_MATCH + this.#tree(chances + LENGTH_LOW + positionState * 8, 3);
    if (this.#bit(chances + 1) === 0)
      return MIN_MATCH + 8 + this.#tree(chances + LENGTH_MIDDLE + positionState * 8, 3);
    return MIN_MATCH + 16 + this.#tree(chances + LENGTH_HIGH, 8);
  }

  #distance(length: number): number {
    const slot = this.#tree(SLOTS + Math.min(length - MIN_MATCH, SLOT_CLASSES - 1) * 64, 6);
    if (slot < 4) return slot;
    const bits = (slot >>> 1) - 1;
    const base = (2 | (slot & 1)) << bits;
    if (slot < 14) return base + this.#reverseTree(SPECIAL + base - slot, bits);
    const middle = this.#direct(bits - 4) * 16;
    return ((base + middle) >>> 0) + this.#reverseTree(ALIGN, 4);
  }

  #tree(chances: number, bits: number): number {
    let symbol = 1;
    for (let i = 0; i < bits; i++) symbol = symbol * 2 + this.#bit(chances + symbol);
    return symbol - (1 << bits);
  }

  /** Lowest bit first. */
  #reverseTree(chances: number, bits: number): number {
    let symbol = 1;
    let value = 0;
    for (let i = 0; i < bits; i++) {
      const bit = this.#bit(chances + symbol);
      symbol = symbol * 2 + bit;
      value |= bit << i;
    }
    return value;
  }

  /** Bits that are as likely 0 as 1. */
  #direct(bits: number): number {
    let value = 0;
    for (let i = 0; i < bits; i++) {
      this.#normalize();
      this.#range >>>= 1;
      const bit = this.#code >= this.#range ? 1 : 0;
      if (bit) this.#code -= this.#range;
      value = value * 2 + bit;
    }
    return value;
  }

  #bit(chance: number): number {
    if (this.#range < 0x1000000) this.#normalize();
    const chances = this.#chances;
    const probability = chances[chance]!;
    const bound = (this.#range >>> 11) * probability;
    if (this.#code < bound) {
      this.#range = bound;
      chances[chance] = probability + ((2048 - probability) >>> 5);
      return 0;
    }
    this.#range -= bound;
    this.#code -= bound;
    chances[chance] = probability - (probability >>> 5);
    return 1;
  }

  #normalize(): void {
    if (this.#range >= 0x1000000) return;
    if (this.#at >= this.#end) throw corrupt("a chunk ends before its bytes do");
    this.#range = this.#range * 256;
    this.#code = (this.#code % 0x1000000) * 256 + this.#input[this.#at++]!;
  }
}

function tooFar(): DeltaError {
  return new DeltaError("DELTA_OFFSET", "a section compressed with LZMA repeats what was never there");
}

function corrupt(why: string): DeltaError {
  return new DeltaError("DELTA_CORRUPT", `a section compressed with LZMA is damaged: ${why}`);
}
