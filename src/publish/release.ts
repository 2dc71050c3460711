/** What a release says of itself, checked before the first file is read. */
import { PRODUCT, VERSION } from "../format/manifest/manifest.ts";
import { PublishError } from "./publish-error.ts";

export type ReleaseFacts = {
  readonly product: string;
  readonly version: string;
  readonly channel: string;
  /** undefined: derived from the version. */
  readonly sequence: number | undefined;
  readonly expires: string;
  readonly releaseDate: string;
  readonly releaseNotes: string;
  readonly tagName: string;
  readonly isCritical: boolean;
  readonly platform: string;
  readonly architecture: string;
  readonly buildCommit: string;
  readonly buildDate: string;
  readonly compilerVersion: string;
  readonly dependencies: readonly string[];
  readonly minUpgradeFrom: string;
};

/**
 * A sequence that grows with the version: MAJOR.MINOR.PATCH as one number, five digits a field.
 *
 *   1.24.3  ->  1 00024 00003
 *
 * A pre-release has no place in that order, so it needs `--sequence`.
 *
 * @throws PublishError RELEASE_INVALID
 */
export function sequenceOf(version: string): number {
  const fields = /^v?(\d{1,5})\.(\d{1,5})(?:\.(\d{1,5}))?$/.exec(version);
  if (!fields) {
    throw new PublishError(
      "RELEASE_INVALID",
      `no sequence can be read from the version ${JSON.stringify(version)}`,
      {
        hint: "give --sequence N, a number that grows with every release",
      },
    );
  }
  return Number(fields[1]) * 1e10 + Number(fields[2]) * 1e5 + Number(fields[3] ?? 0);
}

/** @throws PublishError RELEASE_INVALID, FROM_VERSION */
export function checkRelease(release: ReleaseFacts, fromVersions: readonly string[]): void {
  requireName("--product", release.product, PRODUCT);
  requireName("--version", release.version, VERSION);
  if (["latest", "channels"].includes(release.version.toLowerCase())) {
    throw new PublishError(
      "RELEASE_INVALID",
      `a version cannot be called "${release.version}": release pages use that name`,
    );
  }
  requireName("--channel", release.channel, PRODUCT);
  for (const [option, date] of [
    ["--expires", release.expires],
    ["--release-date", release.releaseDate],
  ] as const) {
    if (date !== "" && Number.isNaN(new Date(date).getTime())) {
      throw new PublishError("RELEASE_INVALID", `${option} ${JSON.stringify(date)} is not a date`, {
        hint: `write it as 2027-01-31 or 2027-01-31T12:00:00Z`,
      });
    }
  }
  checkGrammar(release);
  for (const [index, from] of fromVersions.entries()) {
    requireName("--from", from, VERSION);
    if (from === release.version) {
      throw new PublishError("FROM_VERSION", `--from ${from} is the version that is being built`);
    }
    if (fromVersions.indexOf(from) !== index)
      throw new PublishError("FROM_VERSION", `--from ${from} is given twice`);
  }
}

/** git check-ref-format(1), without what a URL would have to escape. */
const TAG = /^(?!.*(\.\.|\/\/|\/\.|\.lock(\/|$)))[A-Za-z0-9_][A-Za-z0-9._/+-]*(?<![./])$/;
/** "themis-storage >=1.4.0,<2.0.0": a name, a space, conditions that all hold. */
const DEPENDENCY =
  /^[A-Za-z0-9][A-Za-z0-9._-]{0,63} (>=|<=|>|<|=|\^|~)?[A-Za-z0-9][A-Za-z0-9._+-]*(, ?(>=|<=|>|<|=|\^|~)?[A-Za-z0-9][A-Za-z0-9._+-]*)*$/;

function checkGrammar({ tagName, dependencies, minUpgradeFrom, version }: ReleaseFacts): void {
  if (tagName !== "" && (tagName.length > 255 || !TAG.test(tagName))) {
    throw new PublishError("RELEASE_INVALID", `--tag ${JSON.stringify(tagName)} is not a name git takes`, {
      hint: `letters, digits, ".", "-", "_" and "/", without "..", such as v1.5.0`,
    });
  }
  for (const dependency of dependencies) {
    if (dependency.length <= 255 && DEPENDENCY.test(dependency)) continue;
    throw new PublishError(
      "RELEASE_INVALID",
      `--dependency ${JSON.stringify(dependency)} is not a name and a range of versions`,
      { hint: 'such as "themis-storage >=1.4.0,<2.0.0"' },
    );
  }
  if (minUpgradeFrom === "") return;
  requireName("--min-upgrade-from", minUpgradeFrom, VERSION);
  const [least, own] = [fieldsOf(minUpgradeFrom), fieldsOf(version)];
  if (least && own && isAbove(least, own)) {
    throw new PublishError(
      "RELEASE_INVALID",
      `--min-upgrade-from ${minUpgradeFrom} is above the version ${version} that is being built`,
      { hint: "name the oldest version that may update directly to this one" },
    );
  }
}

/** undefined where versions are not numbers: then nobody can say which is above. */
function fieldsOf(version: string): readonly number[] | undefined {
  return /^v?\d+(\.\d+)*$/.test(version) ? version.replace(/^v/, "").split(".").map(Number) : undefined;
}

function isAbove(a: readonly number[], b: readonly number[]): boolean {
  for (let i = 0; i < Math.max(a.length, b.length); i++) {
    const [left, right] = [a[i] ?? 0, b[i] ?? 0];
    if (left !== right) return left > right;
  }
  return false;
}

/** Any date a person writes, as RFC 3339 in UTC with seconds. */
export function wireDate(date: string): string {
  return date === "" ? "" : `${new Date(date).toISOString().slice(0, 19)}Z`;
}

function requireName(option: string, value: string, pattern: string): void {
  if (!new RegExp(pattern).test(value)) {
    throw new PublishError(
      "RELEASE_INVALID",
      `${option} ${JSON.stringify(value)} must be letters, digits, ".", "-" or "_", at most 64`,
    );
  }
}
