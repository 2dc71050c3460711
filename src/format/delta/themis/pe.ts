/** PE (Microsoft's PE format): sections of executables and libraries for x86-64 and arm64. */
import type { ByteSource } from "../../../base/byte-source.ts";
import type { Image } from "../../../kernel/themis-kernel.ts";
import { bytesAt, wide } from "./elf.ts";
import { imageOf, type Kind, type Part } from "./ranges.ts";

const MACHINES: Readonly<Record<number, Kind>> = { 34404: "x86", 43620: "arm64" };
const PE32_PLUS = 0x20b;
const SECTION_BYTES = 40;
const MEM_EXECUTE = 0x20000000;
const COFF_BYTES = 24;

/** undefined when it is no such file. */
export function readPe(file: ByteSource): Image | undefined {
  const dos = bytesAt(file, 0, 64);
  if (dos?.readUInt16LE(0) !== 0x5a4d) return undefined;
  const start = dos.readUInt32LE(60);
  const coff = bytesAt(file, start, COFF_BYTES + 32);
  if (coff?.readUInt32LE(0) !== 0x4550 || coff.readUInt16LE(24) !== PE32_PLUS) return undefined;
  const code = MACHINES[coff.readUInt16LE(4)] ?? "plain";
  const base = wide(coff, 24 + 24) % 2 ** 32;
  const table = start + COFF_BYTES + coff.readUInt16LE(20);
  const parts: Part[] = [];
  for (let index = 0; index < coff.readUInt16LE(6); index++) {
    const section = bytesAt(file, table + index * SECTION_BYTES, SECTION_BYTES);
    if (!section) break;
    const [inMemory, rva] = [section.readUInt32LE(8), section.readUInt32LE(12)];
    const [length, offset] = [section.readUInt32LE(16), section.readUInt32LE(20)];
    const address = (base + rva) % 2 ** 32;
    const isCode = (section.readUInt32LE(36) & MEM_EXECUTE) !== 0;
    parts.push({ offset, length, address, kind: isCode ? code : "words", bases: isCode ? 0 : 1 });
    if (inMemory > length) {
      parts.push({ offset, length: inMemory - length, address: (address + length) % 2 ** 32, kind: "empty" });
    }
  }
  return imageOf(parts, file.size, [base]);
}
