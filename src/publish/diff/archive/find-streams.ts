/**
 * Where deflate streams lie in a file, found by content: members of gzip (RFC 1952), entries of zip, streams of
 * zlib (RFC 1950), wherever they stand.
 *
 * Each counts only when it unfolds to its end and its own checksum agrees, so chance finds none.
 */
import { crc32, inflateRawSync } from "node:zlib";
import { LEAST_CONTENT_BYTES } from "../../../format/delta/archive/recipe.ts";
import { adler32 } from "../../../format/delta/vcdiff/adler32.ts";

export type FoundStream = {
  /** Of the deflate stream, behind its header. */
  readonly start: number;
  readonly deflatedBytes: number;
  readonly content: Uint8Array;
};

type Candidate = {
  /** Where its deflate stream would begin. */
  readonly start: number;
  /** Whether what was found agrees with what stands around it. */
  readonly agrees: (content: Uint8Array, end: number) => boolean;
};

/** In the order in which they lie; none within another. @param mostBytes all contents together, at the most */
export function findStreams(file: Buffer, mostBytes: number): readonly FoundStream[] {
  const found: FoundStream[] = [];
  let left = mostBytes;
  for (let at = 0; at + 8 < file.length; at++) {
    const candidate = candidateAt(file, at);
    const stream = candidate && unfold(file, candidate, left);
    if (!stream) continue;
    found.push(stream);
    left -= stream.content.length;
    at = stream.start + stream.deflatedBytes - 1;
  }
  return found;
}

function candidateAt(file: Buffer, at: number): Candidate | undefined {
  switch (file[at]) {
    case 0x1f:
      return file[at + 1] === 0x8b && file[at + 2] === 8 ? gzipMember(file, at) : undefined;
    case 0x50:
      return file.readUInt32LE(at) === 0x04034b50 ? zipEntry(file, at) : undefined;
    case 0x78:
      return isZlibHeader(file.readUInt16BE(at)) ? zlibStream(file, at) : undefined;
    default:
      return undefined;
  }
}

/** RFC 1952, 2.3: flags, and the fields that they announce. */
function gzipMember(file: Buffer, at: number): Candidate | undefined {
  const flags = file[at + 3]!;
  if ((flags & 0xe0) !== 0) return undefined;
  let start = at + 10;
  if (flags & 4) start += 2 + (start + 2 <= file.length ? file.readUInt16LE(start) : 0);
  for (const flag of [8, 16]) {
    if ((flags & flag) === 0) continue;
    const end = file.indexOf(0, start);
    if (end < 0) return undefined;
    start = end + 1;
  }
  if (flags & 2) start += 2;
  const agrees = (content: Uint8Array, end: number): boolean =>
    end + 8 <= file.length &&
    file.readUInt32LE(end) === crc32(content) &&
    file.readUInt32LE(end + 4) === content.length % 2 ** 32;
  return { start, agrees };
}

/** APPNOTE.TXT 4.3.7: a local file header; with bit 3 the checksum stands behind the data instead. */
function zipEntry(file: Buffer, at: number): Candidate | undefined {
  const METHOD_DEFLATE = 8;
  if (at + 30 > file.length || file.readUInt16LE(at + 8) !== METHOD_DEFLATE) return undefined;
  const isBehind = (file.readUInt16LE(at + 6) & 8) !== 0;
  const start = at + 30 + file.readUInt16LE(at + 26) + file.readUInt16LE(at + 28);
  const agrees = (content: Uint8Array, end: number): boolean => {
    const crc = crc32(content);
    if (!isBehind) return file.readUInt32LE(at + 14) === crc;
    // With or without the signature before it.
    return [end, end + 4].some((place) => place + 4 <= file.length && file.readUInt32LE(place) === crc);
  };
  return { start, agrees };
}

/** RFC 1950, 2.2: a window of 32 KiB, no dictionary, and the check of the two bytes. */
function isZlibHeader(header: number): boolean {
  return header % 31 === 0 && (header & 0x20) === 0;
}

function zlibStream(file: Buffer, at: number): Candidate {
  return {
    start: at + 2,
    agrees: (content, end) => end + 4 <= file.length && file.readUInt32BE(end) === adler32(content),
  };
}

function unfold(file: Buffer, { start, agrees }: Candidate, mostBytes: number): FoundStream | undefined {
  if (start >= file.length || mostBytes < LEAST_CONTENT_BYTES) return undefined;
  let content: Uint8Array;
  let deflatedBytes: number;
  try {
    // With `info` the answer says how far the stream reached; the types know of it no more than the document does.
    const { buffer, engine } = inflateRawSync(file.subarray(start), {
      info: true,
      maxOutputLength: mostBytes,
    }) as unknown as { readonly buffer: Uint8Array; readonly engine: { readonly bytesWritten: number } };
    content = buffer;
    deflatedBytes = engine.bytesWritten;
  } catch {
    // Not a stream after all, a damaged one, or one that is too long.
    return undefined;
  }
  const end = start + deflatedBytes;
  if (content.length < LEAST_CONTENT_BYTES || !agrees(content, end)) return undefined;
  return { start, deflatedBytes, content };
}
