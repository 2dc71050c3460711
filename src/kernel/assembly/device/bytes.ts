/** Bytes moved, filled and added sixteen at a time; each may touch up to 15 bytes behind its end. */

/** From here on the engine's own memory.copy is faster than a loop. */
const LONG: u32 = 512;

/** The two places do not overlap, or lie at least 16 bytes apart with `to` behind `from`. */
// @ts-ignore: decorator
@inline
export function copyBytes(to: usize, from: usize, length: u32): void {
  if (length >= LONG) {
    memory.copy(to, from, length);
    return;
  }
  for (let i: u32 = 0; i < length; i += 16) v128.store(to + i, v128.load(from + i));
}

// @ts-ignore: decorator
@inline
export function fillBytes(to: usize, byte: u32, length: u32): void {
  const bytes = v128.splat<u8>(<u8>byte);
  for (let i: u32 = 0; i < length; i += 16) v128.store(to + i, bytes);
}

/** Sums modulo 256. What lies up to 15 bytes behind the end of `to` is changed too: fill it later. */
// @ts-ignore: decorator
@inline
export function addBytes(to: usize, a: usize, b: usize, length: u32): void {
  for (let i: u32 = 0; i < length; i += 16) {
    v128.store(to + i, i8x16.add(v128.load(a + i), v128.load(b + i)));
  }
}
