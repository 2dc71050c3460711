/**
 * Ranges of semantic versions, as npm reads them.
 *
 *   >=1.4.0,<2.0.0      comma or space: and        ^1.2.3     >=1.2.3 <2.0.0-0
 *   <1.0.0 || >=2.0.0   or                         ~1.2       >=1.2.0 <1.3.0-0
 *   1.2  1.2.x  *       parts that are left out    ^0.2.3     >=0.2.3 <0.3.0-0
 *
 * A pre-release is in a range only when the range names one of the same MAJOR.MINOR.PATCH: >=1.4.0 does not
 * take 2.0.0-alpha, whoever wants that one says so. "<2.0.0-0" is below every pre-release of 2.0.0.
 * Hyphen ranges (1.2 - 1.4) are not read.
 */
import { compareVersions, parseVersion, type Version } from "./version.ts";

type Operator = "<" | "<=" | ">" | ">=" | "=";
type Comparator = { readonly operator: Operator; readonly version: Version };

/** Alternatives, each of comparators that all hold. */
export type VersionRange = readonly (readonly Comparator[])[];

const MAX_RANGE_CHARACTERS = 1024;

/** The lowest version of all those that begin so. */
type Partial = {
  readonly version: Version;
  /** How many of the three numbers are named. */
  readonly named: number;
};

/** undefined for what is no range. */
export function parseRange(text: string): VersionRange | undefined {
  if (text.length > MAX_RANGE_CHARACTERS) return undefined;
  const alternatives = text.split("||").map(parseAlternative);
  return alternatives.every((each) => each !== undefined) ? alternatives : undefined;
}

export function isInRange(version: Version, range: VersionRange): boolean {
  return range.some((alternative) => holdsAll(version, alternative));
}

function holdsAll(version: Version, alternative: readonly Comparator[]): boolean {
  if (!alternative.every((comparator) => holds(version, comparator))) return false;
  if (version.preRelease.length === 0) return true;
  return alternative.some(
    ({ version: named }) =>
      named.preRelease.length > 0 && compareVersions(release(named), release(version)) === 0,
  );
}

function holds(version: Version, { operator, version: bound }: Comparator): boolean {
  const order = compareVersions(version, bound);
  switch (operator) {
    case "<":
      return order < 0;
    case "<=":
      return order <= 0;
    case ">":
      return order > 0;
    case ">=":
      return order >= 0;
    case "=":
      return order === 0;
  }
}

function parseAlternative(text: string): readonly Comparator[] | undefined {
  // An operator may stand apart from its version; a comma with nothing beside it is a slip.
  const parts = text.replace(/(<=|>=|[<>=^~])\s+(?=[0-9vxX*])/g, "$1").split(",");
  if (parts.length > 1 && parts.some((part) => part.trim() === "")) return undefined;
  const comparators = parts
    .flatMap((part) => part.trim().split(/\s+/))
    .filter((word) => word !== "")
    .map(parseWord);
  return comparators.every((each) => each !== undefined) ? comparators.flat() : undefined;
}

function parseWord(word: string): readonly Comparator[] | undefined {
  const [, operator = "", rest = ""] = /^(<=|>=|[<>=^~])?(.*)$/.exec(word) ?? [];
  const partial = parsePartial(rest);
  if (!partial) return undefined;
  const { version, named } = partial;
  const from: Comparator = { operator: ">=", version };
  switch (operator) {
    case "^":
      return named === 0 ? [] : [from, below(after(version, caretPart(partial)))];
    case "~":
      return named === 0 ? [] : [from, below(after(version, Math.min(named, 2)))];
    case ">=":
      return named === 0 ? [] : [from];
    case "<":
      return [named === 3 ? { operator, version } : below(version)];
    case "<=":
      if (named === 0) return [];
      return [named === 3 ? { operator, version } : below(after(version, named))];
    case ">":
      if (named === 0) return [below(version)];
      return [named === 3 ? { operator, version } : { operator: ">=", version: after(version, named) }];
    default:
      if (named === 0) return [];
      return named === 3 ? [{ operator: "=", version }] : [from, below(after(version, named))];
  }
}

/** "1.2", "1.x", "*" and whole versions. */
function parsePartial(text: string): Partial | undefined {
  const whole = parseVersion(text);
  if (whole) return { version: whole, named: 3 };
  const parts = text.replace(/^v/, "").split(".");
  const wild = parts.findIndex((part) => /^[xX*]$/.test(part));
  const named = wild === -1 ? parts : parts.slice(0, wild);
  // After a wildcard only more of them.
  if (parts.slice(named.length).some((part) => !/^[xX*]$/.test(part)) || parts.length > 3) return undefined;
  const filled = parseVersion([...named, "0", "0", "0"].slice(0, 3).join("."));
  return filled && named.length < 3 ? { version: filled, named: named.length } : undefined;
}

/** "^" keeps the leftmost number that is not 0; of those that are named. */
function caretPart({ version: { major, minor }, named }: Partial): number {
  if (major > 0 || named === 1) return 1;
  return minor > 0 || named === 2 ? 2 : 3;
}

/** The first version after all that share the first `part` numbers. */
function after({ major, minor, patch }: Version, part: number): Version {
  if (part === 1) return { major: major + 1, minor: 0, patch: 0, preRelease: [] };
  if (part === 2) return { major, minor: minor + 1, patch: 0, preRelease: [] };
  return { major, minor, patch: patch + 1, preRelease: [] };
}

function below(version: Version): Comparator {
  return { operator: "<", version: { ...version, preRelease: ["0"] } };
}

function release(version: Version): Version {
  return { ...version, preRelease: [] };
}
