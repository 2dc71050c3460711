/** Our archives beside node-tar and Debian's tar, and what is refused of other people's. */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { Header } from "tar";
import { afterAll, describe, expect, it } from "vitest";
import { layOutArchive, MAX_MEMBERS, readArchiveIndex } from "../../../src/format/pack/archive-index.ts";
import {
  decodeMemberHeader,
  END_OF_ARCHIVE,
  encodeMemberHeader,
  memberPadding,
} from "../../../src/format/pack/ustar.ts";
import { archiveOf, type MemberChanges, memberOf } from "../../kit/archive.ts";
import { hasTool } from "../../kit/tools.ts";

const folder = mkdtempSync(join(tmpdir(), "themis-ustar-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function indexOf(archive: Uint8Array) {
  return readArchiveIndex({
    size: archive.length,
    read: async (start, length) => {
      if (start + length > archive.length) throw new Error("asked for more than there is");
      return archive.subarray(start, start + length);
    },
  });
}

/** As a writer makes it: headers, bytes, padding, end. */
function written(assets: readonly { readonly name: string; readonly bytes: Uint8Array }[]): Buffer {
  return Buffer.concat([
    ...assets.flatMap(({ name, bytes }) => [
      encodeMemberHeader(name, bytes.length),
      bytes,
      memberPadding(bytes.length),
    ]),
    END_OF_ARCHIVE,
  ]);
}

const assetName = fc.stringMatching(/^[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}$/);

describe("a header", () => {
  it.each([0, 1, 512, 2 ** 30 - 1, 2 ** 30, 2 ** 31 - 1])(
    "of %d bytes is node-tar's, byte for byte",
    (size) => {
      const path = "0123456789abcdef".repeat(4);
      const settings = { path, mode: 0o644, uid: 0, gid: 0, size, mtime: new Date(0), uname: "", gname: "" };
      const theirs = Buffer.alloc(512);
      new Header({ ...settings, type: "File" }).encode(theirs, 0);
      expect(Buffer.from(encodeMemberHeader(path, size))).toEqual(theirs);
    },
  );

  it("is read as it was written", () => {
    fc.assert(
      fc.property(assetName, fc.nat(2 ** 31 - 1), (name, size) => {
        expect(decodeMemberHeader(encodeMemberHeader(name, size))).toEqual({ kind: "file", name, size });
      }),
    );
  });

  it("with one changed bit is refused", () => {
    const header = encodeMemberHeader("manifest.json", 1234);
    fc.assert(
      fc.property(fc.nat(511), fc.nat(7), (at, bit) => {
        const changed = Uint8Array.from(header);
        changed[at]! ^= 1 << bit;
        // A digit of the checksum may become a space before it, and then the number is the same.
        fc.pre(at < 148 || at > 155);
        expect(() => decodeMemberHeader(changed)).toThrow(
          expect.objectContaining({ code: "ARCHIVE_MALFORMED" }),
        );
      }),
    );
  });

  it("holds no name that is longer than its field", () => {
    expect(() => encodeMemberHeader("n".repeat(101), 1)).toThrow(
      expect.objectContaining({ code: "ARCHIVE_MALFORMED" }),
    );
  });

  it("of any 512 bytes is read or refused by name", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 512, maxLength: 512 }), (bytes) => {
        try {
          decodeMemberHeader(bytes);
        } catch (error) {
          expect(error).toMatchObject({ code: "ARCHIVE_MALFORMED", kind: "refused" });
        }
      }),
    );
  });
});

describe("an archive", () => {
  it("has its members where the layout said", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(fc.record({ name: assetName, bytes: fc.uint8Array({ maxLength: 1500 }) }), {
          selector: ({ name }) => name,
          maxLength: 6,
        }),
        async (assets) => {
          const { members, totalBytes } = layOutArchive(
            assets.map(({ name, bytes }) => ({ name, size: bytes.length })),
          );
          const archive = written(assets);
          expect(archive.length).toBe(totalBytes);
          expect([...(await indexOf(archive)).values()]).toEqual(members);
          for (const [i, { start, size }] of members.entries())
            expect(archive.subarray(start, start + size)).toEqual(Buffer.from(assets[i]!.bytes));
        },
      ),
    );
  });

  it("that is cut anywhere before its end is refused", async () => {
    const archive = written([
      { name: "manifest.json", bytes: Buffer.alloc(700, 1) },
      { name: "targets-0.pack", bytes: Buffer.alloc(512, 2) },
    ]);
    for (let size = 0; size < archive.length; size++) {
      await expect(indexOf(archive.subarray(0, size)), `${size} bytes`).rejects.toMatchObject({
        code: "ARCHIVE_TRUNCATED",
      });
    }
  });

  it.skipIf(!hasTool("tar"))("is listed and taken apart by Debian's tar", () => {
    const assets = [
      { name: "n".repeat(100), bytes: Buffer.from("long name") },
      { name: "manifest.json", bytes: Buffer.alloc(513, 7) },
      { name: "empty", bytes: Buffer.alloc(0) },
    ];
    const file = join(folder, "ours.tar");
    writeFileSync(file, written(assets));
    expect(execFileSync("tar", ["tf", file], { encoding: "utf8" })).toBe(
      assets.map(({ name }) => `${name}\n`).join(""),
    );
    mkdirSync(join(folder, "apart"));
    execFileSync("tar", ["xf", file, "-C", join(folder, "apart")]);
    for (const { name, bytes } of assets) expect(readFileSync(join(folder, "apart", name))).toEqual(bytes);
  });

  it.skipIf(!hasTool("tar")).each(["gnu", "ustar", "v7", "pax"])(
    "of Debian's tar in the format %s is read, or refused by name",
    async (format) => {
      const tree = join(folder, `tree-${format}`);
      mkdirSync(tree);
      writeFileSync(join(tree, "manifest.json"), "{}");
      writeFileSync(join(tree, "a.pack"), Buffer.alloc(1000, 3));
      const file = join(folder, `${format}.tar`);
      execFileSync("tar", [`--format=${format}`, "--sort=name", "-cf", file, "-C", tree, "."]);
      if (format === "gnu" || format === "ustar") {
        const members = [...(await indexOf(readFileSync(file))).values()];
        expect(members.map(({ name, size }) => ({ name, size }))).toEqual([
          { name: "a.pack", size: 1000 },
          { name: "manifest.json", size: 2 },
        ]);
      } else {
        await expect(indexOf(readFileSync(file))).rejects.toMatchObject({ code: "ARCHIVE_MALFORMED" });
      }
    },
  );
});

const file: MemberChanges = { name: "manifest.json", bytes: Buffer.from("{}") };

describe("refused is", () => {
  it.each<{ readonly why: string; readonly members: readonly MemberChanges[]; readonly said: string }>([
    { why: "a member twice", members: [file, file], said: "twice" },
    {
      why: "a member twice, once by ./",
      members: [file, { ...file, name: "./manifest.json" }],
      said: "twice",
    },
    { why: "a symlink", members: [{ ...file, type: "2", linkname: "/etc/passwd" }], said: "symlink" },
    { why: "a hard link", members: [{ ...file, type: "1", linkname: "a" }], said: "hard link" },
    { why: "a device", members: [{ ...file, type: "3" }], said: "device" },
    { why: "a FIFO", members: [{ ...file, type: "6" }], said: "FIFO" },
    { why: "a folder", members: [{ ...file, type: "5", name: "folder" }], said: "folder" },
    { why: "a pax header", members: [{ ...file, type: "x" }], said: "pax" },
    { why: "a pax header for all", members: [{ ...file, type: "g" }], said: "pax" },
    { why: "a sparse file", members: [{ ...file, type: "S" }], said: "sparse" },
    { why: "GNU's long name", members: [{ ...file, type: "L" }], said: "long name" },
    { why: "a type of the future", members: [{ ...file, type: "Q" }], said: "not known" },
    { why: "a name that climbs", members: [{ ...file, name: "../manifest.json" }], said: "folder" },
    { why: "an absolute name", members: [{ ...file, name: "/manifest.json" }], said: "folder" },
    { why: "a member of a folder", members: [{ ...file, name: "bundle/manifest.json" }], said: "-C FOLDER" },
    { why: "a folder in the prefix", members: [{ ...file, prefix: "bundle" }], said: "folder" },
    { why: "the name ..", members: [{ ...file, name: ".." }], said: "not the name" },
    { why: "no name", members: [{ ...file, name: "" }], said: "not the name" },
    { why: "a name with a newline", members: [{ ...file, name: "a\nb" }], said: '"a\\nb"' },
    { why: "a name that is hidden", members: [{ ...file, name: ".manifest.json" }], said: "not the name" },
    {
      why: "a size in base 256",
      members: [{ ...file, size: "\u0080\0\0\0\0\0\0\0\0\0\0\u0002" }],
      said: "octal",
    },
    { why: "a size below nothing", members: [{ ...file, size: "-0000000002 " }], said: "octal" },
    { why: "no size", members: [{ ...file, size: "" }], said: "octal" },
    { why: "a size above 2 GiB", members: [{ ...file, size: "20000000000 " }], said: "more than an asset" },
    { why: "a wrong checksum", members: [{ ...file, checksum: "000000 \0" }], said: "checksum" },
    { why: "another magic", members: [{ ...file, magic: "zstar\u000000" }], said: "no tar header" },
    {
      why: "more members than a release has",
      members: Array.from({ length: MAX_MEMBERS + 1 }, (_, i) => ({
        name: `asset-${i}`,
        bytes: Buffer.alloc(0),
      })),
      said: "more than 1100",
    },
  ])("$why", async ({ members, said }) => {
    const refusal = await indexOf(archiveOf(members)).catch((error: unknown) => error);
    expect(refusal).toMatchObject({ code: "ARCHIVE_MALFORMED", kind: "refused" });
    const { message, hint = "" } = refusal as { message: string; hint?: string };
    expect(`${message} ${hint}`).toContain(said);
  });

  it("an archive that goes on behind one empty block", async () => {
    const hidden = Buffer.concat([memberOf(file), Buffer.alloc(512), archiveOf([file])]);
    await expect(indexOf(hidden)).rejects.toMatchObject({ code: "ARCHIVE_MALFORMED" });
  });

  it("an archive of as many ./ as anybody likes", async () => {
    const top = memberOf({ name: "./", type: "5", bytes: Buffer.alloc(0) });
    const archive = Buffer.concat([...Array.from({ length: MAX_MEMBERS + 1 }, () => top), archiveOf([file])]);
    await expect(indexOf(archive)).rejects.toMatchObject({ code: "ARCHIVE_MALFORMED" });
  });

  it("what is compressed, and what is no archive", async () => {
    for (const bytes of [Buffer.from("1f8b0800".repeat(400), "hex"), Buffer.from("<html>".repeat(400))])
      await expect(indexOf(bytes)).rejects.toMatchObject({ code: "ARCHIVE_MALFORMED" });
  });
});
