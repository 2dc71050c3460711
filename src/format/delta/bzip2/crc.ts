/** CRC-32 as bzip2 has it: polynomial 04c11db7, most significant bit first (not the one of zlib). */
const table = new Uint32Array(256);
for (let i = 0; i < 256; i++) {
  let crc = i << 24;
  for (let bit = 0; bit < 8; bit++) crc = crc & 0x80000000 ? (crc << 1) ^ 0x04c11db7 : crc << 1;
  table[i] = crc;
}

export function crc32Bzip2(bytes: Uint8Array, start: number, end: number): number {
  let crc = -1;
  for (let i = start; i < end; i++) crc = (crc << 8) ^ table[(crc >>> 24) ^ bytes[i]!]!;
  return ~crc >>> 0;
}
