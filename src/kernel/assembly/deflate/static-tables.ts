/** What RFC 1951 fixes: extra bits and bases of lengths and distances (3.2.5), and the fixed codes (3.2.6). */
import { makeCodes } from "./huffman";
import { setCount, setLength } from "./tree-node";

export const LENGTH_CODES: usize = 0x80000;
export const DISTANCE_CODES: usize = 0x80100;
export const BASE_LENGTH: usize = 0x80300;
export const BASE_DISTANCE: usize = 0x80340;
export const STATIC_LITERALS: usize = 0x80400;
export const STATIC_DISTANCES: usize = 0x80900;

export const EXTRA_LENGTH = memory.data<u8>([
  0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0,
]);
export const EXTRA_DISTANCE = memory.data<u8>([
  0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13,
]);

/** @param distance less 1 */
// @ts-ignore: decorator
@inline
export function distanceCode(distance: u32): u32 {
  return <u32>load<u8>(DISTANCE_CODES + <usize>(distance < 256 ? distance : 256 + (distance >> 7)));
}

export function buildStaticTables(): void {
  let length: u32 = 0;
  for (let code: u32 = 0; code < 28; code++) {
    store<u16>(BASE_LENGTH + (<usize>code << 1), <u16>length);
    for (let n: u32 = 0; n < 1 << load<u8>(EXTRA_LENGTH + code); n++) store<u8>(LENGTH_CODES + length++, <u8>code);
  }
  // 258 has a code of its own, although the one before could say it.
  store<u8>(LENGTH_CODES + 255, 28);
  store<u16>(BASE_LENGTH + 56, 0);
  let distance: u32 = 0;
  for (let code: u32 = 0; code < 16; code++) {
    store<u16>(BASE_DISTANCE + (<usize>code << 1), <u16>distance);
    for (let n: u32 = 0; n < 1 << load<u8>(EXTRA_DISTANCE + code); n++) {
      store<u8>(DISTANCE_CODES + distance++, <u8>code);
    }
  }
  distance >>= 7;
  for (let code: u32 = 16; code < 30; code++) {
    store<u16>(BASE_DISTANCE + (<usize>code << 1), <u16>(distance << 7));
    for (let n: u32 = 0; n < 1 << (load<u8>(EXTRA_DISTANCE + code) - 7); n++) {
      store<u8>(DISTANCE_CODES + 256 + distance++, <u8>code);
    }
  }
  for (let n: u32 = 0; n < 288; n++) {
    setCount(STATIC_LITERALS, n, 0);
    setLength(STATIC_LITERALS, n, n < 144 ? 8 : n < 256 ? 9 : n < 280 ? 7 : 8);
  }
  makeCodes(STATIC_LITERALS, 287);
  for (let n: u32 = 0; n < 30; n++) setLength(STATIC_DISTANCES, n, 5);
  makeCodes(STATIC_DISTANCES, 29);
}
