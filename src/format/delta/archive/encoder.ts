/**
 * Who deflated: the encoders whose bytes are made again exactly, each with a number for the wire.
 *
 *   number = family * 18 + (memLevel - 8) * 9 + (level - 1)
 *
 * The numbers never change meaning. GNU gzip has no memLevel: it has the hash of 8 and the blocks of 9.
 */
import type { DeflateSettings } from "../../../kernel/deflate-kernel.ts";

/** zlib to 1.3.1; GNU gzip 1.x; Chromium's zlib, which is Node's: with CRC-32C to 2022, with a product since. */
export const FAMILIES = ["zlib", "gzip", "chromium-crc", "chromium"] as const;
export type Family = (typeof FAMILIES)[number];

export type DeflateEncoder = {
  readonly family: Family;
  /** 1 to 9. */
  readonly level: number;
  /** 8, zlib's default, or 9; 8 for gzip. */
  readonly memLevel: 8 | 9;
};

const LEVELS = 9;
const EACH = 2 * LEVELS;
export const ENCODER_COUNT = FAMILIES.length * EACH;

export function encoderNumber({ family, level, memLevel }: DeflateEncoder): number {
  return FAMILIES.indexOf(family) * EACH + (memLevel - 8) * LEVELS + level - 1;
}

/** @returns undefined for a number that stands for none */
export function encoderOf(number: number): DeflateEncoder | undefined {
  const family = FAMILIES[Math.floor(number / EACH)];
  const memLevel = Math.floor((number % EACH) / LEVELS) === 0 ? 8 : 9;
  if (!Number.isInteger(number) || number < 0 || !family || (family === "gzip" && memLevel === 9))
    return undefined;
  return { family, memLevel, level: (number % LEVELS) + 1 };
}

/** For people: "zlib -6", "chromium -9, memLevel 9". */
export function describeEncoder({ family, level, memLevel }: DeflateEncoder): string {
  return `${family} -${level}${memLevel === 9 ? ", memLevel 9" : ""}`;
}

const HASHES = { zlib: "rolling", gzip: "rolling", "chromium-crc": "crc", chromium: "product" } as const;

export function settingsOf({ family, level, memLevel }: DeflateEncoder): DeflateSettings {
  const isGzip = family === "gzip";
  return {
    level,
    hash: HASHES[family],
    hashBits: memLevel + 7,
    symbols: isGzip ? 32768 : 2 ** (memLevel + 6),
    early: isGzip,
  };
}
