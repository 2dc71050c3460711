/**
 * The instructions of one window, carried out (RFC 3284, section 5).
 *
 *   ADD   n bytes of the data section
 *   RUN   n times the next byte of the data section
 *   COPY  n bytes from an address in U: the segment first, then the window as far as it is written
 *
 * A COPY may read bytes that it is itself writing; then they repeat. It may begin in the segment and end
 * in the window: the RFC allows it, open-vcdiff reads it, xdelta3 does not.
 *
 * This is where all the time goes: nothing is allocated for an instruction, except to name the place of a
 * copy that is not small.
 */
import { DeltaError } from "../error.ts";
import { type AddressCache, HERE, NEAR, SELF } from "./address-cache.ts";
import { ADD, type CodeTable, MODES, NOOP, RUN, SECOND, SIZES } from "./code-table.ts";
import type { Cursor } from "./integer.ts";
import type { Segment } from "./segment.ts";

/** Up to here a loop is faster than a call that wants its own view of the bytes. */
const SMALL = 48;

/** The three sections; the same cursor three times when they are interleaved. */
export type Sections = {
  readonly data: Cursor;
  readonly instructions: Cursor;
  readonly addresses: Cursor;
};

/** Fills `target`, or refuses. @throws DeltaError */
export function followInstructions(
  { data, instructions, addresses }: Sections,
  { entries }: CodeTable,
  cache: AddressCache,
  segment: Segment,
  target: Uint8Array,
): void {
  const segmentLength = segment.length;
  const length = target.length;
  const end = instructions.bytes.length;
  const bytes = data.bytes;
  let at = 0;
  while (instructions.at < end) {
    const opcode = instructions.bytes[instructions.at++]!;
    for (let half = opcode; half < 2 * SECOND; half += SECOND) {
      const instruction = entries[half]!;
      if (instruction === NOOP) continue;
      const size = entries[SIZES + half]! || instructions.integer();
      if (size > length - at) throw tooLong();
      if (instruction === ADD) {
        const from = data.take(size);
        if (size <= SMALL) for (let i = 0; i < size; i++) target[at + i] = bytes[from + i]!;
        else target.set(bytes.subarray(from, from + size), at);
      } else if (instruction === RUN) {
        target.fill(data.byte(), at, at + size);
      } else {
        const here = segmentLength + at;
        const address = readAddress(addresses, cache, entries[MODES + half]!, here);
        // Section 5.3: what is not yet written cannot be copied. Written so that NaN would be refused too.
        if (!(address >= 0 && address < here)) throw outside();
        cache.remember(address);
        if (address >= segmentLength) copyWithin(target, address - segmentLength, at, size);
        else copySegment(segment, address, target, at, size);
      }
      at += size;
    }
  }
  if (at !== length)
    throw new DeltaError("DELTA_TRUNCATED", `a window makes ${at} bytes and promised ${length}`);
  if (data.at !== bytes.length || addresses.at !== addresses.bytes.length)
    throw new DeltaError("DELTA_TRAILING", "a window holds data that no instruction uses");
}

function readAddress(addresses: Cursor, cache: AddressCache, mode: number, here: number): number {
  if (mode === SELF) return addresses.integer();
  if (mode === HERE) return here - addresses.integer();
  const near = mode - NEAR;
  const slots = cache.near.length;
  if (near < slots) return cache.near[near]! + addresses.integer();
  return cache.same[(near - slots) * 256 + addresses.byte()]!;
}

function copySegment(segment: Segment, address: number, target: Uint8Array, at: number, size: number): void {
  const fromSegment = Math.min(size, segment.length - address);
  segment.copy(address, target, at, fromSegment);
  if (fromSegment < size) copyWithin(target, 0, at + fromSegment, size - fromSegment);
}

/** @param from before `to`; nearer than `size` means that the bytes between repeat */
function copyWithin(target: Uint8Array, from: number, to: number, size: number): void {
  if (size <= SMALL) {
    for (let i = 0; i < size; i++) target[to + i] = target[from + i]!;
    return;
  }
  // What is copied so far is a whole number of periods, so each round may copy twice as much as the last.
  for (let done = 0; done < size; ) {
    const count = Math.min(to + done - from, size - done);
    target.copyWithin(to + done, from, from + count);
    done += count;
  }
}

function tooLong(): DeltaError {
  return new DeltaError("DELTA_SIZE", "an instruction writes beyond the end of its window");
}

function outside(): DeltaError {
  return new DeltaError("DELTA_OFFSET", "an instruction copies from where nothing is written yet");
}
