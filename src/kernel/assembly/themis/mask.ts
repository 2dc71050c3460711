/** What covers are looked for in: code whose addresses are zeros, so that two calls of one function look alike. */
import { decodeX86, fieldAt } from "./x86";

/** Of `length` bytes at `place`, of which 32 more may be read; says how many were looked at. */
export function maskX86(place: usize, length: u32): u32 {
  let at: u32 = 0;
  while (at < length) {
    const bytes = decodeX86(place + at);
    if (at + bytes > length) break;
    if (fieldAt != 0) store<u32>(place + at + fieldAt, 0);
    at += bytes;
  }
  return at;
}

export function maskArm64(place: usize, length: u32): void {
  for (let at: u32 = 0; at + 4 <= length; at += 4) {
    const word = load<u32>(place + at);
    let kept: u32 = 0xffffffff;
    if ((word & 0x7c000000) == 0x14000000) kept = 0xfc000000;
    else if ((word & 0x1f000000) == 0x10000000) kept = 0x9f00001f;
    else if ((word & 0xff000010) == 0x54000000 || (word & 0x7e000000) == 0x34000000) kept = 0xff00001f;
    else if ((word & 0x7e000000) == 0x36000000) kept = 0xfff8001f;
    store<u32>(place + at, word & kept);
  }
}
