/**
 * Secondary compression: sections of a window squeezed once more (RFC 3284, section 4.1 and 4.3).
 *
 *   compressed section = size when decompressed (integer) | what the compressor made
 *
 * The RFC names no compressor and nobody registered one; these ids are xdelta3's. DJW starts anew in every
 * section. LZMA keeps one stream for all data sections, one for all instructions and one for all addresses,
 * so every window must be read in order. FGK (adaptive Huffman) was never on by default, and is refused.
 */
import { DeltaError } from "../error.ts";
import { XzDecoder } from "../lzma/xz.ts";
import { decodeDjw } from "./djw.ts";
import { Cursor } from "./integer.ts";

export type Secondary = "none" | "djw" | "lzma" | "fgk";

/** One for each kind of section. */
export type SectionDecoder = {
  /** @param bytes the whole section as it stands in the patch. Valid until the next call. */
  readonly decode: (bytes: Uint8Array, maxBytes: number) => Uint8Array;
};

/** @throws DeltaError DELTA_SECONDARY */
export function secondaryOf(id: number): Secondary {
  switch (id) {
    case 1:
      return "djw";
    case 2:
      return "lzma";
    case 16:
      return "fgk";
    default:
      throw new DeltaError(
        "DELTA_SECONDARY",
        `the patch uses a secondary compressor ${id} that nobody knows`,
      );
  }
}

/** @throws DeltaError DELTA_SECONDARY */
export function sectionDecoder(secondary: Secondary): SectionDecoder {
  switch (secondary) {
    case "djw":
      return { decode: (bytes, maxBytes) => withSize(bytes, maxBytes, decodeDjw) };
    case "lzma": {
      const xz = new XzDecoder();
      return {
        decode: (bytes, maxBytes) => withSize(bytes, maxBytes, (rest, size) => xz.decode(rest, size)),
      };
    }
    case "fgk":
      throw new DeltaError(
        "DELTA_SECONDARY",
        "the patch uses FGK as its secondary compressor, which we do not read",
        { hint: "make the patch with xdelta3 -S none, -S djw or -S lzma" },
      );
    case "none":
      throw new Error("a section was decompressed without a compressor");
  }
}

function withSize(
  bytes: Uint8Array,
  maxBytes: number,
  decode: (rest: Uint8Array, size: number) => Uint8Array,
): Uint8Array {
  const cursor = new Cursor(bytes);
  const size = cursor.integer();
  if (size > maxBytes)
    throw new DeltaError(
      "DELTA_SIZE",
      `a compressed section would have ${size} bytes, at most ${maxBytes} may be`,
    );
  if (size === 0) throw new DeltaError("DELTA_CORRUPT", "a compressed section is empty");
  return decode(bytes.subarray(cursor.at), size);
}
