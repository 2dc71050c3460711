/** Bits, most significant first, into bytes; what is no whole byte yet waits in the stream. */
import { Encoder } from "./encoder";

// @ts-ignore: decorator
@inline
export function putBits(encoder: Encoder, value: u32, count: u32): void {
  encoder.buffer = (encoder.buffer << count) | value;
  encoder.bits += count;
  if (encoder.bits >= 32) {
    encoder.bits -= 32;
    store<u32>(encoder.out, bswap<u32>(<u32>(encoder.buffer >> encoder.bits)));
    encoder.out += 4;
  }
}

/** Leaves less than eight bits behind. */
export function putWholeBytes(encoder: Encoder): void {
  while (encoder.bits >= 8) {
    encoder.bits -= 8;
    store<u8>(encoder.out++, <u8>(encoder.buffer >> encoder.bits));
  }
}
