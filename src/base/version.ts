/**
 * Semantic versions (SemVer 2.0.0): MAJOR.MINOR.PATCH[-pre.release][+build].
 *
 *   1.0.0-alpha < 1.0.0-alpha.1 < 1.0.0-beta.2 < 1.0.0-beta.11 < 1.0.0      build never counts
 *
 * SemVer sets no bound on numbers. The three stay below 2^53, where a JavaScript number is exact; numbers of
 * a pre-release are compared as digits, so that they need no bound.
 */
export type Version = {
  readonly major: number;
  readonly minor: number;
  readonly patch: number;
  readonly preRelease: readonly string[];
};

/** A longer one is no version. */
export const MAX_VERSION_CHARACTERS = 256;

const NUMBER = "(0|[1-9][0-9]*)";
const IDENTIFIER = "(?:0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*)";
const BUILD = "(?:\\+[0-9A-Za-z-]+(?:\\.[0-9A-Za-z-]+)*)?";
const VERSION = new RegExp(
  `^v?${NUMBER}\\.${NUMBER}\\.${NUMBER}(?:-(${IDENTIFIER}(?:\\.${IDENTIFIER})*))?${BUILD}$`,
);

/** A "v" before it is let pass, as people and tags write it; undefined for what is no version. */
export function parseVersion(text: string): Version | undefined {
  if (text.length > MAX_VERSION_CHARACTERS) return undefined;
  const found = VERSION.exec(text);
  if (!found) return undefined;
  const [major, minor, patch] = found.slice(1, 4).map(Number) as [number, number, number];
  if (![major, minor, patch].every(Number.isSafeInteger)) return undefined;
  return { major, minor, patch, preRelease: found[4]?.split(".") ?? [] };
}

/** Negative, 0 or positive, by precedence (SemVer, section 11). */
export function compareVersions(a: Version, b: Version): number {
  return a.major - b.major || a.minor - b.minor || a.patch - b.patch || comparePreReleases(a, b);
}

function comparePreReleases({ preRelease: a }: Version, { preRelease: b }: Version): number {
  // A pre-release comes before its release.
  if (a.length === 0 || b.length === 0) return b.length - a.length;
  for (let i = 0; i < Math.min(a.length, b.length); i++) {
    const order = compareIdentifiers(a[i]!, b[i]!);
    if (order !== 0) return order;
  }
  return a.length - b.length;
}

/** Numbers by value and before words, words by their ASCII order. */
function compareIdentifiers(a: string, b: string): number {
  const [aIsNumber, bIsNumber] = [a, b].map((text) => /^[0-9]+$/.test(text));
  if (aIsNumber !== bIsNumber) return aIsNumber ? -1 : 1;
  if (aIsNumber && a.length !== b.length) return a.length - b.length;
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
