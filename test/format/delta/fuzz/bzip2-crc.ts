/** CRC-32 as bzip2 has it: polynomial 04c11db7, most significant bit first (not the one of zlib). */
const table = new Uint32Array(256);
for (let i = 0; i < 256; i++) {
  let crc = i << 24;
  for (let bit = 0; bit < 8; bit++) crc = crc & 0x80000000 ? (crc << 1) ^ 0x04c11db7 : crc << 1;
  table[i] = crc;
}

/** Of nothing. Goes on with addCrc, ends with finishCrc. */
export const CRC_START = -1;

export function addCrc(crc: number, bytes: Uint8Array, start: number, end: number): number {
  let sum = crc;
  for (let i = start; i < end; i++) sum = (sum << 8) ^ table[(sum >>> 24) ^ bytes[i]!]!;
  return sum;
}

export function finishCrc(crc: number): number {
  return ~crc >>> 0;
}

/** Of a block and the ones before it. */
export function combineCrc(combined: number, block: number): number {
  return (((combined << 1) | (combined >>> 31)) ^ block) >>> 0;
}
