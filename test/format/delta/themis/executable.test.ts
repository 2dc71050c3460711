/** What is recognised in a file, by its content: executables made by hand, and such as only look like some. */
import { describe, expect, it } from "vitest";
import { memorySource } from "../../../../src/base/byte-source.ts";
import { readExecutable } from "../../../../src/format/delta/themis/executable.ts";
import { imageOf, KINDS, MAX_RANGES } from "../../../../src/format/delta/themis/ranges.ts";
import { noise } from "../../../kit/world.ts";
import { machO, pe, universal } from "./images.ts";
import { makeThemis, rebuild } from "./kit.ts";

const { x86, arm64, words, empty } = KINDS;
const read = (bytes: Uint8Array) => readExecutable(memorySource(bytes));

describe("what stands where", () => {
  it("is read from the sections of PE, at the image's base", () => {
    const { ranges, bases } = read(pe(0x8664, noise(0x3000, 1)));
    expect(bases).toEqual([0x80000000]);
    expect(ranges).toEqual([
      { offset: 0x400, length: 0x2000, address: 0x80001000, kind: x86, bases: 0 },
      { offset: 0x2400, length: 0x1000, address: 0x80004000, kind: words, bases: 1 },
      { offset: 0x3400, length: 0x500, address: 0x80005000, kind: empty, bases: 0 },
    ]);
    expect(read(pe(0xaa64, noise(0x3000, 1))).ranges[0]!.kind).toBe(arm64);
  });

  it("is read from the sections of Mach-O, without its upper bits", () => {
    expect(read(machO("x86", noise(0x3000, 1))).ranges).toEqual([
      { offset: 0x1000, length: 0x2000, address: 0x1000, kind: x86, bases: 0 },
      { offset: 0x3000, length: 0x1000, address: 0x8000, kind: words, bases: 0 },
    ]);
  });

  it("is read from each image of a universal binary, each at addresses of its own", () => {
    expect(
      read(universal([machO("x86", noise(0x3000, 1)), machO("arm64", noise(0x3000, 2))])).ranges,
    ).toEqual([
      { offset: 0x5000, length: 0x2000, address: 0x1000, kind: x86, bases: 0 },
      { offset: 0x7000, length: 0x1000, address: 0x8000, kind: words, bases: 0 },
      { offset: 0xa000, length: 0x2000, address: 0x40001000, kind: arm64, bases: 0 },
      { offset: 0xc000, length: 0x1000, address: 0x40008000, kind: words, bases: 0 },
    ]);
  });

  it.each([
    { why: "a text", bytes: Buffer.from("#!/bin/sh\nexit 0\n".repeat(20)) },
    { why: "an empty file", bytes: Buffer.alloc(0) },
    { why: "the magic of ELF and nothing else", bytes: Buffer.from("7f454c46", "hex") },
    { why: "a class file of Java", bytes: Buffer.from("cafebabe00000041".padEnd(400, "0"), "hex") },
    { why: "MZ without a PE header", bytes: Buffer.concat([Buffer.from("MZ"), Buffer.alloc(100, 255)]) },
    { why: "Mach-O whose commands end at once", bytes: Buffer.from("cffaedfe".padEnd(200, "f"), "hex") },
  ])("is nothing in $why", ({ bytes }) => {
    expect(read(bytes).ranges).toEqual([]);
  });

  it("never lies over another range or beyond the file, and is never too much", () => {
    const parts = Array.from({ length: 1000 }, (_, i) => ({
      offset: i * 50,
      length: 120,
      address: (i * 977_777) % 2 ** 32,
      kind: i % 3 === 0 ? ("x86" as const) : ("words" as const),
    }));
    const { ranges } = imageOf(parts, 20_000, []);
    expect(ranges.length).toBeLessThanOrEqual(MAX_RANGES);
    let end = 0;
    for (const { offset, length } of ranges) {
      expect(offset).toBeGreaterThanOrEqual(end);
      end = offset + length;
    }
    expect(end).toBeLessThanOrEqual(20_000);
  });
});

describe("programs of other systems", () => {
  it.each([
    { why: "PE", wrap: (code: Uint8Array) => pe(0x8664, code) },
    { why: "PE for arm64", wrap: (code: Uint8Array) => pe(0xaa64, code) },
    { why: "Mach-O", wrap: (code: Uint8Array) => machO("arm64", code) },
    {
      why: "a universal binary",
      wrap: (code: Uint8Array) => universal([machO("x86", code), machO("arm64", code)]),
    },
  ])("come again as $why", ({ wrap }) => {
    const code = noise(0x3000, 9);
    const changed = Buffer.concat([code.subarray(0, 5000), noise(40, 3), code.subarray(5004)]);
    const [source, target] = [wrap(code), wrap(changed.subarray(0, 0x3000))];
    expect(rebuild(source, makeThemis(source, target), target.length).equals(target)).toBe(true);
  });
});
