/** When two names are the same (RFC 5280, 7.1), whatever string types they are written in. */
import { describe, expect, it } from "vitest";
import { readDer } from "../../../src/format/cms/der.ts";
import { readName } from "../../../src/format/cms/name.ts";
import { der, oid, sequence, set } from "../../trust/craft.ts";

const CN = "2.5.4.3";
const utf8 = (text: string): Buffer => der(0x0c, Buffer.from(text));
const printable = (text: string): Buffer => der(0x13, Buffer.from(text, "latin1"));
const teletex = (text: string): Buffer => der(0x14, Buffer.from(text, "latin1"));
const bmp = (text: string): Buffer => der(0x1e, Buffer.from(text, "utf16le").swap16());
const attribute = (value: Buffer, type = CN): Buffer => sequence(oid(type), value);
const key = (...parts: readonly Buffer[]): string => readName(readDer(sequence(...parts))).key;
const one = (value: Buffer, type = CN): string => key(set(attribute(value, type)));

describe("names are the same", () => {
  it.each([
    { why: "in other letters", a: one(utf8("Good CA")), b: one(utf8("gOOD ca")) },
    { why: "with other white space", a: one(utf8("Good CA")), b: one(utf8(" \tGood \u00a0\u3000 CA ")) },
    { why: "as PrintableString and UTF8String", a: one(printable("Good CA")), b: one(utf8("Good CA")) },
    { why: "as BMPString and UTF8String", a: one(bmp("Größe")), b: one(utf8("größe")) },
    { why: "composed and decomposed", a: one(utf8("\u00e9")), b: one(utf8("e\u0301")) },
    { why: "in full width", a: one(utf8("\uff21")), b: one(utf8("a")) },
    { why: "with a sharp s and with two", a: one(utf8("Straße")), b: one(utf8("STRASSE")) },
    {
      why: "with letters that nobody sees",
      a: one(utf8("Good\u200b\u00ad CA\ufe0f")),
      b: one(utf8("Good CA")),
    },
    {
      why: "with the attributes of one part in another order",
      a: key(set(attribute(utf8("a")), attribute(utf8("b"), "2.5.4.10"))),
      b: key(set(attribute(utf8("B"), "2.5.4.10"), attribute(utf8("A")))),
    },
  ])("$why", ({ a, b }) => {
    expect(a).toBe(b);
  });
});

it.each([
  { why: "a part that is no SET", name: sequence(der(0xa1, attribute(utf8("x")))) },
  { why: "an empty part", name: sequence(set()) },
  { why: "an attribute of three", name: sequence(set(sequence(oid(CN), utf8("x"), utf8("y")))) },
])("a name with $why is refused", ({ name }) => {
  expect(() => readName(readDer(name))).toThrow(
    expect.objectContaining({ name: "CmsError", kind: "refused" }),
  );
});

describe("names differ", () => {
  it.each([
    { why: "by a letter", a: one(utf8("Good CA")), b: one(utf8("Good CB")) },
    { why: "by a space between", a: one(utf8("GoodCA")), b: one(utf8("Good CA")) },
    { why: "by the attribute's type", a: one(utf8("x")), b: one(utf8("x"), "2.5.4.10") },
    {
      why: "by the order of their parts",
      a: key(set(attribute(utf8("a"))), set(attribute(utf8("b")))),
      b: key(set(attribute(utf8("b"))), set(attribute(utf8("a")))),
    },
    {
      why: "by where a part ends",
      a: key(set(attribute(utf8("a"))), set(attribute(utf8("b")))),
      b: key(set(attribute(utf8("a")), attribute(utf8("b")))),
    },
    { why: "as TeletexString, which is only itself", a: one(teletex("x")), b: one(utf8("x")) },
    { why: "by private characters", a: one(utf8("x\ue000")), b: one(utf8("X\ue000")) },
    {
      why: "by bytes that are not UTF-8",
      a: one(der(0x0c, Buffer.of(0x41, 0xff))),
      b: one(der(0x0c, Buffer.of(0x61, 0xff))),
    },
    // A separator of ours inside of a value must not look like two values.
    {
      why: "by control characters that are dropped",
      a: one(utf8("a\u0000b")),
      b: key(set(attribute(utf8("a"))), set(attribute(utf8("b")))),
    },
  ])("$why", ({ a, b }) => {
    expect(a).not.toBe(b);
  });
});
