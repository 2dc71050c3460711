/** How many bytes two places have in common, forward and backward. */

/** From `a` and `b` on, at most `limit`. */
export function matchForward(a: usize, b: usize, limit: u32): u32 {
  let done: u32 = 0;
  while (done + 16 <= limit) {
    const equal = i8x16.eq(v128.load(a + done), v128.load(b + done));
    const mask = <u32>i8x16.bitmask(equal);
    if (mask != 0xffff) return done + ctz(~mask);
    done += 16;
  }
  while (done < limit && load<u8>(a + done) == load<u8>(b + done)) done++;
  return done;
}

/** Before `a` and `b`, at most `limit`. */
export function matchBackward(a: usize, b: usize, limit: u32): u32 {
  let done: u32 = 0;
  while (done + 16 <= limit) {
    const equal = i8x16.eq(v128.load(a - done - 16), v128.load(b - done - 16));
    const mask = <u32>i8x16.bitmask(equal);
    if (mask != 0xffff) return done + clz((~mask & 0xffff) << 16);
    done += 16;
  }
  while (done < limit && load<u8>(a - done - 1) == load<u8>(b - done - 1)) done++;
  return done;
}
