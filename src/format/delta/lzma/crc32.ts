/**
 * CRC-32 (RFC 1952, section 8), which Node's zlib has.
 *
 * Asked for when it is used, because only patches that xdelta3 wrote with -S lzma need it, and a device that
 * loads zlib to apply another one waits for nothing.
 */
export function crc32(bytes: Uint8Array, before = 0): number {
  return process.getBuiltinModule("node:zlib").crc32(bytes, before);
}
