/** .xz as the real xz writes it, in one portion and in many. */
import { execFileSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { XzDecoder } from "../../../../src/format/delta/lzma/xz.ts";
import { hasTool } from "../../../kit/tools.ts";
import { noise } from "../../../kit/world.ts";
import { refusal } from "../vcdiff/kit.ts";

const text = Buffer.from(Array.from({ length: 20_000 }, (_, i) => `${i * i} is ${i} squared\n`).join(""));
const mixed = Buffer.concat([text.subarray(0, 90_000), noise(150_000, 3), Buffer.alloc(200_000), text]);
const xz = (bytes: Uint8Array, ...options: string[]): Buffer =>
  execFileSync("xz", ["-c", "-T1", ...options], { input: bytes, maxBuffer: 1 << 28 });

describe.skipIf(!hasTool("xz"))("xz", () => {
  it.each([
    ["-6"],
    ["-0"],
    ["-9e"],
    ["--check=none"],
    ["--check=crc32"],
    ["--check=crc64"],
    ["--check=sha256"],
    ["--block-size=100000"],
    ["--lzma2=dict=4096,lc=0,lp=4,pb=0"],
    ["--lzma2=dict=64KiB,lc=4,lp=0,pb=4,mode=fast,mf=hc3,nice=2"],
    ["--lzma2=dict=1MiB,lc=1,lp=3,pb=1"],
  ])("is read, written with %s", (option) => {
    for (const bytes of [
      mixed,
      text,
      Buffer.from("a"),
      Buffer.alloc(0),
      Buffer.alloc(700_000),
      noise(70_000, 1),
    ]) {
      const packed = xz(bytes, option);
      expect(Buffer.from(new XzDecoder().decode(packed, bytes.length)).equals(bytes)).toBe(true);
    }
  });

  it("is refused with more, less, a cut, bytes behind it, and any bit flipped where a check tells", () => {
    const bytes = Buffer.from("all work and no play makes jack a dull boy ".repeat(30));
    const packed = xz(bytes, "--check=crc64");
    const code = (input: Uint8Array, size = bytes.length): string =>
      refusal(() => new XzDecoder().decode(input, size));
    expect(code(packed)).toBe("accepted");
    expect(code(packed, bytes.length - 1)).toBe("DELTA_SIZE");
    expect(code(packed, bytes.length + 1)).toBe("DELTA_TRUNCATED");
    expect(code(Buffer.concat([packed, packed]))).toBe("DELTA_TRAILING");
    for (let length = 0; length < packed.length; length++) {
      // A portion may end with any whole element; what is lost then shows in the next, or in its size.
      if (code(packed.subarray(0, length)) === "accepted") expect(packed.length - length).toBeLessThan(64);
    }
    for (let bit = 0; bit < packed.length * 8; bit++) {
      const flipped = Buffer.from(packed);
      flipped[bit >>> 3] = flipped[bit >>> 3]! ^ (1 << (bit & 7));
      expect(code(flipped), `bit ${bit}`).not.toBe("accepted");
    }
  });

  it("is refused when it wants a dictionary beyond 64 MiB, or another filter", () => {
    const code = (...options: string[]): string =>
      refusal(() => new XzDecoder().decode(xz(text, ...options), text.length));
    expect(code("--lzma2=dict=65MiB,mode=fast,mf=hc3")).toBe("DELTA_SIZE");
    expect(code("--x86", "--lzma2")).toBe("DELTA_SECONDARY");
    expect(code("--delta", "--lzma2")).toBe("DELTA_SECONDARY");
  });

  it("is read in portions that end with a chunk, the dictionary living on", () => {
    const packed = xz(mixed, "--check=none", "--lzma2=dict=256KiB");
    const { portions, sizes } = split(packed);
    expect(portions.length).toBeGreaterThan(3);
    const decoder = new XzDecoder();
    const made = portions.map((portion, i) => Buffer.from(decoder.decode(portion, sizes[i]!)));
    expect(Buffer.concat(made).equals(mixed)).toBe(true);
  });
});

/** Cuts a stream of one block behind each of its chunks. */
function split(packed: Buffer): { portions: Buffer[]; sizes: number[] } {
  const portions: Buffer[] = [];
  const sizes: number[] = [];
  let start = 0;
  let at = 12 + (packed[12]! + 1) * 4;
  while (packed[at] !== 0) {
    const control = packed[at]!;
    const size = (control < 0x80 ? 0 : (control & 0x1f) << 16) + packed.readUInt16BE(at + 1) + 1;
    at += control < 0x80 ? 3 + size : (control < 0xc0 ? 5 : 6) + packed.readUInt16BE(at + 3) + 1;
    portions.push(packed.subarray(start, at));
    sizes.push(size);
    start = at;
  }
  portions.push(packed.subarray(start));
  sizes.push(0);
  return { portions, sizes };
}
