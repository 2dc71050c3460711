/** The real xdelta3: we read what it writes, it reads what we write. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { memorySource } from "../../../../src/base/byte-source.ts";
import { describeVcdiff } from "../../../../src/format/delta/vcdiff/describe.ts";
import {
  encodeVcdiffHeader,
  OPERATION_ADD,
  OPERATION_COPY,
  OPERATION_RUN,
  VcdiffEncoder,
} from "../../../../src/format/delta/vcdiff/encode.ts";
import { hasTool } from "../../../kit/tools.ts";
import { noise } from "../../../kit/world.ts";
import { decode, encodePatch, pairs, refusal, type Wish } from "./kit.ts";

const folder = mkdtempSync(join(tmpdir(), "themis-vcdiff-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const at = (name: string): string => join(folder, name);

function xdelta3(source: Uint8Array, target: Uint8Array, options: readonly string[]): Buffer {
  writeFileSync(at("source"), source);
  writeFileSync(at("target"), target);
  execFileSync("xdelta3", ["-e", "-f", "-D", ...options, "-s", at("source"), at("target"), at("patch")]);
  return readFileSync(at("patch"));
}

function xdelta3Decode(source: Uint8Array, patch: Uint8Array): Buffer {
  writeFileSync(at("source"), source);
  writeFileSync(at("patch"), patch);
  execFileSync("xdelta3", ["-d", "-f", "-D", "-R", "-s", at("source"), at("patch"), at("out")]);
  return readFileSync(at("out"));
}

describe.skipIf(!hasTool("xdelta3"))("xdelta3", () => {
  describe.each(pairs())("$name", ({ source, target }) => {
    it.each(
      ["none", "djw", "lzma"].flatMap((secondary) =>
        [[], ["-A"], ["-n"], ["-A", "-n", "-9"], ["-W", "16384"], ["-0"]].map((options) => ({
          secondary,
          options,
        })),
      ),
    )("is read, written with -S $secondary $options", ({ secondary, options }) => {
      const patch = xdelta3(source, target, ["-S", secondary, ...options]);
      expect(decode(source, patch, target.length).equals(target)).toBe(true);
      const description = describeVcdiff(memorySource(patch));
      expect(description).toMatchObject({
        dialect: "vcdiff",
        secondary,
        codeTable: "default",
        targetSize: target.length,
        usesTarget: false,
        checksum: !options.includes("-n"),
        windows: options.includes("-W") ? Math.max(1, Math.ceil(target.length / 16384)) : 1,
        appHeader: options.includes("-A") ? undefined : "target//source/",
      });
    });

    it("is refused for one byte less and one more, and for every cut of its patch", () => {
      const patch = xdelta3(source, target, ["-S", "lzma", "-A"]);
      for (const wrong of [target.length - 1, target.length + 1]) {
        if (wrong >= 0) expect(refusal(() => decode(source, patch, wrong))).toBe("DELTA_TARGET_SIZE");
      }
      const step = Math.ceil(patch.length / 200);
      // Without its only window a patch still makes an empty target.
      for (let length = 0; target.length > 0 && length < patch.length; length += step)
        expect(refusal(() => decode(source, patch.subarray(0, length), target.length))).not.toBe("accepted");
    });
  });

  it.each(["none", "djw", "lzma"])("is read over many megabytes and windows, with -S %s", (secondary) => {
    const part = noise(3_000_000, 3);
    const text = Buffer.from("all work and no play makes jack a dull boy, ".repeat(60_000));
    const source = Buffer.concat([part, text, noise(2_500_000, 4), Buffer.alloc(1_000_000)]);
    const target = Buffer.concat([
      source.subarray(0, 2_000_000),
      Buffer.alloc(2_200_000, 7),
      noise(400_000, 8).map((byte) => byte & 0x1f),
      source.subarray(1_900_000),
      text.subarray(5, 1_000_000),
    ]);
    const patch = xdelta3(source, target, ["-S", secondary, "-B", String(1 << 26)]);
    expect(describeVcdiff(memorySource(patch))).toMatchObject({
      windows: 2,
      maxTargetWindow: 8 << 20,
      secondary,
    });
    expect(decode(source, patch, target.length).equals(target)).toBe(true);
  });

  it("notices by its Adler-32 that the source is another", () => {
    const { source, target } = pairs()[0]!;
    const patch = xdelta3(source, target, []);
    const other = Buffer.from(source);
    other[1000] = other[1000]! ^ 1;
    expect(refusal(() => decode(other, patch, target.length))).toBe("DELTA_CORRUPT");
  });

  it.each([
    { adler32: false, appHeader: undefined },
    { adler32: true, appHeader: undefined },
    { adler32: true, appHeader: "themis//" },
  ])("reads what we write: $adler32 $appHeader", ({ adler32, appHeader }) => {
    const source = noise(70_000, 21);
    const random = new Uint32Array(noise(4 * 30_000, 22).buffer.slice(0));
    const wishes: Wish[] = Array.from({ length: 9000 }, (_, i) => {
      const [a, b, c] = [random[3 * i]!, random[3 * i + 1]!, random[3 * i + 2]!];
      return {
        kind: a % 8 === 0 ? 1 : a % 3 === 0 ? 0 : 2,
        size: b % 7 === 0 ? b % 3000 : 1 + (b % 20),
        where: c >>> (c % 24),
      };
    });
    const windows = [
      { wishes: wishes.slice(0, 4000), segment: [0, 70_000] as const },
      { wishes: wishes.slice(4000, 4100), segment: undefined },
      { wishes: wishes.slice(4100), segment: [1234, 60_000] as const },
    ];
    const { patch, target } = encodePatch(source, windows, { adler32, ...(appHeader && { appHeader }) });
    expect(target.length).toBeGreaterThan(1_000_000);
    expect(xdelta3Decode(source, patch).equals(target)).toBe(true);
    expect(decode(source, patch, target.length).equals(target)).toBe(true);
  });

  it("reads our windows of 8 MiB", () => {
    const target = noise(8 << 20, 9);
    const source = target.subarray(0, 8_000_000);
    const operations = Float64Array.of(
      OPERATION_COPY,
      8_000_000,
      0,
      OPERATION_ADD,
      target.length - 8_000_000,
      0,
    );
    const window = {
      target,
      sourceSegment: { position: 0, length: source.length },
      operations,
      adler32: true,
    };
    const patch = Buffer.concat([encodeVcdiffHeader(), ...new VcdiffEncoder().writeWindow(window)]);
    expect(xdelta3Decode(source, patch).equals(target)).toBe(true);
  });

  it("is as good at packing as xdelta3: its own instructions, written again, are not longer", () => {
    const { source, target } = pairs()[1]!;
    const patch = xdelta3(source, target, ["-S", "none", "-A", "-n"]);
    writeFileSync(at("patch"), patch);
    const listing = execFileSync("xdelta3", ["printdelta", at("patch")], { maxBuffer: 1 << 28 }).toString();
    const length = Number(/VCDIFF copy window length:\s+(\d+)/.exec(listing)![1]);
    const position = Number(/VCDIFF copy window offset:\s+(\d+)/.exec(listing)![1]);
    const operations: number[] = [];
    for (const [, kind, size, where, address] of listing.matchAll(
      /(ADD|RUN|CPY_\d)\s+(\d+)(?: ([ST])@(\d+))?/g,
    )) {
      // Listed as positions in the two files; in the patch they are addresses in U.
      const base = where === "T" ? length : -position;
      operations.push(
        kind === "ADD" ? OPERATION_ADD : kind === "RUN" ? OPERATION_RUN : OPERATION_COPY,
        Number(size),
        where === undefined ? 0 : Number(address) + base,
      );
    }
    const ours = Buffer.concat([
      encodeVcdiffHeader(),
      ...new VcdiffEncoder().writeWindow({
        target,
        sourceSegment: { position, length },
        operations: Float64Array.from(operations),
        adler32: false,
      }),
    ]);
    expect(decode(source, ours, target.length).equals(target)).toBe(true);
    expect(ours.length).toBeLessThanOrEqual(patch.length);
  });
});
