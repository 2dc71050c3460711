import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readYaml } from "../../../src/format/config/yaml-document.ts";

const read = (text: string | Uint8Array) =>
  readYaml(typeof text === "string" ? Buffer.from(text) : text, "themis.yml");

it("reads YAML 1.2 core, and knows where each key and value stands", () => {
  const { value, placeOf } = read(
    "\ufeff# a comment\r\nchecker:\r\n  api: true\n  list: [no, 0o17, ~, '<<']\n  text: |\n    two\n    lines\n",
  );
  expect(value).toEqual({ checker: { api: true, list: ["no", 15, null, "<<"], text: "two\nlines\n" } });
  const at = (line: number, column: number) => ({ kind: "file", file: "themis.yml", line, column });
  expect(placeOf("/checker/api")).toEqual(at(3, 8));
  expect(placeOf("/checker/api", "key")).toEqual(at(3, 3));
  expect(placeOf("/checker/list/3")).toEqual(at(4, 23));
  expect(placeOf("/checker/missing")).toEqual(placeOf("/checker"));
});

describe("refuses", () => {
  it.each([
    ["a tab as indentation", "a:\n\tb: 1", 2, 1],
    ["a quote without its end", 'a: 1\nb: "open\n', 3, 1],
    ["a list without its end", "a: [1, 2\nb: 3\n", 2, 1],
    ["a mapping inside of a line", "a: b: c", 1, 4],
    ["wrong indentation", "a:\n    b: 1\n  c: 2\n", 3, 1],
    ["a key twice", "a: 1\nb: 2\na: 3\n", 3, 1],
    ["a key twice below", "a:\n  b: 1\n  'b': 2\n", 3, 3],
    ["a number as key", "a: 1\n2: x\n", 2, 1],
    ["a list as key", "? [a]\n: b\n", 1, 3],
    ["an alias", "a: &x 1\nb: *x\n", 1, 7],
    ["an alias alone", "a: *x\n", 1, 4],
    ["an anchor at a key", "&x a: 1\n", 1, 4],
    ["a tag", "a: !!str 1\n", 1, 10],
    ["a tag of its own", "a: !exec [rm]\n", 1, 10],
    ["a tag at a key", "!!str a: 1\n", 1, 7],
    ["binary as YAML has it", "a: !!binary AAAA\n", 1, 13],
    ["a directive, which would make no a false", "%YAML 1.1\n---\na: no\n", 1, 1],
    ["a directive for tags", "%TAG ! tag:x,2000:\n---\na: 1\n", 1, 1],
    ["a second document", "a: 1\n---\nb: 2\n", 3, 1],
    ["a NUL", "a: 1\nb: x\0\n", 2, 5],
    ["an escape sequence", "a: \u001b[31m\n", 1, 4],
    ["an empty file", "", 1, 1],
    ["comments alone", "# a\n# b\n", 1, 1],
    ["UTF-16", Buffer.from("\ufeffa: 1", "utf16le"), 1, 1],
    ["a program", readFileSync(process.execPath).subarray(0, 4096), 1, 1],
    ["depth in brackets", "[".repeat(200_000), 1, 33],
    ["depth in dashes", "- ".repeat(100_000), 1, 64],
    ["depth in questions", "? ".repeat(100_000), 1, 64],
    ["depth in braces", '{"a":'.repeat(40_000), 1, 157],
  ] as const)("%s, with line and column", (_, text, line, column) => {
    expect(() => read(text)).toThrow(
      expect.objectContaining({
        code: "CONFIG_MALFORMED",
        kind: "usage",
        facts: { kind: "file", file: "themis.yml", line, column },
        message: expect.stringMatching(new RegExp(`^themis\\.yml:${line}:${column}: `)),
      }),
    );
  });

  it("a billion laughs before anybody laughs", () => {
    const laughs = ["a: &a [lol, lol]"];
    for (let letter = 98; letter < 123; letter++) {
      const [name, before] = [letter, letter - 1].map((each) => String.fromCharCode(each));
      laughs.push(`${name}: &${name} [*${before}, *${before}, *${before}, *${before}]`);
    }
    expect(() => read(laughs.join("\n"))).toThrow(expect.objectContaining({ code: "CONFIG_MALFORMED" }));
  });

  it("more words than anybody writes, without comparing each with each", () => {
    const keys = Array.from({ length: 10_000 }, (_, index) => `k${index}: 1`).join("\n");
    expect(() => read(keys)).toThrow(/more than 20000 words/);
  });
});

it("a message of a broken line never quotes it", () => {
  for (const text of [
    'a: "SECRET',
    "a: SECRET: x",
    "a: &SECRET x",
    "a: *SECRET",
    "a: !SECRET x",
    "%SECRET\n---\na: 1",
  ])
    expect(() => read(text)).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining("SECRET") }),
    );
});

it("whatever the bytes are, there is a value or CONFIG_MALFORMED", () => {
  const signs = fc.constantFrom(..."a b:-?[]{},&*!|>'\"%@`#\n\t~0.<=\\".split(""));
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.array(signs, { maxLength: 60 }).map((all) => all.join("")),
      ),
      (text) => {
        try {
          read(text);
        } catch (error) {
          expect(error).toMatchObject({ code: "CONFIG_MALFORMED" });
        }
      },
    ),
    { numRuns: 3000 },
  );
});

it("__proto__ is a key like any other", () => {
  const { value } = read("__proto__: { polluted: 1 }\n");
  expect(Object.keys(value as object)).toEqual(["__proto__"]);
  expect(({} as { polluted?: number }).polluted).toBeUndefined();
});
