/**
 * CRC-32 as bzip2 has it: polynomial 04c11db7, most significant bit first (not the one of zlib).
 *
 * Eight tables take eight bytes at once: table n holds what a byte becomes when n zero bytes follow it.
 */
import { get, set } from "../cells";

const POLYNOMIAL: u32 = 0x04c11db7;
export const CRC_TABLE_BYTES: u32 = 8 * 1024;
/** Of nothing. */
export const CRC_START: u32 = 0xffffffff;

export function buildCrcTables(tables: usize): void {
  for (let byte: u32 = 0; byte < 256; byte++) {
    let crc = byte << 24;
    for (let bit = 0; bit < 8; bit++) crc = (crc << 1) ^ (<i32>crc < 0 ? POLYNOMIAL : 0);
    set(tables, byte, crc);
  }
  for (let i: u32 = 256; i < 2048; i++) {
    const before = get(tables, i - 256);
    set(tables, i, (before << 8) ^ get(tables, before >> 24));
  }
}

export function addCrc(tables: usize, crc: u32, bytes: usize, length: u32): u32 {
  let sum = crc;
  let at = bytes;
  const end = bytes + length;
  for (; at + 8 <= end; at += 8) {
    const word = load<u64>(at);
    const first = bswap<u32>(<u32>word) ^ sum;
    const second = <u32>(word >> 32);
    sum =
      get(tables, 0x700 + (first >> 24)) ^
      get(tables, 0x600 + ((first >> 16) & 0xff)) ^
      get(tables, 0x500 + ((first >> 8) & 0xff)) ^
      get(tables, 0x400 + (first & 0xff)) ^
      get(tables, 0x300 + (second & 0xff)) ^
      get(tables, 0x200 + ((second >> 8) & 0xff)) ^
      get(tables, 0x100 + ((second >> 16) & 0xff)) ^
      get(tables, second >> 24);
  }
  for (; at < end; at++) sum = (sum << 8) ^ get(tables, (sum >> 24) ^ load<u8>(at));
  return sum;
}

/** Of a block and the ones before it. */
export function combineCrc(combined: u32, block: u32): u32 {
  return rotl<u32>(combined, 1) ^ block;
}
