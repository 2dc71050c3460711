/** Which kind of file it is, by its content and never by its name. */
import type { ByteSource } from "../../../base/byte-source.ts";
import type { Image } from "../../../kernel/themis-kernel.ts";
import { readElf } from "./elf.ts";
import { readMachO } from "./mach-o.ts";
import { readPe } from "./pe.ts";
import { NO_IMAGE } from "./ranges.ts";

/** Every byte of a file that is none of these is plain. */
export function readExecutable(file: ByteSource): Image {
  return readElf(file) ?? readPe(file) ?? readMachO(file) ?? NO_IMAGE;
}
