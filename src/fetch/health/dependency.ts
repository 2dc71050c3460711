/**
 * What a release depends on, and which version of it is there.
 *
 *   "themis-storage >=1.4.0,<2.0.0"     a name, and a range; without a range any version will do
 *
 * A version is told in a text or by a program, as people print them: "v24.1.0", "psql (PostgreSQL) 15.4",
 * "OpenSSL 3.0.15 3 Sep 2024". The first word that is a version counts; two numbers stand for MAJOR.MINOR.0.
 */

import { parseVersion, type Version } from "../../base/version.ts";
import { parseRange, type VersionRange } from "../../base/version-range.ts";

export type Requirement = { readonly name: string; readonly range: VersionRange; readonly rangeText: string };

/** Of packages and of programs; "@scope/name" too. */
const NAME = /^@?[A-Za-z0-9][A-Za-z0-9._/-]*$/;
/** Nobody says more before a version. */
const MAX_TEXT_CHARACTERS = 4096;

/** undefined for what cannot be read. */
export function parseRequirement(text: string): Requirement | undefined {
  const words = text.trim();
  const [name = ""] = words.split(/\s/, 1);
  const rangeText = words.slice(name.length).trim();
  const range = parseRange(rangeText);
  return NAME.test(name) && range ? { name, range, rangeText } : undefined;
}

export function findVersion(text: string): Version | undefined {
  for (const word of text.slice(0, MAX_TEXT_CHARACTERS).split(/[\s()[\],;:/"'=]+/)) {
    // "v1.2.3", "go1.22.3", "app-1.2.3".
    const bare = word.replace(/^[A-Za-z_-]+(?=\d)/, "");
    const version = parseVersion(bare) ?? fromNumbers(bare);
    if (version) return version;
  }
  return undefined;
}

/** "15.4"; "24.04" too, which SemVer would not write so. */
function fromNumbers(text: string): Version | undefined {
  const found = /^(\d{1,9})\.(\d{1,9})(?:\.(\d{1,9}))?$/.exec(text);
  return found
    ? parseVersion(
        found
          .slice(1, 4)
          .map((part) => Number(part ?? 0))
          .join("."),
      )
    : undefined;
}
