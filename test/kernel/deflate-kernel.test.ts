/** The pinned deflate against those it stands for, and against what they wrote once (test/vectors/deflate.json). */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { deflateRawSync, inflateRawSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DeflateKernel, type DeflateSettings } from "../../src/kernel/deflate-kernel.ts";
import { hasTool } from "../kit/tools.ts";
import { noise } from "../kit/world.ts";

const LEVELS = [1, 2, 3, 4, 5, 6, 7, 8, 9];
const zlib = (level: number, memLevel: number, hash: DeflateSettings["hash"] = "rolling") => ({
  level,
  hash,
  hashBits: memLevel + 7,
  symbols: 2 ** (memLevel + 6),
  early: false,
});
const gzip = (level: number) => ({ ...zlib(level, 8), symbols: 32768, early: true });

function deflate(content: Uint8Array, settings: DeflateSettings, cut = content.length): Buffer {
  const kernel = DeflateKernel.take(settings);
  const pieces: Buffer[] = [];
  for (let at = 0; at === 0 || at < content.length; at += Math.max(1, cut)) {
    const part = content.subarray(at, at + Math.max(1, cut));
    for (const piece of kernel.push(part, at + part.length === content.length))
      pieces.push(Buffer.from(piece));
  }
  kernel.giveBack();
  return Buffer.concat(pieces);
}

const program = readFileSync(process.execPath).subarray(0, 3_000_000);
const CONTENTS: Readonly<Record<string, Buffer>> = {
  nothing: Buffer.alloc(0),
  "a byte": Buffer.from("a"),
  "three bytes": Buffer.from("abc"),
  "one byte again and again": Buffer.alloc(300_000, 7),
  "what cannot be made shorter": noise(200_000, 5),
  text: readFileSync(join(import.meta.dirname, "../../package-lock.json")),
  "a program": program,
  "what repeats from as far as can be": Buffer.concat([
    noise(32768 - 262, 1),
    noise(32768 - 262, 1),
    noise(70_000, 2),
  ]),
};

describe("the pinned deflate", () => {
  // Of the Node that the lock file names: another one may have another zlib, and then a row of its own.
  it.each(Object.entries(CONTENTS))("writes of %s what Node's zlib writes, at each level", (_, content) => {
    for (const level of LEVELS) {
      for (const memLevel of [8, 9]) {
        const theirs = deflateRawSync(content, { level, memLevel });
        expect(deflate(content, zlib(level, memLevel, "product")).equals(theirs), `level ${level}`).toBe(
          true,
        );
      }
    }
  });

  it.skipIf(!hasTool("gzip")).each(Object.entries(CONTENTS))(
    "writes of %s what GNU gzip writes",
    (_, content) => {
      const folder = mkdtempSync(join(tmpdir(), "themis-deflate-"));
      try {
        const file = join(folder, "content");
        writeFileSync(file, content);
        for (const level of LEVELS) {
          const theirs = execFileSync("gzip", ["-n", `-${level}`, "-c", file], { maxBuffer: 2 ** 30 });
          // RFC 1952, 2.3: ten bytes of header, eight of trailer.
          expect(deflate(content, gzip(level)).equals(theirs.subarray(10, -8)), `level ${level}`).toBe(true);
        }
      } finally {
        rmSync(folder, { recursive: true });
      }
    },
  );

  it("writes what zlib 1.2.13 wrote", () => {
    type Row = {
      readonly name: string;
      readonly level: number;
      readonly memLevel: number;
      readonly sha256: string;
    };
    const rows = JSON.parse(
      readFileSync(join(import.meta.dirname, "../vectors/deflate/zlib-1.2.13.json"), "utf8"),
    ) as readonly Row[];
    expect(rows.length).toBeGreaterThan(50);
    for (const { name, level, memLevel, sha256 } of rows) {
      const made = deflate(vectorContent(name), zlib(level, memLevel));
      expect(createHash("sha256").update(made).digest("hex"), `${name}, level ${level}`).toBe(sha256);
    }
  });

  it("writes the same however its input is cut", () => {
    const content = CONTENTS["a program"]!.subarray(0, 400_000);
    for (const settings of [zlib(6, 8), zlib(1, 9, "product"), gzip(9)]) {
      const whole = deflate(content, settings);
      for (const cut of [1009, 32768, 65536, 65537, 262_144]) {
        expect(deflate(content, settings, cut).equals(whole), `cut ${cut}`).toBe(true);
      }
    }
  });

  it("writes what every inflate undoes", () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 3000 }),
        fc.integer({ min: 1, max: 9 }),
        fc.constantFrom<DeflateSettings["hash"]>("rolling", "crc", "product"),
        fc.boolean(),
        (bytes, level, hash, early) => {
          const content = Buffer.concat([bytes, bytes, bytes.slice(0, 100)]);
          const made = deflate(content, { ...zlib(level, 8, hash), early });
          expect(inflateRawSync(made).equals(content)).toBe(true);
        },
      ),
    );
  });
});

/** Contents that a few lines of any language make again. */
function vectorContent(name: string): Buffer {
  const length = Number(name.split(" ")[1]);
  const bytes = Buffer.alloc(length);
  let state = 12345;
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    const random = state >>> 16;
    if (name.startsWith("words")) bytes[i] = "etaoin shrdlu"[random % (1 + (random & 12))]!.charCodeAt(0);
    else if (name.startsWith("runs"))
      bytes[i] = random % 9 === 0 ? random >>> 8 : (bytes[i - (random % 700)] ?? 0);
    else bytes[i] = random;
  }
  return bytes;
}
