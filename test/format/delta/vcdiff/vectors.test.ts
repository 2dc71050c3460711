/** Patches made by hand: what xdelta3 never writes, and every way to be malformed. */
import { describe, expect, it } from "vitest";
import { memorySource } from "../../../../src/base/byte-source.ts";
import { ADLER32_START_SDCH, adler32 } from "../../../../src/format/delta/vcdiff/adler32.ts";
import { CODE_TABLE_BYTES, defaultCodeTable } from "../../../../src/format/delta/vcdiff/code-table.ts";
import { describeVcdiff } from "../../../../src/format/delta/vcdiff/describe.ts";
import { integerLength, writeInteger } from "../../../../src/format/delta/vcdiff/integer.ts";
import { noise } from "../../../kit/world.ts";
import { quickDjw } from "../fuzz/quick-streams.ts";
import { decode, refusal } from "./kit.ts";
import { readVectors } from "./vectors.ts";

const integer = (value: number): number[] => {
  const bytes = new Uint8Array(integerLength(value));
  writeInteger(bytes, 0, value);
  return [...bytes];
};

type Draft = {
  readonly indicator?: number;
  readonly segment?: readonly [length: number, position: number];
  readonly size: number;
  readonly deltaIndicator?: number;
  readonly data?: readonly number[];
  readonly instructions: readonly number[];
  readonly addresses?: readonly number[];
  readonly checksum?: readonly number[];
  readonly lengthOff?: number;
};

function window(draft: Draft): number[] {
  const { data = [], instructions, addresses = [], checksum = [], size, deltaIndicator = 0 } = draft;
  const { indicator = 0, segment, lengthOff = 0 } = draft;
  const lengths = [data, instructions, addresses].flatMap((section) => integer(section.length));
  const delta = [
    ...integer(size),
    deltaIndicator,
    ...lengths,
    ...checksum,
    ...data,
    ...instructions,
    ...addresses,
  ];
  return [indicator, ...(segment ?? []).flatMap(integer), ...integer(delta.length + lengthOff), ...delta];
}

const file = (...windows: readonly number[][]): Buffer =>
  Buffer.from([0xd6, 0xc3, 0xc4, 0, 0, ...windows.flat()]);
const ascii = (text: string): number[] => [...Buffer.from(text)];
const none = new Uint8Array(0);

describe("the vector", () => {
  it.each(readVectors())("$name", ({ source, patch, target, description }) => {
    expect(decode(source, patch, target.length).toString("latin1")).toBe(target.toString("latin1"));
    expect(describeVcdiff(memorySource(patch))).toMatchObject(description);
    for (let length = 0; length < patch.length; length++)
      expect(refusal(() => decode(source, patch.subarray(0, length), target.length))).not.toBe("accepted");
  });

  it.each(readVectors())(
    "$name: no bit can flip unseen into more or less than the target's size",
    (vector) => {
      const { source, patch, target } = vector;
      for (let bit = 0; bit < patch.length * 8; bit++) {
        const bytes = Buffer.from(patch);
        bytes[bit >>> 3] = bytes[bit >>> 3]! ^ (1 << (bit & 7));
        refusal(() => decode(source, bytes, target.length));
      }
    },
  );
});

describe("a window that copies from the target", () => {
  const patch = file(
    window({ size: 6, data: ascii("abcdef"), instructions: [7] }),
    window({ indicator: 2, segment: [4, 1], size: 8, instructions: [0x18], addresses: [0] }),
    window({ indicator: 2, segment: [14, 0], size: 14, instructions: [0x1e], addresses: [0] }),
  );

  it("reads what earlier windows made", () => {
    expect(decode(none, patch, 28).toString()).toBe("abcdefbcdebcdeabcdefbcdebcde");
    expect(describeVcdiff(memorySource(patch))).toMatchObject({
      usesTarget: true,
      windows: 3,
      maxTargetWindow: 14,
    });
  });

  it("cannot read what is not made yet", () => {
    const early = file(
      window({ indicator: 2, segment: [1, 0], size: 4, instructions: [0x14], addresses: [0] }),
    );
    expect(refusal(() => decode(none, early, 4))).toBe("DELTA_OFFSET");
  });
});

describe("a code table of the patch's own", () => {
  /** The default table, but 0xff is ADD 2 with COPY 3 by mode 1 + near + same, and 0x00 a RUN of 9. */
  const entries = Uint8Array.from(defaultCodeTable.entries);
  for (const [at, value] of [
    [0, 2],
    [512, 9],
    [0xff, 1],
    [256 + 0xff, 3],
    [512 + 0xff, 2],
    [768 + 0xff, 3],
    [1024 + 0xff, 0],
    [1280 + 0xff, 1 + 5 + 1],
  ] as const)
    entries[at] = value;
  for (let half = 0; half < 512; half++) if (entries[1024 + half]! > 7) entries[1024 + half] = 7;
  const table = (bytes: Uint8Array, header = [0xd6, 0xc3, 0xc4, 0, 0]): number[] => [
    ...header,
    ...window({ size: bytes.length, data: [...bytes], instructions: [1, ...integer(bytes.length)] }),
  ];
  const withTable = (part: readonly number[], windows: readonly number[], near = 5, same = 1): Buffer =>
    Buffer.from([0xd6, 0xc3, 0xc4, 0, 2, ...integer(part.length + 2), near, same, ...part, ...windows]);
  const use = window({
    indicator: 1,
    segment: [8, 0],
    size: 9 + 4 + 5,
    data: ascii("-!!"),
    instructions: [0, 0x14, 0xff],
    addresses: [3, 3],
  });

  it("is used, with its cache sizes", () => {
    const patch = withTable(table(entries), use);
    expect(decode(Buffer.from("01234567"), patch, 18).toString()).toBe("---------3456!!345");
    expect(describeVcdiff(memorySource(patch))).toMatchObject({
      codeTable: "custom",
      windows: 1,
      targetSize: 18,
    });
  });

  it("may be written as copies of the default table", () => {
    const copied = [
      0xd6,
      0xc3,
      0xc4,
      0,
      0,
      ...window({
        indicator: 1,
        segment: [CODE_TABLE_BYTES, 0],
        size: CODE_TABLE_BYTES,
        data: [9],
        instructions: [0x13, ...integer(512), 2, 0x13, ...integer(1023)],
        addresses: [0, ...integer(513)],
      }),
    ];
    const run = window({ size: 9, data: ascii("x"), instructions: [0] });
    expect(decode(none, withTable(copied, run, 4, 3), 9).toString()).toBe("xxxxxxxxx");
  });

  it("stands without its length in open-vcdiff's dialect", () => {
    const patch = Buffer.from([0xd6, 0xc3, 0xc4, 0x53, 2, 5, 1, ...table(entries), ...use]);
    expect(decode(Buffer.from("01234567"), patch, 18).toString()).toBe("---------3456!!345");
  });

  it.each([
    {
      why: "a table inside its table",
      code: "DELTA_CORRUPT",
      part: table(entries, [0xd6, 0xc3, 0xc4, 0, 2]),
    },
    { why: "a table that is too short", code: "DELTA_TARGET_SIZE", part: table(entries.subarray(1)) },
    {
      why: "bytes behind its table",
      code: "DELTA_SIZE",
      part: [...table(entries), 0],
    },
    { why: "an instruction 4", code: "DELTA_CORRUPT", part: table(entries.with(3, 4)) },
    { why: "a NOOP with a size", code: "DELTA_CORRUPT", part: table(entries.with(512 + 256 + 3, 1)) },
    { why: "a mode beyond its caches", code: "DELTA_CORRUPT", part: table(entries.with(1024 + 0x20, 8)) },
    { why: "an ADD with a mode", code: "DELTA_CORRUPT", part: table(entries.with(1024 + 5, 1)) },
  ])("is refused with $why", ({ code, part }) => {
    expect(refusal(() => decode(Buffer.from("01234567"), withTable(part, use), 18))).toBe(code);
  });
});

describe("open-vcdiff's dialect", () => {
  const target = Buffer.from("hello hello");
  const interleaved = (checksum: number): Buffer =>
    Buffer.from([
      0xd6,
      0xc3,
      0xc4,
      0x53,
      0,
      ...window({
        indicator: 4,
        size: 11,
        instructions: [7, ...ascii("hello "), 0x15, 0],
        checksum: integer(checksum),
      }),
    ]);

  it("has its sections interleaved and its checksum as an integer", () => {
    const patch = interleaved(adler32(target, ADLER32_START_SDCH));
    expect(decode(none, patch, 11).equals(target)).toBe(true);
    expect(describeVcdiff(memorySource(patch))).toMatchObject({
      dialect: "sdch",
      checksum: true,
      windows: 1,
    });
  });

  it("is refused when the checksum differs or exceeds 32 bits", () => {
    expect(refusal(() => decode(none, interleaved(1), 11))).toBe("DELTA_CORRUPT");
    expect(refusal(() => decode(none, interleaved(2 ** 32), 11))).toBe("DELTA_SIZE");
  });

  it("is not read under the version of the RFC", () => {
    const patch = interleaved(adler32(target, ADLER32_START_SDCH));
    patch[3] = 0;
    expect(refusal(() => decode(none, patch, 11))).not.toBe("accepted");
  });
});

describe("secondary compression", () => {
  it.each([
    { id: 16, why: "FGK", message: /FGK/ },
    { id: 3, why: "an id that nobody knows", message: /compressor 3/ },
  ])("by $why is refused by name", ({ id, message }) => {
    const patch = Buffer.from([
      0xd6,
      0xc3,
      0xc4,
      0,
      1,
      id,
      ...window({ size: 1, deltaIndicator: 1, data: [1, 0], instructions: [2] }),
    ]);
    expect(() => decode(none, patch, 1)).toThrow(
      expect.objectContaining({
        code: "DELTA_SECONDARY",
        kind: "refused",
        message: expect.stringMatching(message),
      }),
    );
  });

  it("by FGK is described", () => {
    const patch = Buffer.from([0xd6, 0xc3, 0xc4, 0, 1, 16]);
    expect(describeVcdiff(memorySource(patch))).toMatchObject({
      secondary: "fgk",
      windows: 0,
      targetSize: 0,
    });
  });

  it.each([
    { why: "of nothing", data: [0], code: "DELTA_CORRUPT" },
    { why: "of more than 128 MiB", data: [...integer(2 ** 27 + 1), 0], code: "DELTA_SIZE" },
    {
      why: "of more than its window could use",
      data: [...integer(2000), ...quickDjw(noise(2000, 1))],
      code: "DELTA_SIZE",
    },
    { why: "of more than its bits can hold", data: [100, 0, 0], code: "DELTA_TRUNCATED" },
  ])("is refused $why", ({ data, code }) => {
    const draft = window({ size: 1, deltaIndicator: 1, data, instructions: [2] });
    expect(refusal(() => decode(none, Buffer.from([0xd6, 0xc3, 0xc4, 0, 1, 1, ...draft]), 1))).toBe(code);
  });
});

describe("describing", () => {
  it("keeps an application header printable and short", () => {
    const text = [...ascii("a\u0000b\u001b[31m"), ...Array(3000).fill(0x78)];
    const patch = Buffer.from([0xd6, 0xc3, 0xc4, 0, 4, ...integer(text.length), ...text]);
    const { appHeader } = describeVcdiff(memorySource(patch));
    expect(appHeader).toHaveLength(1024);
    expect(appHeader).toMatch(/^a\?b\?\[31mxxx/);
  });

  it("adds windows up beyond any target that could be made, but not beyond 2^53", () => {
    const huge = window({ size: 2 ** 40, instructions: [] });
    const patch = (count: number): Buffer => file(...Array.from({ length: count }, () => huge));
    expect(describeVcdiff(memorySource(patch(100)))).toMatchObject({
      targetSize: 100 * 2 ** 40,
      windows: 100,
    });
    expect(refusal(() => describeVcdiff(memorySource(patch(8192))))).toBe("DELTA_SIZE");
  });
});

describe("a patch", () => {
  const source = Buffer.from("0123456789");
  const copy = { indicator: 1, segment: [10, 0] as const, size: 4, instructions: [0x14], addresses: [0] };
  const huge = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f];
  it.each([
    { why: "no bytes", code: "DELTA_MAGIC", patch: none },
    { why: "another magic", code: "DELTA_MAGIC", patch: Buffer.from([0xd6, 0xc3, 0xc5, 0, 0]) },
    { why: "a version 1", code: "DELTA_MAGIC", patch: Buffer.from([0xd6, 0xc3, 0xc4, 1, 0]) },
    { why: "a header that is cut", code: "DELTA_TRUNCATED", patch: Buffer.from([0xd6, 0xc3, 0xc4, 0]) },
    { why: "an unknown Hdr_Indicator", code: "DELTA_CORRUPT", patch: Buffer.from([0xd6, 0xc3, 0xc4, 0, 8]) },
    {
      why: "an application header beyond its end",
      code: "DELTA_TRUNCATED",
      patch: Buffer.from([0xd6, 0xc3, 0xc4, 0, 4, 9, 1]),
    },
    {
      why: "an application header of a megabyte",
      code: "DELTA_SIZE",
      patch: Buffer.concat([
        Buffer.from([0xd6, 0xc3, 0xc4, 0, 4, ...integer(1 << 20)]),
        Buffer.alloc(1 << 20),
      ]),
    },
    {
      why: "an unknown Win_Indicator",
      code: "DELTA_CORRUPT",
      patch: file(window({ ...copy, indicator: 9 })),
    },
    {
      why: "source and target at once",
      code: "DELTA_CORRUPT",
      patch: file(window({ ...copy, indicator: 3 })),
    },
    {
      why: "an unknown Delta_Indicator",
      code: "DELTA_CORRUPT",
      patch: file(window({ ...copy, deltaIndicator: 8 })),
    },
    {
      why: "a compressed section without a compressor",
      code: "DELTA_CORRUPT",
      patch: file(window({ ...copy, deltaIndicator: 1 })),
    },
    {
      why: "a segment beyond the source",
      code: "DELTA_OFFSET",
      patch: file(window({ ...copy, segment: [10, 1] })),
    },
    {
      why: "a segment whose end overflows",
      code: "DELTA_OFFSET",
      patch: file(window({ ...copy, segment: [2 ** 53 - 1, 2 ** 53 - 1] })),
    },
    {
      why: "sections that add up to more",
      code: "DELTA_SIZE",
      patch: file(window({ ...copy, lengthOff: -1 })),
    },
    {
      why: "sections that add up to less",
      code: "DELTA_SIZE",
      patch: file([...window({ ...copy, lengthOff: 1 }), 0]),
    },
    {
      why: "a window beyond its end",
      code: "DELTA_TRUNCATED",
      patch: file(window({ ...copy, lengthOff: 1 })),
    },
    { why: "an integer beyond 2^53", code: "DELTA_SIZE", patch: file([1, ...huge]) },
    {
      why: "an integer beyond 2^53 among its instructions",
      code: "DELTA_SIZE",
      patch: file(window({ size: 4, instructions: [1, ...huge], data: [1] })),
    },
    {
      why: "an address at the place being written",
      code: "DELTA_OFFSET",
      patch: file(window({ ...copy, addresses: [10] })),
    },
    {
      why: "a HERE before the beginning",
      code: "DELTA_OFFSET",
      patch: file(window({ ...copy, instructions: [0x24], addresses: [11] })),
    },
    {
      why: "an address far beyond",
      code: "DELTA_OFFSET",
      patch: file(window({ ...copy, addresses: integer(2 ** 53 - 1) })),
    },
    {
      why: "an instruction beyond its window",
      code: "DELTA_SIZE",
      patch: file(window({ ...copy, instructions: [0x15] })),
    },
    {
      why: "a size beyond its window",
      code: "DELTA_SIZE",
      patch: file(window({ ...copy, instructions: [0x13, ...integer(2 ** 53 - 1)] })),
    },
    {
      why: "instructions that end early",
      code: "DELTA_TRUNCATED",
      patch: file(window({ ...copy, size: 5 })),
      targetSize: 5,
    },
    {
      why: "a size that is cut",
      code: "DELTA_TRUNCATED",
      patch: file(window({ ...copy, instructions: [0x13, 0x80] })),
    },
    {
      why: "no address for a COPY",
      code: "DELTA_TRUNCATED",
      patch: file(window({ ...copy, addresses: [] })),
    },
    {
      why: "too little data for an ADD",
      code: "DELTA_TRUNCATED",
      patch: file(window({ size: 4, instructions: [5], data: [1, 2, 3] })),
    },
    {
      why: "no data for a RUN",
      code: "DELTA_TRUNCATED",
      patch: file(window({ size: 4, instructions: [0, 4], data: [] })),
    },
    {
      why: "an address that nothing uses",
      code: "DELTA_TRAILING",
      patch: file(window({ ...copy, addresses: [0, 0] })),
    },
    { why: "data that nothing uses", code: "DELTA_TRAILING", patch: file(window({ ...copy, data: [0] })) },
    {
      why: "a window of more than 64 MiB",
      code: "DELTA_SIZE",
      patch: file(window({ ...copy, size: 2 ** 26 + 1 })),
      targetSize: 2 ** 27,
    },
    {
      why: "a window of more than its target",
      code: "DELTA_TARGET_SIZE",
      patch: file(window(copy)),
      targetSize: 3,
    },
    {
      why: "windows of less than its target",
      code: "DELTA_TARGET_SIZE",
      patch: file(window(copy)),
      targetSize: 5,
    },
    { why: "no windows for a target", code: "DELTA_TARGET_SIZE", patch: file() },
    {
      why: "another checksum",
      code: "DELTA_CORRUPT",
      patch: file(window({ ...copy, indicator: 5, checksum: [0, 0, 0, 1] })),
    },
  ])("is refused with $why", ({ code, patch, targetSize = 4 }) => {
    expect(refusal(() => decode(source, patch, targetSize))).toBe(code);
  });

  it("is accepted as the rows above begin", () => {
    expect(decode(source, file(window(copy)), 4).toString()).toBe("0123");
    expect(decode(source, file(), 0)).toHaveLength(0);
    expect(decode(source, file(window({ size: 0, instructions: [] }), window(copy)), 4).toString()).toBe(
      "0123",
    );
  });
});
