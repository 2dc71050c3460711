/**
 * How long an instruction of x86-64 is, and what its bytes are for (Intel SDM, volume 2, chapter 2 and appendix A).
 *
 * One byte for each opcode of the maps: bit 7 ModRM follows, bit 6 no such instruction, the others the immediate:
 * 0 none, 1 a byte, 2 two, 3 three, 4 four (two behind 66), 5 four or eight (REX.W), 6 eight (an offset), 7 a byte
 * when the ModRM says 0 or 1, 8 the same with four, 9 a relative byte, 10 four relative bytes, 11 prefix.
 * What is no instruction counts as one byte: whoever reads on finds the next one soon.
 */
import { OPCODES } from "./places";

const MODRM: u32 = 0x80;
const NONE: u32 = 0x40;
const PREFIX: u32 = 11;

/** Of the instruction: where its ModRM is, its displacement, its immediate; and how long these are. */
export let modrmAt: u32 = 0;
export let dispAt: u32 = 0;
export let dispBytes: u32 = 0;
export let immAt: u32 = 0;
export let immBytes: u32 = 0;
/** The opcode: 0 to 255, 256 to 511 behind 0F, 512 and more otherwise. */
export let opcode: u32 = 0;
/** Where four bytes are that count from the end of the instruction, or 0; and of which kind they are. */
export let fieldAt: u32 = 0;
export let fieldKind: u32 = 0;
export const CALL: u32 = 0;
export const JUMP: u32 = 1;
export const BRANCH: u32 = 2;
export const RELATIVE: u32 = 3;

function set(map: u32, from: u32, to: u32, value: u32): void {
  for (let i = from; i <= to; i++) store<u8>(OPCODES + map * 256 + i, <u8>value);
}

export function buildOpcodes(): void {
  set(0, 0, 255, 0);
  for (let row: u32 = 0; row < 0x40; row += 8) {
    set(0, row, row + 3, MODRM);
    set(0, row + 4, row + 4, 1);
    set(0, row + 5, row + 5, 4);
    set(0, row + 6, row + 7, NONE);
  }
  for (let i: u32 = 0x26; i <= 0x3e; i += 8) set(0, i, i, PREFIX);
  set(0, 0x40, 0x4f, PREFIX);
  set(0, 0x60, 0x61, NONE);
  set(0, 0x63, 0x63, MODRM);
  set(0, 0x64, 0x67, PREFIX);
  set(0, 0x68, 0x68, 4);
  set(0, 0x69, 0x69, MODRM | 4);
  set(0, 0x6a, 0x6a, 1);
  set(0, 0x6b, 0x6b, MODRM | 1);
  set(0, 0x70, 0x7f, 9);
  set(0, 0x80, 0x80, MODRM | 1);
  set(0, 0x81, 0x81, MODRM | 4);
  set(0, 0x82, 0x82, NONE);
  set(0, 0x83, 0x83, MODRM | 1);
  set(0, 0x84, 0x8f, MODRM);
  set(0, 0x9a, 0x9a, NONE);
  set(0, 0xa0, 0xa3, 6);
  set(0, 0xa8, 0xa8, 1);
  set(0, 0xa9, 0xa9, 4);
  set(0, 0xb0, 0xb7, 1);
  set(0, 0xb8, 0xbf, 5);
  set(0, 0xc0, 0xc1, MODRM | 1);
  set(0, 0xc2, 0xc2, 2);
  set(0, 0xc6, 0xc6, MODRM | 1);
  set(0, 0xc7, 0xc7, MODRM | 4);
  set(0, 0xc8, 0xc8, 3);
  set(0, 0xca, 0xca, 2);
  set(0, 0xcd, 0xcd, 1);
  set(0, 0xce, 0xce, NONE);
  set(0, 0xd0, 0xd3, MODRM);
  set(0, 0xd4, 0xd6, NONE);
  set(0, 0xd8, 0xdf, MODRM);
  set(0, 0xe0, 0xe3, 9);
  set(0, 0xe4, 0xe7, 1);
  set(0, 0xe8, 0xe9, 10);
  set(0, 0xea, 0xea, NONE);
  set(0, 0xeb, 0xeb, 9);
  set(0, 0xf0, 0xf0, PREFIX);
  set(0, 0xf2, 0xf3, PREFIX);
  set(0, 0xf6, 0xf6, MODRM | 7);
  set(0, 0xf7, 0xf7, MODRM | 8);
  set(0, 0xfe, 0xff, MODRM);
  set(1, 0, 255, MODRM);
  set(1, 0x04, 0x04, NONE);
  set(1, 0x05, 0x09, 0);
  set(1, 0x0a, 0x0a, NONE);
  set(1, 0x0b, 0x0b, 0);
  set(1, 0x0c, 0x0c, NONE);
  set(1, 0x0e, 0x0e, 0);
  set(1, 0x0f, 0x0f, MODRM | 1);
  set(1, 0x30, 0x37, 0);
  set(1, 0x70, 0x73, MODRM | 1);
  set(1, 0x77, 0x77, 0);
  set(1, 0x80, 0x8f, 10);
  set(1, 0xa0, 0xa2, 0);
  set(1, 0xa4, 0xa4, MODRM | 1);
  set(1, 0xa8, 0xaa, 0);
  set(1, 0xac, 0xac, MODRM | 1);
  set(1, 0xba, 0xba, MODRM | 1);
  set(1, 0xc2, 0xc2, MODRM | 1);
  set(1, 0xc4, 0xc6, MODRM | 1);
  set(1, 0xc8, 0xcf, 0);
}

/** The length of the instruction at `at`, of which 32 bytes may be read. */
export function decodeX86(at: usize): u32 {
  let i: u32 = 0;
  let isWide = false;
  let isShort = false;
  let isAddress32 = false;
  let byte = <u32>load<u8>(at);
  let info = <u32>load<u8>(OPCODES + byte);
  while ((info & 0x3f) == PREFIX && i < 12) {
    if ((byte & 0xf0) == 0x40) {
      isWide = (byte & 8) != 0;
    } else {
      isWide = false;
      if (byte == 0x66) isShort = true;
      else if (byte == 0x67) isAddress32 = true;
    }
    i++;
    byte = <u32>load<u8>(at + i);
    info = <u32>load<u8>(OPCODES + byte);
  }
  fieldAt = 0;
  dispBytes = 0;
  immBytes = 0;
  modrmAt = 0;
  opcode = byte;
  i++;
  if (byte == 0x0f) {
    byte = <u32>load<u8>(at + i);
    i++;
    opcode = 256 + byte;
    if (byte == 0x38) {
      opcode = 512 + load<u8>(at + i);
      i++;
      info = MODRM;
    } else if (byte == 0x3a) {
      opcode = 768 + load<u8>(at + i);
      i++;
      info = MODRM | 1;
    } else info = <u32>load<u8>(OPCODES + 256 + byte);
  } else if (byte == 0xc5) {
    byte = <u32>load<u8>(at + i + 1);
    i += 2;
    opcode = 256 + byte;
    info = byte == 0x77 ? 0 : MODRM | (load<u8>(OPCODES + 256 + byte) & 1);
  } else if (byte == 0xc4 || byte == 0x62) {
    const map = <u32>load<u8>(at + i) & 7;
    i += byte == 0xc4 ? 2 : 3;
    byte = <u32>load<u8>(at + i);
    i++;
    opcode = 256 * map + byte;
    info = map == 3 ? MODRM | 1 : map == 1 ? (byte == 0x77 ? 0 : MODRM | (load<u8>(OPCODES + 256 + byte) & 1)) : MODRM;
  }
  if ((info & NONE) != 0 || (info & 0x3f) == PREFIX) return 1;
  let relative: u32 = 0;
  let reg: u32 = 0;
  if ((info & MODRM) != 0) {
    modrmAt = i;
    const modrm = <u32>load<u8>(at + i);
    i++;
    reg = (modrm >> 3) & 7;
    const mode = modrm >> 6;
    const rm = modrm & 7;
    if (mode != 3) {
      if (rm == 4) {
        const base = <u32>load<u8>(at + i) & 7;
        i++;
        if (mode == 0 && base == 5) dispBytes = 4;
      } else if (mode == 0 && rm == 5) {
        dispBytes = 4;
        relative = i;
      }
      if (mode == 1) dispBytes = 1;
      else if (mode == 2) dispBytes = 4;
    }
    dispAt = i;
    i += dispBytes;
  }
  immAt = i;
  switch (info & 0x3f) {
    case 1:
      immBytes = 1;
      break;
    case 2:
      immBytes = 2;
      break;
    case 3:
      immBytes = 3;
      break;
    case 4:
      immBytes = isShort && !isWide ? 2 : 4;
      break;
    case 5:
      immBytes = isWide ? 8 : isShort ? 2 : 4;
      break;
    case 6:
      immBytes = isAddress32 ? 4 : 8;
      break;
    case 7:
      immBytes = reg < 2 ? 1 : 0;
      break;
    case 8:
      immBytes = reg < 2 ? (isShort && !isWide ? 2 : 4) : 0;
      break;
    case 9:
      immBytes = 1;
      break;
    case 10:
      immBytes = 4;
      fieldAt = i;
      fieldKind = opcode == 0xe8 ? CALL : opcode == 0xe9 ? JUMP : BRANCH;
      break;
  }
  i += immBytes;
  if (relative != 0) {
    fieldAt = relative;
    fieldKind = RELATIVE;
    dispBytes = 0;
  }
  return i;
}
