/**
 * Adler-32 (RFC 1950, section 8.2), with which xdelta3 and open-vcdiff sign each target window.
 *
 * The RFC's sums begin at 1 and 0. open-vcdiff begins both at 0 (kNoPartialChecksum in its checksum.h), and so
 * does HDiffPatch where it reads open-vcdiff's dialect.
 */

const MODULUS = 65521;
/** The longest stretch after which the second sum still fits into 32 bits (as in zlib). */
const STRETCH = 5552;

export const ADLER32_START = 1;
export const ADLER32_START_SDCH = 0;

export function adler32(bytes: Uint8Array, start = ADLER32_START): number {
  let low = start;
  let high = 0;
  for (let at = 0; at < bytes.length; ) {
    const end = Math.min(at + STRETCH, bytes.length);
    while (at < end) {
      low += bytes[at++]!;
      high += low;
    }
    low %= MODULUS;
    high %= MODULUS;
  }
  return high * 0x10000 + low;
}
