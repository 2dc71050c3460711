/**
 * A BSDIFF40 patch with its three streams unpacked, as BSDF2 can hold them.
 *
 * Both make the same target out of the same covers, so what the one costs more to apply is what bzip2 costs.
 * The stored patch is about as long as its target; reading it counts against us.
 */
import { closeSync, openSync, writeSync } from "node:fs";
import { openFileSource } from "../src/base/byte-source.ts";
import {
  BSDF2_MAGIC,
  COMPRESSORS,
  HEADER_BYTES,
  readBsdiffHeader,
} from "../src/format/delta/bsdiff/container.ts";
import { writeInteger } from "../src/format/delta/bsdiff/integer.ts";
import { decodeBzip2 } from "../src/format/delta/bzip2/decode.ts";

export function storeStreams(bsdiff40: string, bsdf2: string): void {
  const patch = openFileSource(bsdiff40);
  const out = openSync(bsdf2, "w");
  try {
    const { parts, targetSize } = readBsdiffHeader(patch);
    if ("all" in parts) throw new Error("the streams of ENDSLEY are one");
    const header = new Uint8Array(HEADER_BYTES);
    header.set(BSDF2_MAGIC);
    header.fill(COMPRESSORS.indexOf("none"), BSDF2_MAGIC.length, 8);
    let position = HEADER_BYTES;
    for (const [field, { start, end }] of [
      [8, parts.control],
      [16, parts.diff],
      [undefined, parts.extra],
    ] as const) {
      const before = position;
      for (const piece of decodeBzip2(patch, { start, end, maxBytes: Number.MAX_SAFE_INTEGER }))
        position += writeSync(out, piece, 0, piece.length, position);
      if (field) writeInteger(header, field, position - before);
    }
    writeInteger(header, 24, targetSize);
    writeSync(out, header, 0, HEADER_BYTES, 0);
  } finally {
    closeSync(out);
    patch.close();
  }
}
