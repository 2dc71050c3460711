/** The bits that go out, least significant first (RFC 1951, 3.1.1), and the bytes that wait to be taken. */

/** Room for what waits and one block more: 32767 symbols of 48 bits, or as many bytes stored. */
export const OUT: usize = 0x90000;
/** As soon as so many wait they are to be taken. */
const FULL: u32 = 0x20000;

let waiting: u32 = 0;
let bits: u64 = 0;
let bitCount: u32 = 0;

export function startOutput(): void {
  waiting = 0;
  bits = 0;
  bitCount = 0;
}

export function outputBytes(): u32 {
  return waiting;
}

export function takeOutput(): void {
  waiting = 0;
}

export function isFull(): bool {
  return waiting >= FULL;
}

// @ts-ignore: decorator
@inline
export function putBits(value: u32, length: u32): void {
  bits |= (<u64>value) << (<u64>bitCount);
  bitCount += length;
  if (bitCount >= 32) {
    store<u32>(OUT + waiting, <u32>bits);
    waiting += 4;
    bits >>= 32;
    bitCount -= 32;
  }
}

export function alignToByte(): void {
  while (bitCount > 0) {
    store<u8>(OUT + waiting++, <u8>bits);
    bits >>= 8;
    bitCount = bitCount > 8 ? bitCount - 8 : 0;
  }
  bits = 0;
}

/** Bytes as they are, behind their length and its complement (RFC 1951, 3.2.4). */
export function putStored(from: usize, length: u32): void {
  alignToByte();
  store<u16>(OUT + waiting, <u16>length);
  store<u16>(OUT + waiting + 2, <u16>~length);
  memory.copy(OUT + waiting + 4, from, length);
  waiting += length + 4;
}
