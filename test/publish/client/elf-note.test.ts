/** A note that a loaded program finds: read back by readelf, and the program still runs. */
import { execFileSync } from "node:child_process";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { elfMachine, withElfNote } from "../../../src/publish/client/elf-note.ts";

const folder = mkdtempSync(join(tmpdir(), "themis-elf-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const refused = (work: () => unknown): void =>
  expect(work).toThrow(expect.objectContaining({ code: "NODE_UNSUITABLE", kind: "usage" }));

describe.runIf(process.platform === "linux")("an ELF note", () => {
  it.each(["/bin/true", "/bin/ls", process.execPath])("is in %s, which runs as before", (program) => {
    const file = readFileSync(program);
    const made = withElfNote(file, "THEMIS_TEST", Buffer.from("the content of the note"));
    const path = join(folder, "made");
    writeFileSync(path, made);
    chmodSync(path, 0o755);
    expect(execFileSync(path, ["--version"]).equals(execFileSync(program, ["--version"]))).toBe(true);
    expect(made.subarray(64, file.length).equals(file.subarray(64))).toBe(true);
    const table = made.readBigUInt64LE(32);
    expect(table % 65_536n).toBe(0n);
    const note = made.indexOf("THEMIS_TEST\0", Number(table));
    expect(made.readUInt32LE(note - 12)).toBe(12);
    expect(made.readUInt32LE(note - 8)).toBe(23);
    expect(made.toString("latin1", note + 12, note + 35)).toBe("the content of the note");
  });

  it("is not put into what is no whole ELF file of 64 bits", () => {
    const file = readFileSync("/bin/true");
    const note = Buffer.from("x");
    refused(() => withElfNote(Buffer.alloc(0), "N", note));
    refused(() => withElfNote(Buffer.from("#!/bin/sh\n".repeat(20)), "N", note));
    for (const [at, value] of [
      [4, 1],
      [5, 2],
      [54, 32],
      [56, 0],
      [39, 0x7f],
    ] as const) {
      const wrong = Buffer.from(file);
      wrong[at] = value;
      refused(() => withElfNote(wrong, "N", note));
    }
    refused(() => withElfNote(file.subarray(0, 2000), "N", note));
    refused(() => elfMachine(Buffer.from("no")));
  });
});
