/** Whatever is written is read back, and is as short as the default code table allows. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { memorySource } from "../../../../src/base/byte-source.ts";
import { AddressCache } from "../../../../src/format/delta/vcdiff/address-cache.ts";
import { AddressEncoder } from "../../../../src/format/delta/vcdiff/address-encoder.ts";
import { adler32 } from "../../../../src/format/delta/vcdiff/adler32.ts";
import {
  ADD,
  CODE_TABLE_BYTES,
  COPY,
  type CodeTable,
  defaultCodeTable,
  MODES,
  NOOP,
  RUN,
  SECOND,
  SIZES,
} from "../../../../src/format/delta/vcdiff/code-table.ts";
import { describeVcdiff } from "../../../../src/format/delta/vcdiff/describe.ts";
import {
  OPERATION_ADD,
  OPERATION_COPY,
  OPERATION_RUN,
  VcdiffEncoder,
} from "../../../../src/format/delta/vcdiff/encode.ts";
import { Cursor, integerLength, writeInteger } from "../../../../src/format/delta/vcdiff/integer.ts";
import { noise } from "../../../kit/world.ts";
import { decode, encodePatch, makeWindow } from "./kit.ts";

const wish = fc.record({
  kind: fc.constantFrom(OPERATION_ADD, OPERATION_RUN, OPERATION_COPY, OPERATION_COPY),
  size: fc.oneof(fc.integer({ min: 0, max: 20 }), fc.integer({ min: 0, max: 300 })),
  where: fc.oneof(fc.nat(40), fc.nat(5000), fc.nat()),
});

/** What must be, then singles and pairs that the seed chooses, all of it turned around. */
function someTable(nearSize: number, sameSize: number, seed: number): CodeTable {
  const modes = 2 + nearSize + sameSize;
  const entries = new Uint8Array(CODE_TABLE_BYTES);
  const place = (opcode: number): number => (opcode * 77 + seed) % 256;
  const set = (half: number, instruction: number, size: number, mode: number): void => {
    entries[half] = instruction;
    entries[SIZES + half] = size;
    entries[MODES + half] = instruction === COPY ? mode : 0;
  };
  let opcode = 0;
  set(place(opcode++), ADD, 0, 0);
  set(place(opcode++), RUN, 0, 0);
  for (let mode = 0; mode < modes; mode++) set(place(opcode++), COPY, 0, mode);
  for (let turn = seed; opcode < 256; turn++) {
    const half = place(opcode++);
    set(half, 1 + (turn % 3), 1 + (turn % 23), turn % modes);
    if (turn % 2 === 0) set(SECOND + half, 1 + ((turn % 5) % 3), 1 + (turn % 11), (turn * 3) % modes);
  }
  return { entries, nearSize, sameSize };
}

describe("the encoder", () => {
  it("writes windows that are read back as they were", () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 3000 }),
        fc.array(
          fc.record({ wishes: fc.array(wish, { maxLength: 60 }), from: fc.nat(), some: fc.boolean() }),
          {
            maxLength: 4,
          },
        ),
        fc.boolean(),
        (source, drafts, checksum) => {
          const windows = drafts.map(({ wishes, from, some }) => {
            const position = from % (source.length + 1);
            return { wishes, segment: some ? ([position, source.length - position] as const) : undefined };
          });
          const { patch, target } = encodePatch(source, windows, { adler32: checksum });
          expect(decode(source, patch, target.length).equals(target)).toBe(true);
          expect(describeVcdiff(memorySource(patch))).toMatchObject({
            windows: windows.length,
            targetSize: target.length,
            checksum: checksum && windows.length > 0,
          });
        },
      ),
      { numRuns: 400 },
    );
  });

  it("writes with code tables of any order and caches of any size", () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 2000 }),
        fc.array(wish, { maxLength: 60 }),
        fc.nat(6),
        fc.nat(5),
        fc.nat(),
        (source, wishes, nearSize, sameSize, seed) => {
          const codeTable = someTable(nearSize, sameSize, seed);
          const windows = [{ wishes, segment: [0, source.length] as const }];
          const { patch, target } = encodePatch(source, windows, { codeTable, appHeader: "old//new/" });
          expect(decode(source, patch, target.length).equals(target)).toBe(true);
          expect(describeVcdiff(memorySource(patch))).toMatchObject({
            codeTable: "custom",
            appHeader: "old//new/",
          });
        },
      ),
      { numRuns: 300 },
    );
  });

  it("refuses a code table in which something cannot be said", () => {
    const entries = defaultCodeTable.entries.slice();
    // Opcode 0 is the only RUN.
    entries[0] = NOOP;
    expect(() => new VcdiffEncoder({ ...defaultCodeTable, entries })).toThrow(RangeError);
  });

  it("takes as many pairs as can be, and the cheapest of all modes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), fc.array(wish, { maxLength: 40 }), (segment, wishes) => {
        const { target, operations } = makeWindow(segment, wishes);
        const sourceSegment = { position: 0, length: segment.length };
        const pieces = new VcdiffEncoder().writeWindow({ target, sourceSegment, operations, adler32: false });
        expect(pieces[2]!.length + pieces[3]!.length).toBe(shortest(operations, segment.length));
      }),
      { numRuns: 500 },
    );
  });

  it.each([
    { why: "nothing", wishes: [], instructions: "", addresses: "" },
    { why: "one byte", wishes: [{ kind: 0, size: 1, where: 1 }], instructions: "02", addresses: "" },
    { why: "a run", wishes: [{ kind: 1, size: 300, where: 1 }], instructions: "00822c", addresses: "" },
    {
      why: "a copy that overlaps itself",
      wishes: [
        { kind: 0, size: 1, where: 1 },
        { kind: 2, size: 1000, where: 200 },
      ],
      instructions: "0223" + "8768",
      addresses: "01",
    },
    {
      why: "ADD 4 with COPY 6, the largest pair",
      wishes: [
        { kind: 0, size: 4, where: 3 },
        { kind: 2, size: 6, where: 7 },
      ],
      instructions: "ae",
      addresses: "07",
    },
    {
      why: "COPY 4 with ADD 1",
      wishes: [
        { kind: 2, size: 4, where: 7 },
        { kind: 0, size: 1, where: 3 },
      ],
      instructions: "f7",
      addresses: "07",
    },
    {
      why: "an address far from all, then the same again",
      wishes: [
        { kind: 2, size: 9, where: 0 },
        { kind: 2, size: 9, where: 180 },
        { kind: 1, size: 500, where: 180 },
        { kind: 2, size: 9, where: 700 },
        { kind: 2, size: 9, where: 200 },
        { kind: 2, size: 9, where: 400 },
        { kind: 2, size: 9, where: 600 },
        { kind: 2, size: 9, where: 709 },
        { kind: 2, size: 9, where: 180 },
      ],
      instructions: undefined,
      addresses: undefined,
    },
  ])("writes $why as expected", ({ wishes, instructions, addresses }) => {
    const segment = noise(200, 3);
    const { target, operations } = makeWindow(segment, wishes);
    const sourceSegment = { position: 0, length: 200 };
    const pieces = new VcdiffEncoder().writeWindow({ target, sourceSegment, operations, adler32: false });
    const [, , wrote, places] = pieces.map((piece) => Buffer.from(piece).toString("hex"));
    if (instructions !== undefined) expect([wrote, places]).toEqual([instructions, addresses]);
    else expect(places!.slice(-2)).toBe((180).toString(16));
    const { patch } = encodePatch(segment, [{ wishes, segment: [0, 200] }]);
    expect(decode(segment, patch, target.length).equals(target)).toBe(true);
  });

  it.each([
    { why: "fill less than the window", operations: [0, 3, 0] },
    { why: "fill more than the window", operations: [0, 5, 0] },
    { why: "have no size", operations: [0, 0, 0, 0, 4, 0] },
    { why: "copy from what is not yet written", operations: [2, 4, 10] },
    { why: "copy across the end of the segment", operations: [0, 2, 0, 2, 2, 9] },
    { why: "copy from before the beginning", operations: [2, 4, -1] },
  ])("takes operations that $why for a bug", ({ operations }) => {
    const window = {
      target: new Uint8Array(4),
      sourceSegment: { position: 0, length: 10 },
      operations: Float64Array.from(operations),
      adler32: false,
    };
    expect(() => new VcdiffEncoder().writeWindow(window)).toThrow(Error);
  });

  it("tells what an address costs without remembering it", () => {
    const addresses = new AddressEncoder(new AddressCache(defaultCodeTable));
    expect(addresses.cost(1_000_000, 2_000_000)).toBe(3);
    expect(addresses.cost(1_000_000, 2_000_000)).toBe(3);
    addresses.encode(1_000_000, 2_000_000);
    expect(addresses.cost(1_000_100, 2_000_000)).toBe(1);
    for (const other of [9e5, 8e5, 7e5, 6e5]) addresses.encode(other, 2_000_000);
    expect(addresses.cost(1_000_100, 2_000_000)).toBe(3);
    expect(addresses.cost(1_000_000, 2_000_000)).toBe(1);
  });
});

describe("integers", () => {
  it.each([
    [0, "00"],
    [127, "7f"],
    [128, "8100"],
    [300, "822c"],
    [123456789, "baef9a15"],
    [2 ** 32, "9080808000"],
    [Number.MAX_SAFE_INTEGER, "8fffffffffffff7f"],
  ])("%d is %s", (value, hex) => {
    const bytes = new Uint8Array(integerLength(value));
    expect(writeInteger(bytes, 0, value)).toBe(bytes.length);
    expect(Buffer.from(bytes).toString("hex")).toBe(hex);
    expect(new Cursor(bytes).integer()).toBe(value);
  });
});

it("computes Adler-32 as RFC 1950 has it", () => {
  expect(adler32(Buffer.from("Wikipedia"))).toBe(0x11e60398);
  expect(adler32(new Uint8Array(0))).toBe(1);
  expect(adler32(Buffer.alloc(1_000_000, 255))).toBe(naiveAdler(Buffer.alloc(1_000_000, 255)));
});

function naiveAdler(bytes: Uint8Array): number {
  let low = 1n;
  let high = 0n;
  for (const byte of bytes) {
    low = (low + BigInt(byte)) % 65521n;
    high = (high + low) % 65521n;
  }
  return Number(high * 65536n + low);
}

/** Bytes of instructions and addresses in the best of all encodings, by trying every mode and every pair. */
function shortest(operations: Float64Array, segmentLength: number): number {
  const { entries } = defaultCodeTable;
  const modes = 2 + 4 + 3;
  const cache = new AddressCache(defaultCodeTable);
  type Step = { instruction: number; size: number; costs: number[] };
  const steps: Step[] = [];
  let at = segmentLength;
  for (let i = 0; i < operations.length; i += 3) {
    const [kind, size, address] = [operations[i]!, operations[i + 1]!, operations[i + 2]!];
    const costs = Array.from({ length: kind === OPERATION_COPY ? modes : 1 }, (_, mode) => {
      if (kind !== OPERATION_COPY) return 0;
      if (mode === 0) return integerLength(address);
      if (mode === 1) return integerLength(at - address);
      if (mode < 6)
        return address >= cache.near[mode - 2]! ? integerLength(address - cache.near[mode - 2]!) : 99;
      const slot = (mode - 6) * 256 + (address % 256);
      return cache.same[slot] === address ? 1 : 99;
    });
    if (kind === OPERATION_COPY) cache.remember(address);
    steps.push({ instruction: kind === OPERATION_COPY ? COPY : kind + 1, size, costs });
    at += size;
  }
  const has = (half: number, { instruction, size }: Step, mode: number): boolean =>
    entries[half] === instruction && entries[SIZES + half] === size && entries[MODES + half] === mode;
  const best = [0];
  const cheapest = (step: Step, works: (mode: number) => number): number =>
    Math.min(...step.costs.map((cost, mode) => cost + works(mode)));
  for (const [i, step] of steps.entries()) {
    const single = cheapest(step, (mode) => {
      for (let opcode = 0; opcode < 256; opcode++)
        if (entries[SECOND + opcode] === NOOP && has(opcode, step, mode)) return 1;
      return 1 + integerLength(step.size);
    });
    best[i + 1] = best[i]! + single;
    const before = steps[i - 1];
    if (!before) continue;
    for (let opcode = 0; opcode < 256; opcode++) {
      for (const [first, a] of before.costs.entries())
        for (const [second, b] of step.costs.entries())
          if (has(opcode, before, first) && has(SECOND + opcode, step, second))
            best[i + 1] = Math.min(best[i + 1]!, best[i - 1]! + 1 + a + b);
    }
  }
  return best[steps.length]!;
}
