/**
 * The instruction code table (RFC 3284, sections 5.4 to 5.6 and 7).
 *
 *   opcode 0xa7  ->  ADD of 2 bytes, then COPY of 5 bytes with address mode 2
 *
 * Each of the 256 opcodes stands for one or two instructions. A table travels, and is kept here, as the
 * RFC's string of 1536 bytes:
 *
 *   first instructions[256] | second[256] | first sizes[256] | second[256] | first modes[256] | second[256]
 *
 * so that `opcode` and `opcode + 256` are the two halves of one entry. A size of 0 means that the size
 * follows the opcode.
 */
import { DeltaError } from "../error.ts";

export const NOOP = 0;
export const ADD = 1;
export const RUN = 2;
export const COPY = 3;

/** Where the sizes and the modes start; instructions start at 0. */
export const SIZES = 512;
export const MODES = 1024;
export const CODE_TABLE_BYTES = 1536;
/** The second half of an opcode's entry stands this far behind its first. */
export const SECOND = 256;

/** Sizes of the two address caches that the default table is made for (section 5.1). */
export const DEFAULT_NEAR = 4;
export const DEFAULT_SAME = 3;

export type CodeTable = {
  readonly entries: Uint8Array;
  readonly nearSize: number;
  readonly sameSize: number;
};

/** Section 5.6. */
export const defaultCodeTable: CodeTable = {
  entries: buildDefaultTable(),
  nearSize: DEFAULT_NEAR,
  sameSize: DEFAULT_SAME,
};

/** @throws DeltaError DELTA_CORRUPT for a table that means nothing */
export function checkCodeTable(table: CodeTable): CodeTable {
  const { entries, nearSize, sameSize } = table;
  for (let half = 0; half < 2 * SECOND; half++) {
    const instruction = entries[half]!;
    const mode = entries[MODES + half]!;
    if (instruction > COPY) throw corrupt(`has an instruction ${instruction}`);
    if (instruction === NOOP && entries[SIZES + half] !== 0) throw corrupt("has a NOOP with a size");
    if (instruction === COPY ? mode >= 2 + nearSize + sameSize : mode !== 0)
      throw corrupt(`has an address mode ${mode} where none can be`);
  }
  return table;
}

function buildDefaultTable(): Uint8Array {
  const entries = new Uint8Array(CODE_TABLE_BYTES);
  let opcode = 0;
  const set = (half: number, instruction: number, size: number, mode = 0): void => {
    entries[half] = instruction;
    entries[SIZES + half] = size;
    entries[MODES + half] = mode;
  };
  const modes = 2 + DEFAULT_NEAR + DEFAULT_SAME;
  set(opcode++, RUN, 0);
  for (let size = 0; size <= 17; size++) set(opcode++, ADD, size);
  for (let mode = 0; mode < modes; mode++) {
    set(opcode++, COPY, 0, mode);
    for (let size = 4; size <= 18; size++) set(opcode++, COPY, size, mode);
  }
  for (let mode = 0; mode < modes; mode++) {
    for (let add = 1; add <= 4; add++) {
      for (let copy = 4; copy <= (mode < 2 + DEFAULT_NEAR ? 6 : 4); copy++) {
        set(opcode, ADD, add);
        set(SECOND + opcode++, COPY, copy, mode);
      }
    }
  }
  for (let mode = 0; mode < modes; mode++) {
    set(opcode, COPY, 4, mode);
    set(SECOND + opcode++, ADD, 1);
  }
  return entries;
}

function corrupt(why: string): DeltaError {
  return new DeltaError("DELTA_CORRUPT", `the code table of the patch ${why}`);
}
