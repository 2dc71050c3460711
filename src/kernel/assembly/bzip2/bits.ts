/**
 * Bits of a stream, most significant first; the end is a refusal and never a zero.
 *
 * Input is turned into words of the machine as it arrives, and zeros are put behind its end. So a group of
 * Huffman codes may be read without looking for the end; whether it was overrun is asked behind the group.
 */
import { readStream, refuse } from "../device/calls";
import { BZIP2_TRUNCATED } from "../device/refusals";
import { GROUP_BYTES, INPUT_BYTES, inputOf, Stream } from "./stream";

/** @param count 1 to 24 */
export function takeBits(stream: Stream, count: u32): u32 {
  if (stream.bits < count) {
    if (stream.at >= stream.end) refill(stream);
    stream.buffer = (stream.buffer << 32) | load<u32>(stream.at);
    stream.at += 4;
    stream.bits += 32;
  }
  stream.bits -= count;
  if (stream.at > stream.end) refuseOverrun(stream);
  return <u32>(stream.buffer >> stream.bits) & ((1 << count) - 1);
}

/** Makes sure that a whole group can be read, or what is left of the stream with zeros behind it. */
// @ts-ignore: decorator
@inline
export function prepareGroup(stream: Stream): void {
  if (!stream.ended && stream.at + GROUP_BYTES > stream.end) refill(stream);
}

/** Whether bits were taken that the stream does not have. */
// @ts-ignore: decorator
@inline
export function isOverrun(stream: Stream): bool {
  return stream.at > stream.end && <u32>(stream.at - stream.end) * 8 > stream.bits;
}

export function refuseOverrun(stream: Stream): void {
  if (isOverrun(stream)) refuse(BZIP2_TRUNCATED);
}

/** Whether no byte is left of which no bit was taken. */
export function isAtEnd(stream: Stream): bool {
  if (stream.at >= stream.end && !stream.ended) refill(stream);
  const left = (<i64>stream.end - <i64>stream.at) * 8 + <i64>stream.bits;
  return stream.ended && left < 8;
}

function refill(stream: Stream): void {
  if (stream.ended) return;
  const input = inputOf(stream);
  const rest = <u32>(stream.end - stream.at);
  memory.copy(input, stream.at, rest);
  const added = input + rest;
  const count = readStream(stream.index, added, INPUT_BYTES - rest);
  stream.at = input;
  stream.end = added + count;
  stream.ended = count < INPUT_BYTES - rest;
  memory.fill(stream.end, 0, GROUP_BYTES + 16);
  for (let at = added; at < stream.end; at += 16) {
    const bytes = v128.load(at);
    v128.store(at, v128.shuffle<u8>(bytes, bytes, 3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12));
  }
}
