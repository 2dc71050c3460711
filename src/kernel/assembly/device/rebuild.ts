/**
 * The control loop of bsdiff: triples of (add, copy, seek) turn source, diff and extra into the target.
 *
 *   add `add` bytes of diff to the source, copy `copy` bytes of extra, move the source position by `seek`
 *
 * bspatch itself trusts these numbers (CVE-2014-9862, CVE-2020-14315): here every one is bounded before it
 * is used. Source bytes outside of the source count as zero, as in bspatch. A stream that is compressed
 * otherwise than by bzip2 is filled from outside, and the loop goes on where it stopped.
 */
import { nextPiece, openBzip2 } from "../bzip2/decode";
import { STREAM_BYTES, Stream } from "../bzip2/stream";
import { addBytes, copyBytes } from "./bytes";
import { refuse } from "./calls";
import { ARENA } from "./places";
import {
  BEYOND_TARGET,
  FAR_OUTSIDE,
  INTEGER_TOO_LARGE,
  LENGTH_NEGATIVE,
  NO_PROGRESS,
  STREAM_TRAILING,
  STREAM_TRUNCATED,
} from "./refusals";
import { leftInPage, placeOf, sizeOfSource } from "./source-pages";

const TRIPLE_BYTES: u32 = 24;
export const TARGET_PIECE_BYTES: u32 = 128 * 1024;
/** A position may leave the source on its way, but no farther than any file is long. */
const MAX_POSITION: i64 = 1 << 47;
const MAX_INTEGER: u64 = (1 << 53) - 1;
/** Of triples that make nothing, in a row: nobody writes two. */
const MAX_IDLE: u64 = 1024;

/** What a stream that is filled from outside holds at once. */
export const FOREIGN_BYTES: u32 = 32 * 1024;

const TRIPLE: usize = ARENA;
const TARGET: usize = ARENA + 64;
const STREAMS: usize = TARGET + <usize>TARGET_PIECE_BYTES + 256;
export const REBUILD_BYTES: u32 = <u32>STREAMS + 3 * STREAM_BYTES;

const FILLED_OUTSIDE: u32 = 1;

let foreign: u32 = 0;
let control: u32 = 0;
let diff: u32 = 0;
let extra: u32 = 0;
let targetLeft: u64 = 0;
let position: i64 = 0;
let idle: u64 = 0;
/** Of the target, by the triples that were read. */
let promised: u64 = 0;
/** Of the triple that is being carried out; `read` counts its bytes when it is not yet complete. */
let read: u32 = 0;
let adding: u64 = 0;
let copying: u64 = 0;
let seeking: i64 = 0;
/** Of the piece. */
let filled: u32 = 0;

/** Where a piece of the target is found, for as long as the next is not asked for. */
export function targetPiece(): usize {
  return TARGET;
}

export function openRebuild(targetSize: f64, controlStream: u32, diffStream: u32, extraStream: u32): void {
  control = controlStream;
  diff = diffStream;
  extra = extraStream;
  targetLeft = <u64>targetSize;
  foreign = 0;
  position = 0;
  idle = 0;
  promised = 0;
  read = 0;
  adding = 0;
  copying = 0;
  seeking = 0;
  filled = 0;
}

export function openStream(index: u32, maxBytes: f64, filledOutside: bool): void {
  openBzip2(streamOf(index), index, maxBytes);
  if (filledOutside) foreign |= FILLED_OUTSIDE << index;
}

// @ts-ignore: decorator
@inline
function streamOf(index: u32): Stream {
  return changetype<Stream>(STREAMS + <usize>(index * STREAM_BYTES));
}

// @ts-ignore: decorator
@inline
function isForeign(index: u32): bool {
  return (foreign & (FILLED_OUTSIDE << index)) != 0;
}

/** Where the next bytes of a stream that is filled from outside go; as many as FOREIGN_BYTES. */
export function streamPlace(index: u32): usize {
  return changetype<usize>(streamOf(index)) + 4096;
}

/** So many were put there; none means that the stream is at its end. */
export function streamFilled(index: u32, bytes: u32): void {
  const stream = streamOf(index);
  stream.pieceAt = streamPlace(index);
  stream.pieceEnd = stream.pieceAt + bytes;
  stream.finished = bytes == 0;
}

/** The answer of a stream that has more bytes now. */
const READY: i32 = 0;

/** READY when the stream has bytes; else which stream must be filled from outside, as -1, -2 or -3. */
function wait(index: u32): i32 {
  const stream = streamOf(index);
  if (stream.pieceAt < stream.pieceEnd) return READY;
  if (isForeign(index)) {
    if (stream.finished) refuse(STREAM_TRUNCATED);
    return -1 - <i32>index;
  }
  if (nextPiece(stream) == 0) refuse(STREAM_TRUNCATED);
  return READY;
}

/** How many bytes of the next piece there are, 0 when the target is complete, or which stream to fill. */
export function rebuild(): i32 {
  while (filled < TARGET_PIECE_BYTES) {
    let answer: i32;
    if (adding > 0) answer = add();
    else if (copying > 0) answer = copy();
    else {
      seek();
      if (targetLeft == 0) break;
      answer = readTriple();
    }
    if (answer < 0) return answer;
  }
  const length = filled;
  filled = 0;
  return length;
}

function seek(): void {
  position += seeking;
  seeking = 0;
  if (position > MAX_POSITION || position < -MAX_POSITION) refuse(FAR_OUTSIDE);
}

/** 0 when every stream was used up, or which one must be filled from outside to know. */
export function finishStream(index: u32): i32 {
  const stream = streamOf(index);
  if (stream.pieceAt < stream.pieceEnd) refuse(STREAM_TRAILING);
  if (isForeign(index)) return stream.finished ? READY : -1 - <i32>index;
  if (nextPiece(stream) > 0) refuse(STREAM_TRAILING);
  return READY;
}

function readTriple(): i32 {
  const stream = streamOf(control);
  while (read < TRIPLE_BYTES) {
    const answer = wait(control);
    if (answer < 0) return answer;
    const length = min(TRIPLE_BYTES - read, <u32>(stream.pieceEnd - stream.pieceAt));
    for (let i: u32 = 0; i < length; i++) store<u8>(TRIPLE + read + i, load<u8>(stream.pieceAt + i));
    stream.pieceAt += length;
    read += length;
  }
  read = 0;
  const toAdd = integerAt(TRIPLE);
  const toCopy = integerAt(TRIPLE + 8);
  seeking = integerAt(TRIPLE + 16);
  if (toAdd < 0 || toCopy < 0) refuse(LENGTH_NEGATIVE);
  adding = <u64>toAdd;
  copying = <u64>toCopy;
  if (adding > targetLeft || copying > targetLeft - adding) refuse(BEYOND_TARGET);
  targetLeft -= adding + copying;
  promised += adding + copying;
  if (adding + copying == 0) idle++;
  if (idle > MAX_IDLE + promised) refuse(NO_PROGRESS);
  return READY;
}

/** 8 bytes, little endian, magnitude and a sign in the highest bit. */
function integerAt(place: usize): i64 {
  const bits = load<u64>(place);
  const magnitude = bits & 0x7fffffffffffffff;
  if (magnitude > MAX_INTEGER) refuse(INTEGER_TOO_LARGE);
  return <i64>bits < 0 ? -<i64>magnitude : <i64>magnitude;
}

/** As much of an addition as there are diff bytes and room in the piece. */
function add(): i32 {
  const answer = wait(diff);
  if (answer < 0) return answer;
  const stream = streamOf(diff);
  const there = min(TARGET_PIECE_BYTES - filled, <u32>(stream.pieceEnd - stream.pieceAt));
  const length = <u32>min<u64>(adding, there);
  addSource(TARGET + filled, stream.pieceAt, length);
  stream.pieceAt += length;
  filled += length;
  adding -= length;
  position += length;
  return READY;
}

function copy(): i32 {
  const answer = wait(extra);
  if (answer < 0) return answer;
  const stream = streamOf(extra);
  const there = min(TARGET_PIECE_BYTES - filled, <u32>(stream.pieceEnd - stream.pieceAt));
  const length = <u32>min<u64>(copying, there);
  copyBytes(TARGET + filled, stream.pieceAt, length);
  stream.pieceAt += length;
  filled += length;
  copying -= length;
  return READY;
}

/** Adds the source's bytes from `position` on, where it has any. */
function addSource(to: usize, bytes: usize, length: u32): void {
  const size = <i64>sizeOfSource();
  let at = position;
  let done: u32 = 0;
  while (done < length) {
    if (at >= 0 && at < size) {
      const inPage = min(length - done, leftInPage(at));
      const count = <u32>min<i64>(inPage, size - at);
      addBytes(to + done, bytes + done, placeOf(at), count);
      done += count;
      at += count;
    } else {
      const count = at < 0 ? <u32>min<i64>(length - done, -at) : length - done;
      copyBytes(to + done, bytes + done, count);
      done += count;
      at += count;
    }
  }
}
