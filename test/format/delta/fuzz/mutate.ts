/**
 * Mutations of bytes by someone who knows nothing of their format but a little of programs: bits flip, bytes
 * take the values at the edges of types, ranges go, come twice or come from elsewhere, and integers of every
 * spelling become huge, negative or one too many.
 */
import { writeInteger as writeSigned } from "../../../../src/format/delta/bsdiff/integer.ts";
import { integerLength, writeInteger as writeVarint } from "../../../../src/format/delta/vcdiff/integer.ts";
import { pick, type Roll } from "./dice.ts";

const BYTES = [0, 1, 2, 0x40, 0x7f, 0x80, 0x81, 0xc0, 0xfe, 0xff];
/** Headers stand in front: half of the edits go there. */
const HEADER_BYTES = 48;

/** Up to 2^53 - 1: at the edge of a type, or of something that the patch has to do with. */
export function edgeNumber(near: readonly number[], roll: Roll): number {
  const value = roll(2) ? pick(near, roll) : 2 ** roll(54);
  return Math.min(Number.MAX_SAFE_INTEGER, Math.max(0, value + roll(3) - 1));
}

export function mutateBytes(bytes: Uint8Array, others: readonly Uint8Array[], roll: Roll): Uint8Array {
  let mutated = bytes;
  for (let edits = roll(4) ? 1 : 2 + roll(3); edits > 0; edits--) mutated = edit(mutated, others, roll);
  return mutated;
}

function edit(bytes: Uint8Array, others: readonly Uint8Array[], roll: Roll): Uint8Array {
  const { length } = bytes;
  const at = roll((roll(2) ? length : Math.min(length, HEADER_BYTES)) + 1);
  const until = Math.min(length, at + 1 + roll(roll(4) ? 8 : length));
  switch (roll(10)) {
    case 0:
      return bytes.subarray(0, roll(2) ? at : length - Math.min(length, 1 + roll(8)));
    case 1:
      return replace(bytes, length, length, chaos(1 + roll(40), roll));
    case 2: {
      const other = pick(others, roll);
      return replace(bytes, at, length, other.subarray(roll(other.length + 1)));
    }
    case 3:
      return replace(bytes, at, until, new Uint8Array(0));
    case 4:
      return replace(bytes, roll(2) ? at : until, until, bytes.subarray(at, until));
    case 5: {
      const integer = spelled(edgeNumber([0, length, at], roll), roll);
      return replace(bytes, at, roll(3) ? Math.min(length, at + integer.length) : at, integer);
    }
    case 6:
      return replace(bytes, at, until, new Uint8Array(until - at).fill(pick(BYTES, roll)));
    case 7:
      return at < length ? replace(bytes, at, at + 1, Uint8Array.of(pick(BYTES, roll))) : bytes;
    default: {
      const flipped = Uint8Array.from(bytes);
      for (let flips = 1 + roll(3); flips > 0 && length > 0; flips--) {
        const index = roll(2) ? roll(length) : at % length;
        flipped[index] = flipped[index]! ^ (1 << roll(8));
      }
      return flipped;
    }
  }
}

export function replace(
  bytes: Uint8Array,
  start: number,
  end: number,
  by: ArrayLike<number> & Iterable<number>,
): Uint8Array {
  const replaced = new Uint8Array(start + by.length + bytes.length - end);
  replaced.set(bytes.subarray(0, start));
  replaced.set(by, start);
  replaced.set(bytes.subarray(end), start + by.length);
  return replaced;
}

function chaos(length: number, roll: Roll): Uint8Array {
  const bytes = new Uint8Array(length);
  if (roll(2)) for (let i = 0; i < length; i++) bytes[i] = roll(256);
  return bytes;
}

/** As bsdiff, VCDIFF, .xz and zstd write their integers. */
function spelled(value: number, roll: Roll): Uint8Array {
  switch (roll(4)) {
    case 0: {
      const signed = new Uint8Array(8);
      writeSigned(signed, 0, roll(2) ? value : -value);
      return signed;
    }
    case 1: {
      const varint = new Uint8Array(integerLength(value));
      writeVarint(varint, 0, value);
      return varint;
    }
    case 2: {
      const varint: number[] = [];
      for (let rest = value; ; rest = Math.floor(rest / 128)) {
        varint.push((rest % 128) + (rest < 128 ? 0 : 128));
        if (rest < 128) return Uint8Array.from(varint);
      }
    }
    default:
      return Uint8Array.from({ length: pick([2, 3, 4], roll) }, (_, i) => Math.floor(value / 256 ** i) % 256);
  }
}
