/** Executables of other systems, as small as may be: headers made by hand around 0x2000 bytes of code and 0x1000 of data. */

const CODE_BYTES = 0x2000;
const DATA_BYTES = 0x1000;

/** @param contents CODE_BYTES and DATA_BYTES */
export function pe(machine: number, contents: Uint8Array): Buffer {
  const header = Buffer.alloc(0x400);
  header.write("MZ");
  header.writeUInt32LE(0x80, 60);
  header.write("PE", 0x80);
  header.writeUInt16LE(machine, 0x84);
  header.writeUInt16LE(2, 0x86);
  header.writeUInt16LE(240, 0x94);
  header.writeUInt16LE(0x20b, 0x98);
  header.writeBigUInt64LE(0x180000000n, 0x98 + 24);
  const section = (index: number, values: readonly number[], flags: number): void => {
    const at = 0x98 + 240 + index * 40;
    for (const [i, value] of values.entries()) header.writeUInt32LE(value, at + 8 + 4 * i);
    header.writeUInt32LE(flags, at + 36);
  };
  section(0, [CODE_BYTES - 16, 0x1000, CODE_BYTES, 0x400], 0x60000020);
  section(1, [DATA_BYTES + 0x500, 0x4000, DATA_BYTES, 0x400 + CODE_BYTES], 0xc0000040);
  return Buffer.concat([header, contents.subarray(0, CODE_BYTES + DATA_BYTES)]);
}

export function machO(cpu: "x86" | "arm64", contents: Uint8Array): Buffer {
  const header = Buffer.alloc(0x1000);
  header.writeUInt32LE(0xfeedfacf, 0);
  header.writeUInt32LE(cpu === "x86" ? 0x01000007 : 0x0100000c, 4);
  header.writeUInt32LE(2, 16);
  const segment = (at: number, address: bigint, offset: number, bytes: number, flags: number): void => {
    header.writeUInt32LE(0x19, at);
    header.writeUInt32LE(72 + 80, at + 4);
    header.writeUInt32LE(1, at + 64);
    header.writeBigUInt64LE(0x100000000n + address, at + 72 + 32);
    header.writeBigUInt64LE(BigInt(bytes), at + 72 + 40);
    header.writeUInt32LE(offset, at + 72 + 48);
    header.writeUInt32LE(flags, at + 72 + 64);
  };
  segment(32, 0x1000n, 0x1000, CODE_BYTES, 0x80000400);
  segment(32 + 152, 0x8000n, 0x1000 + CODE_BYTES, DATA_BYTES, 0);
  return Buffer.concat([header, contents.subarray(0, CODE_BYTES + DATA_BYTES)]);
}

/** The images begin at pages of 4 KiB. */
export function universal(images: readonly Buffer[]): Buffer {
  const header = Buffer.alloc(0x4000);
  header.writeUInt32BE(0xcafebabe, 0);
  header.writeUInt32BE(images.length, 4);
  const parts: Buffer[] = [header];
  let at = header.length;
  for (const [index, image] of images.entries()) {
    header.writeUInt32BE(at, 8 + index * 20 + 8);
    header.writeUInt32BE(image.length, 8 + index * 20 + 12);
    const padded = Buffer.concat([image, Buffer.alloc((0x1000 - (image.length % 0x1000)) % 0x1000)]);
    parts.push(padded, Buffer.alloc(0x1000));
    at += padded.length + 0x1000;
  }
  return Buffer.concat(parts);
}
