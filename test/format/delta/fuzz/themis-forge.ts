/**
 * Patches of THEMIS in parts: the header and the coded stream.
 *
 * A forged one has a header that is well formed and lies, of sizes, covers, images and tables, or a coded stream
 * that is changed and has its length right; so that what is tested is the walk and what it believes.
 */
import { memorySource } from "../../../../src/base/byte-source.ts";
import {
  readThemisHeader,
  type ThemisHeader,
  writeThemisHeader,
} from "../../../../src/format/delta/themis/container.ts";
import { KINDS } from "../../../../src/format/delta/themis/ranges.ts";
import type { Image, Range } from "../../../../src/kernel/themis-kernel.ts";
import { noise } from "../../../kit/world.ts";
import { makeThemis } from "../themis/kit.ts";
import { pick, type Roll } from "./dice.ts";
import type { HostileFormat, Seed } from "./hostile-format.ts";
import { edgeNumber, mutateBytes } from "./mutate.ts";

type ThemisSeed = Seed & { readonly header: ThemisHeader; readonly coded: Uint8Array };

function makeSeed(name: string, source: Uint8Array, target: Uint8Array): ThemisSeed {
  return seedOf(name, source, target, makeThemis(source, target));
}

function seedOf(name: string, source: Uint8Array, target: Uint8Array, patch: Uint8Array): ThemisSeed {
  const { codedStart, ...header } = readThemisHeader(memorySource(patch));
  return { name, source, target, patch, header, coded: patch.subarray(codedStart) };
}

function forge({ header, coded }: ThemisSeed, roll: Roll): Uint8Array {
  const forged = roll(2) ? header : forgeHeader(header, roll);
  const stream = roll(3) ? mutateBytes(coded, [coded], roll) : coded;
  return Buffer.concat([writeThemisHeader(forged, stream.length), stream]);
}

function forgeHeader(header: ThemisHeader, roll: Roll): ThemisHeader {
  const { sourceSize, targetSize, coverCount } = header;
  switch (roll(6)) {
    case 0:
      return { ...header, coverCount: edgeNumber([0, coverCount, targetSize], roll) };
    case 1:
      return { ...header, bucketLog: 8 + roll(14) };
    case 2:
      return { ...header, learnedLog: 6 + roll(14) };
    case 3:
      return { ...header, targetSize: edgeNumber([targetSize, sourceSize, 2 ** 31 - 1], roll) };
    case 4:
      return { ...header, old: forgeImage(sourceSize, roll) };
    default:
      return { ...header, now: forgeImage(targetSize, roll) };
  }
}

/** Ranges anywhere, of any kind, at any address. */
function forgeImage(size: number, roll: Roll): Image {
  const ranges: Range[] = [];
  let end = 0;
  for (let count = roll(20); count > 0 && end < size; count--) {
    const offset = end + roll(Math.min(64, size - end));
    const length = 1 + roll(size - offset);
    const address = roll(2) ? offset : roll(2 ** 16) * 2 ** roll(17);
    const kind = roll(5);
    ranges.push({
      offset,
      length,
      address: address % 2 ** 32,
      kind,
      bases: kind === KINDS.words ? roll(64) : 0,
    });
    if (kind !== KINDS.empty) end = offset + length;
  }
  const bases = Array.from({ length: roll(7) }, () => pick([0, 1, 0x400000, 2 ** 31, 2 ** 32 - 1], roll));
  return { ranges, bases };
}

/** An ELF header with a section of code and one of words over the same bytes that both files have. */
function program(machine: number, contents: Uint8Array): Buffer {
  const header = Buffer.alloc(64);
  header.write("7f454c46020101", 0, "hex");
  header.writeUInt16LE(machine, 18);
  header.writeBigUInt64LE(BigInt(64 + contents.length), 40);
  header.writeUInt16LE(64, 58);
  header.writeUInt16LE(2, 60);
  const half = contents.length / 2;
  const section = (flags: number, address: number, offset: number): Buffer => {
    const entry = Buffer.alloc(64);
    entry.writeUInt32LE(1, 4);
    entry.writeUInt32LE(flags, 8);
    entry.writeUInt32LE(address, 16);
    entry.writeUInt32LE(offset, 24);
    entry.writeUInt32LE(half, 32);
    return entry;
  };
  return Buffer.concat([header, contents, section(6, 0x1000, 64), section(2, 0x4000, 64 + half)]);
}

/** Instructions that call, jump, branch and load, and words that point at them. */
function contents(unit: (i: number, shift: number) => number[], shift: number): Buffer {
  const code = Array.from({ length: 150 }, (_, i) => unit(i, shift)).flat();
  const words = Buffer.alloc(1000);
  for (let i = 0; i < 250; i++)
    words.writeUInt32LE(i % 3 === 0 ? 0x1000 + ((i * 36 + shift) % 1000) : i, 4 * i);
  return Buffer.concat([
    Buffer.from(code).subarray(0, 1000),
    Buffer.alloc(Math.max(0, 1000 - code.length)),
    words,
  ]);
}

const x86 = (i: number, shift: number): number[] => [
  ...(i === 20 && shift ? [0x90, 0x90, 0x90, 0x90] : []),
  ...[0x48, 0x89, 0xc0 + (i % 64)],
  ...(i % 2 ? [0xe8, (i * 7 + shift) % 256, 0, 0, 0] : [0x48, 0x8d, 0x05, (i * 13) % 256, i % 4, 0, 0]),
];
const arm64 = (i: number, shift: number): number[] => [
  ...(i === 20 && shift ? [0x1f, 0x20, 0x03, 0xd5] : []),
  ...(i % 2 ? [(i * 3 + shift) % 256, 0, 0, 0x94] : [0xe0, i % 256, 0x80, 0xd2]),
];

const lines = (last: string): Buffer =>
  Buffer.from(Array.from({ length: 60 }, (_, i) => `line ${i} of ${(i * 7919) % 997} ${last}\n`).join(""));
const mixed = Buffer.concat([lines("new"), noise(200, 9), lines("old").subarray(300), Buffer.alloc(400, 97)]);

export const hostileThemis: HostileFormat<ThemisSeed> = {
  name: "THEMIS",
  algorithm: "THEMIS",
  seeds: [
    makeSeed("that edits a text", lines("old"), mixed),
    makeSeed("of x86-64 code", program(62, contents(x86, 0)), program(62, contents(x86, 4))),
    makeSeed("of arm64 code", program(183, contents(arm64, 0)), program(183, contents(arm64, 1))),
    makeSeed("of an empty source", new Uint8Array(0), lines("new")),
    makeSeed("of an empty target", lines("old"), new Uint8Array(0)),
  ],
  forge,
};
