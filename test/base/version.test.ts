/** Versions and ranges by the words of SemVer 2.0.0, and beside npm's own reading of them. */
import { createRequire } from "node:module";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compareVersions, parseVersion, type Version } from "../../src/base/version.ts";
import { isInRange, parseRange } from "../../src/base/version-range.ts";

/** What is used of npm's package; it has no types of its own. */
type Npm = {
  readonly valid: (version: string) => string | null;
  readonly compare: (a: string, b: string) => number;
  readonly validRange: (range: string) => string | null;
  readonly satisfies: (version: string, range: string) => boolean;
};
const npm = createRequire(import.meta.url)("semver") as Npm;

const read = (text: string): Version => parseVersion(text)!;
const isIn = (version: string, range: string): boolean => isInRange(read(version), parseRange(range)!);

describe("versions", () => {
  it("stand in the order of SemVer's own example", () => {
    const ordered = [
      "1.0.0-alpha",
      "1.0.0-alpha.1",
      "1.0.0-alpha.beta",
      "1.0.0-beta",
      "1.0.0-beta.2",
      "1.0.0-beta.11",
      "1.0.0-rc.1",
      "1.0.0",
      "2.0.0",
      "2.1.0",
      "2.1.1",
    ];
    for (const [i, a] of ordered.entries())
      for (const [j, b] of ordered.entries())
        expect(Math.sign(compareVersions(read(a), read(b))), `${a} ${b}`).toBe(Math.sign(i - j));
  });

  it.each([
    ["", "nothing"],
    ["1.2", "two numbers"],
    ["1.2.3.4", "four numbers"],
    ["01.2.3", "a leading zero"],
    ["1.2.3-01", "a leading zero in a pre-release"],
    ["1.2.3-", "an empty pre-release"],
    ["1.2.3-a..b", "an empty identifier"],
    ["1.2.3+", "an empty build"],
    ["1.2.3 ", "a space"],
    ["1.2.9007199254740993", "a number that would be rounded"],
    [`1.2.3-${"a".repeat(300)}`, "endless words"],
    ["-1.2.3", "a negative number"],
  ])("%j is none: %s", (text) => {
    expect(parseVersion(text)).toBe(undefined);
  });

  it("of a pre-release have numbers as large as anybody likes, to the last digit", () => {
    const [a, b] = ["1.0.0-9007199254740993", "1.0.0-9007199254740992"].map(read) as [Version, Version];
    expect(compareVersions(a, b)).toBeGreaterThan(0);
  });

  it("never differ by their build", () => {
    expect(compareVersions(read("1.2.3+a"), read("v1.2.3+b.1"))).toBe(0);
  });
});

const number = fc.oneof(fc.nat(3), fc.nat(), fc.constant(0));
const identifier = fc.oneof(
  fc.nat(20).map(String),
  fc.stringMatching(/^[0-9A-Za-z-]{1,4}$/).filter((text) => !/^0[0-9]+$/.test(text)),
);
const preRelease = fc.array(identifier, { minLength: 1, maxLength: 3 }).map((parts) => `-${parts.join(".")}`);
const version = fc
  .tuple(number, number, number, fc.oneof(fc.constant(""), preRelease), fc.constantFrom("", "+b.7"))
  .map(([major, minor, patch, pre, build]) => `${major}.${minor}.${patch}${pre}${build}`);
/** Near to each other, so that they meet. */
const small = fc
  .tuple(fc.nat(2), fc.nat(2), fc.nat(2), fc.constantFrom("", "", "-0", "-a", "-a.1", "-b"))
  .map(([major, minor, patch, pre]) => `${major}.${minor}.${patch}${pre}`);
const partial = fc.oneof(
  small,
  fc.tuple(fc.nat(2), fc.nat(2)).map((parts) => parts.join(".")),
  fc.nat(2).map(String),
  fc.constantFrom("*", "x", "1.x", "1.2.X", "0.x.x", "v1.2.0", "0.*"),
);
const comparator = fc
  .tuple(fc.constantFrom("", "=", ">", "<", ">=", "<=", "^", "~", ">= ", "^ "), partial)
  .map((parts) => parts.join(""));
const range = fc
  .array(fc.array(comparator, { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 3 })
  .map((alternatives) => alternatives.map((each) => each.join(" ")).join(" || "));

describe("beside npm's semver", () => {
  it("versions compare alike", () => {
    fc.assert(
      fc.property(version, version, (a, b) => {
        expect(Math.sign(compareVersions(read(a), read(b)))).toBe(npm.compare(a, b));
      }),
      { numRuns: 5000 },
    );
  });

  it("what is no version there is none here", () => {
    const text = fc.stringMatching(/^[v0-9a.+-]{1,10}$/);
    fc.assert(
      fc.property(text, (each) => {
        expect(parseVersion(each) !== undefined, each).toBe(npm.valid(each) !== null);
      }),
      { numRuns: 20_000 },
    );
  });

  it("versions are in the same ranges, with a comma for a space too", () => {
    fc.assert(
      fc.property(small, range, (each, text) => {
        // npm makes "*" of a union that holds "*", and then forgets the pre-releases that the others name.
        fc.pre(!(text.includes("||") && npm.validRange(text) === "*"));
        // npm drops ">=0.0.0", as if nothing came before it.
        fc.pre(!each.startsWith("0.0.0-"));
        const expected = npm.satisfies(each, text);
        expect(isIn(each, text), `${each} in ${text}`).toBe(expected);
        const commas = text.replace(/(?<=[0-9a-zA-Z*]) (?=[^| ])/g, ", ");
        expect(isIn(each, commas), `${each} in ${commas}`).toBe(expected);
      }),
      { numRuns: 10_000 },
    );
  });

  it("what is no range there is none here", () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[<>=^~0-2.x*| a-]{1,9}$/), (text) => {
        if (npm.validRange(text) === null) expect(parseRange(text), text).toBe(undefined);
      }),
      { numRuns: 20_000 },
    );
  });
});

describe("ranges", () => {
  it.each([
    [">=1.4.0,<2.0.0", "1.4.0", true],
    [">=1.4.0,<2.0.0", "2.0.0", false],
    [">=1.4.0,<2.0.0", "2.0.0-rc.1", false],
    [">=1.4.0", "1.5.0-alpha", false],
    [">=1.5.0-alpha", "1.5.0-beta", true],
    ["<1.0.0 || >=2.0.0", "1.5.0", false],
    ["", "1.0.0", true],
  ] as const)("%j, %s: %s", (text, each, expected) => {
    expect(isIn(each, text)).toBe(expected);
  });

  it.each([
    "nonsense",
    ">=",
    ">=1.4.0,",
    "1.2.3.4",
    "=>1.2.3",
    "^x.1",
    `>=1.0.0${" ".repeat(2000)}`,
    "1.2 - 1.4",
  ])("%j is none", (text) => {
    expect(parseRange(text)).toBe(undefined);
  });
});
