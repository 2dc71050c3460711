/**
 * Which opcode of a code table says an instruction, or two at once (RFC 3284, section 5.4).
 *
 * A table is searched once, when it is opened, so that an encoder finds its opcodes by index.
 */
import { ADD, COPY, type CodeTable, MODES, NOOP, RUN, SECOND, SIZES } from "./code-table.ts";

/** No table that anybody wrote has a larger size in a single entry, or in the second half of a pair. */
const SINGLE_SIZES = 256;
const PAIR_SIZES = 32;
const INSTRUCTIONS = 4;

export class Opcodes {
  readonly #modes: number;
  /** By instruction, mode and size. */
  readonly #singles: Int16Array;
  /** By the opcode of the first alone, and instruction, mode and size of the second. */
  readonly #pairs: Int16Array;

  /** @throws RangeError for a table that cannot say every instruction with a size of its own */
  constructor({ entries, nearSize, sameSize }: CodeTable) {
    this.#modes = 2 + nearSize + sameSize;
    this.#singles = new Int16Array(INSTRUCTIONS * this.#modes * SINGLE_SIZES).fill(-1);
    this.#pairs = new Int16Array(SECOND * INSTRUCTIONS * this.#modes * PAIR_SIZES).fill(-1);
    for (let opcode = 0; opcode < SECOND; opcode++) {
      if (entries[SECOND + opcode] !== NOOP) continue;
      this.#singles[this.#single(entries[opcode]!, entries[SIZES + opcode]!, entries[MODES + opcode]!)] =
        opcode;
    }
    for (let opcode = 0; opcode < SECOND; opcode++) {
      const second = SECOND + opcode;
      const size = entries[SIZES + second]!;
      if (entries[second] === NOOP || size >= PAIR_SIZES || size === 0) continue;
      const first = this.single(entries[opcode]!, entries[SIZES + opcode]!, entries[MODES + opcode]!);
      // An encoder that has just written the first half alone can still turn it into the pair.
      if (first >= 0)
        this.#pairs[this.#pair(first, entries[second]!, size, entries[MODES + second]!)] = opcode;
    }
    const modes = Array.from({ length: this.#modes }, (_, mode) => this.single(COPY, 0, mode));
    if ([this.single(ADD, 0, 0), this.single(RUN, 0, 0), ...modes].includes(-1))
      throw new RangeError("the code table has no opcode for some instruction of any size");
  }

  /** -1 when the table has none. */
  single(instruction: number, size: number, mode: number): number {
    return size < SINGLE_SIZES ? this.#singles[this.#single(instruction, size, mode)]! : -1;
  }

  /** @param first the opcode of the first instruction alone */
  pair(first: number, instruction: number, size: number, mode: number): number {
    return size < PAIR_SIZES ? this.#pairs[this.#pair(first, instruction, size, mode)]! : -1;
  }

  #single(instruction: number, size: number, mode: number): number {
    return (instruction * this.#modes + mode) * SINGLE_SIZES + size;
  }

  #pair(first: number, instruction: number, size: number, mode: number): number {
    return ((first * INSTRUCTIONS + instruction) * this.#modes + mode) * PAIR_SIZES + size;
  }
}
