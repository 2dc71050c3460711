/** Integers of bsdiff: 8 bytes, little endian, magnitude and a sign in the highest bit. */
import { DeltaError } from "../error.ts";

/** @throws DeltaError DELTA_SIZE beyond 2^53 - 1 */
export function readInteger(bytes: Uint8Array, at: number): number {
  let value = bytes[at + 7]! & 0x7f;
  for (let i = 6; i >= 0; i--) value = value * 256 + bytes[at + i]!;
  if (!Number.isSafeInteger(value))
    throw new DeltaError("DELTA_SIZE", "an integer in the patch exceeds 2^53 - 1");
  return bytes[at + 7]! & 0x80 ? -value : value;
}

export function writeInteger(into: Uint8Array, at: number, value: number): void {
  let left = Math.abs(value);
  for (let i = 0; i < 8; i++) {
    into[at + i] = left % 256;
    left = Math.floor(left / 256);
  }
  if (value < 0) into[at + 7]! |= 0x80;
}
