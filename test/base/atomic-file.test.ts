/** Files that are old or new: nobody else's file is touched on the way, and nothing else is put in the place of one. */
import { execFileSync } from "node:child_process";
import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { writeFileAtomically } from "../../src/base/atomic-file.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "themis-atomic-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const at = (name: string): string => join(folder, name);

async function* slowly(byte: number): AsyncGenerator<Uint8Array> {
  for (let i = 0; i < 20; i++) {
    await new Promise((resolve) => setImmediate(resolve));
    yield Buffer.alloc(1000, byte);
  }
}

it("holds what one of two writers wrote, whole, and both end well", async () => {
  await Promise.all([1, 2, 3].map((byte) => writeFileAtomically(at("file"), slowly(byte))));
  const bytes = readFileSync(at("file"));
  expect(bytes.length).toBe(20_000);
  expect(new Set(bytes).size).toBe(1);
  expect(readdirSync(folder)).toEqual(["file"]);
});

it("stays as it was when the content fails, and nothing is left beside it", async () => {
  writeFileSync(at("file"), "old");
  async function* failing(): AsyncGenerator<Uint8Array> {
    yield Buffer.from("new");
    throw new Error("no more");
  }
  await expect(writeFileAtomically(at("file"), failing())).rejects.toThrow("no more");
  expect(readFileSync(at("file"), "utf8")).toBe("old");
  expect(readdirSync(folder)).toEqual(["file"]);
});

it("replaces a symlink and touches neither what it names nor what stands beside it", async () => {
  writeFileSync(at("victim"), "precious");
  symlinkSync(at("victim"), at("link"));
  writeFileSync(at("link.part"), "somebody's");
  await writeFileAtomically(at("link"), Buffer.from("new"));
  expect(readFileSync(at("victim"), "utf8")).toBe("precious");
  expect(lstatSync(at("link")).isFile()).toBe(true);
  expect(readFileSync(at("link.part"), "utf8")).toBe("somebody's");
});

it("takes the place of no folder, device, FIFO, and of nothing in a folder that is not there", async () => {
  mkdirSync(at("folder"));
  const refused = expect.objectContaining({ code: "OUTPUT_INVALID", kind: "usage" });
  const places = [at("folder"), at("nowhere/file")];
  if (process.platform !== "win32") {
    execFileSync("mkfifo", [at("fifo")]);
    places.push(at("fifo"));
  }
  for (const place of places)
    await expect(writeFileAtomically(place, Buffer.from("new"))).rejects.toEqual(refused);
  if (process.platform !== "win32") expect(statSync(at("fifo")).isFIFO()).toBe(true);
});
