/**
 * A pack is an uncompressed ustar archive whose members are blobs named by their SHA-256.
 *
 *   header 512 | blob | zeros to 512 | header | blob | ... | 1024 zeros
 *
 * `tar tf` lists it and `tar xf` takes it apart, while a device reads single blobs by byte range and
 * never looks at a header. Owner, time and mode are fixed, so equal blobs give equal packs.
 */
import { Header } from "tar";

const BLOCK_BYTES = 512;

/** The bytes that stand before a blob. */
export function encodeMemberHeader(name: string, lengthBytes: number): Uint8Array {
  const header = new Header({
    path: name,
    mode: 0o644,
    uid: 0,
    gid: 0,
    size: lengthBytes,
    mtime: new Date(0),
    type: "File",
    uname: "",
    gname: "",
  });
  const block = Buffer.alloc(BLOCK_BYTES);
  header.encode(block, 0);
  return block;
}

/** The zeros that stand behind a blob. */
export function memberPadding(lengthBytes: number): Uint8Array {
  return new Uint8Array((BLOCK_BYTES - (lengthBytes % BLOCK_BYTES)) % BLOCK_BYTES);
}

/** Two empty blocks end an archive (POSIX.1-1988, ustar). */
export const END_OF_ARCHIVE: Uint8Array = new Uint8Array(2 * BLOCK_BYTES);
