import fc from "fast-check";
import { expect, it } from "vitest";
import { decodeCanonicalJson, encodeCanonicalJson, type Json } from "../../src/base/canonical-json.ts";

it.each([
  { why: "a duplicate key", text: '{"a":1,"a":2}' },
  { why: "keys out of order", text: '{"b":1,"a":2}' },
  { why: "white space", text: '{"a": 1}' },
  { why: "trailing bytes", text: '{"a":1}\n' },
  { why: "a byte order mark", text: "\ufeff{}" },
  { why: "another escape", text: '{"a":"\\u0041"}' },
  { why: "a number beyond 2^53", text: '{"a":9007199254740993}' },
  { why: "a fraction", text: '{"a":1.5}' },
  { why: "an exponent", text: '{"a":1e3}' },
  { why: "minus zero", text: '{"a":-0}' },
  { why: "a lone surrogate", text: '{"a":"\\ud800"}' },
  { why: "nothing", text: "" },
  { why: "a deep nest", text: "[".repeat(100_000) },
])("refuses $why", ({ text }) => {
  expect(() => decodeCanonicalJson(Buffer.from(text))).toThrow(expect.objectContaining({ kind: "refused" }));
});

it("refuses bytes that are not UTF-8", () => {
  expect(() => decodeCanonicalJson(Uint8Array.of(0x22, 0xff, 0x22))).toThrow(
    expect.objectContaining({ code: "JSON_MALFORMED" }),
  );
});

it("reads back whatever it writes", () => {
  const json = fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 4 },
      fc.constant(null),
      fc.boolean(),
      fc.maxSafeInteger().map((n) => n + 0),
      fc.string({ unit: "grapheme" }),
      fc.array(tie("value"), { maxLength: 4 }),
      fc.dictionary(fc.string(), tie("value"), { maxKeys: 4, noNullPrototype: true }),
    ),
  })).value as fc.Arbitrary<Json>;
  fc.assert(
    fc.property(json, (value) => {
      const bytes = encodeCanonicalJson(value);
      expect(Buffer.from(encodeCanonicalJson(decodeCanonicalJson(bytes))).equals(bytes)).toBe(true);
    }),
  );
});

it.each([
  { keys: ["10", "9", "a"], text: '{"10":0,"9":0,"a":0}' },
  { keys: ["__proto__", "b", "a"], text: '{"__proto__":0,"a":0,"b":0}' },
  { keys: ["b", "é", "Z"], text: '{"Z":0,"b":0,"é":0}' },
])("orders keys by their code units, whatever order the engine keeps: $keys", ({ keys, text }) => {
  const value = JSON.parse(`{${keys.map((key) => `${JSON.stringify(key)}:0`).join(",")}}`) as Json;
  expect(Buffer.from(encodeCanonicalJson([value])).toString()).toBe(`[${text}]`);
  expect(decodeCanonicalJson(Buffer.from(text))).toEqual(value);
});
