/** Adler-32 (RFC 1950, section 8.2), with which xdelta3 and open-vcdiff sign each target window. */

const MODULUS: u32 = 65521;
/** The longest stretch after which the second sum still fits into 32 bits (as in zlib), in sixteens. */
const STRETCH: u32 = 5552;

/** @param start 1 as in the RFC; open-vcdiff's dialect begins at 0 */
export function adler32(bytes: usize, length: u32, start: u32): u32 {
  let low = start;
  let high: u32 = 0;
  let at = bytes;
  const end = bytes + length;
  while (at < end) {
    const stop = min(at + STRETCH, end);
    for (; at + 4 <= stop; at += 4) {
      const word = load<u32>(at);
      high += 4 * low + 4 * (word & 0xff) + 3 * ((word >> 8) & 0xff) + 2 * ((word >> 16) & 0xff) + (word >> 24);
      low += (word & 0xff) + ((word >> 8) & 0xff) + ((word >> 16) & 0xff) + (word >> 24);
    }
    for (; at < stop; at++) {
      low += load<u8>(at);
      high += low;
    }
    low %= MODULUS;
    high %= MODULUS;
  }
  return (high << 16) | low;
}
