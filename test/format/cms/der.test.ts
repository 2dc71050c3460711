import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CmsError } from "../../../src/format/cms/cms-error.ts";
import { readDer, readOid, readSmallInteger, readTime } from "../../../src/format/cms/der.ts";

const read = (hex: string) => readDer(Buffer.from(hex, "hex"));
const malformed = expect.objectContaining({ code: "DER_MALFORMED", kind: "refused" });

describe("readDer", () => {
  it("reads a sequence with its components", () => {
    const element = read("30060201050101ff");
    expect(element.children.map(({ tag }) => tag)).toEqual([0x02, 0x01]);
    expect(readSmallInteger(element.children[0]!)).toBe(5);
  });

  it.each([
    { why: "nothing", bytes: "" },
    { why: "a tag alone", bytes: "30" },
    { why: "an indefinite length", bytes: "30800201050000" },
    { why: "a long form for a short length", bytes: "04810100" },
    { why: "a length with a leading zero", bytes: `04820080${"00".repeat(128)}` },
    { why: "a length of five bytes", bytes: "04850000000001ff" },
    { why: "a length of 127 bytes", bytes: "04ff" },
    { why: "a content that is cut off", bytes: "040501" },
    { why: "a child that is longer than its parent", bytes: "3003020501" },
    { why: "a byte after the end", bytes: "0500ff" },
    { why: "a high tag number", bytes: "1f8100" },
    { why: "an end-of-contents", bytes: "30020000" },
    { why: "a boolean of 01", bytes: "010101" },
    { why: "a boolean of two bytes", bytes: "0102ffff" },
    { why: "an empty integer", bytes: "0200" },
    { why: "a padded positive integer", bytes: "0202007f" },
    { why: "a padded negative integer", bytes: "0202ff80" },
    { why: "a bit string with eight unused bits", bytes: "03020800" },
    { why: "an empty bit string without its first byte", bytes: "0300" },
    { why: "a bit string with unused bits and no bits", bytes: "030101" },
    { why: "a bit string whose unused bits are set", bytes: "03020101" },
    { why: "a NULL with content", bytes: "050100" },
    { why: "an empty object identifier", bytes: "0600" },
    { why: "a padded object identifier", bytes: "06028001" },
    { why: "an object identifier that is cut off", bytes: "060181" },
    { why: "a constructed octet string", bytes: "2403040100" },
    { why: "a primitive sequence", bytes: "1000" },
    { why: "a primitive set", bytes: "1100" },
    {
      why: "elements 40 deep",
      bytes: Array.from({ length: 40 }, (_, i) => `30${(78 - 2 * i).toString(16).padStart(2, "0")}`).join(""),
    },
  ])("refuses $why", ({ bytes }) => {
    expect(() => read(bytes)).toThrow(malformed);
  });

  it("refuses a million empty elements without reading them all", () => {
    const bytes = Buffer.concat([Buffer.from("308300fffe", "hex"), Buffer.alloc(0xfffe)]);
    for (let i = 5; i < bytes.length; i += 2) bytes[i] = 5;
    expect(() => readDer(Buffer.concat([Buffer.from("3082fffe", "hex"), bytes.subarray(5)]))).toThrow(
      malformed,
    );
  });

  it("answers random bytes with a tree or with DER_MALFORMED", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        try {
          expect(readDer(bytes).bytes).toEqual(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(CmsError);
        }
      }),
      { numRuns: 2000 },
    );
  });
});

describe("readOid", () => {
  it.each([
    { bytes: "06092a864886f70d010702", oid: "1.2.840.113549.1.7.2" },
    { bytes: "0603551d0f", oid: "2.5.29.15" },
    { bytes: "0603883703", oid: "2.999.3" },
    { bytes: "060100", oid: "0.0" },
  ])("reads $oid", ({ bytes, oid }) => {
    expect(readOid(read(bytes))).toBe(oid);
  });
});

describe("readTime", () => {
  const time = (tag: number, text: string) =>
    readTime(readDer(Buffer.from([tag, text.length, ...Buffer.from(text)])));

  it.each([
    { tag: 0x17, text: "491231235959Z", iso: "2049-12-31T23:59:59.000Z" },
    { tag: 0x17, text: "500101000000Z", iso: "1950-01-01T00:00:00.000Z" },
    { tag: 0x18, text: "99991231235959Z", iso: "9999-12-31T23:59:59.000Z" },
    { tag: 0x17, text: "240229120000Z", iso: "2024-02-29T12:00:00.000Z" },
  ])("reads $text", ({ tag, text, iso }) => {
    expect(time(tag, text).toISOString()).toBe(iso);
  });

  it.each([
    { why: "a time without seconds", tag: 0x17, text: "4912312359Z" },
    { why: "an offset", tag: 0x17, text: "491231235959+0100" },
    { why: "a fraction", tag: 0x18, text: "20501231235959.5Z" },
    { why: "no zone", tag: 0x18, text: "20501231235959" },
    { why: "30 February", tag: 0x17, text: "240230120000Z" },
    { why: "29 February of a common year", tag: 0x17, text: "230229120000Z" },
    { why: "the hour 24", tag: 0x17, text: "240101240000Z" },
    { why: "a leap second", tag: 0x17, text: "161231235960Z" },
    { why: "a GeneralizedTime before 2050", tag: 0x18, text: "20240101000000Z" },
    { why: "another type", tag: 0x0c, text: "240101000000Z" },
  ])("refuses $why", ({ tag, text }) => {
    expect(() => time(tag, text)).toThrow(malformed);
  });
});
