/**
 * Files that a release brings and that are the operator's own: what was changed here stays, and what the release
 * has in its place comes beside it as `<path>.new`, as Debian's conffiles do.
 *
 * A file is changed when it is not as the installed release had it. Which paths these are an operator says, by
 * globs as `path.matchesGlob` of Node reads them: `*` within a folder, `**` over folders.
 */
import { posix } from "node:path";
import type { Target } from "../format/manifest/manifest.ts";
import type { EntryRecord } from "../format/record/restore-point.ts";
import { FetchError } from "./fetch-error.ts";

export type OperatorsFile = {
  readonly path: string;
  /** Where the release's version goes; "" when the release has not changed it. */
  readonly beside: string;
};

const SUFFIX = ".new";

/** Paths beside which a release's version may come. */
export function besidePaths(globs: readonly string[], targets: readonly Target[]): string[] {
  return targets.filter((target) => isOperators(globs, target)).map(({ path }) => `${path}${SUFFIX}`);
}

/** What becomes of a target that the operator changed; undefined when it is the release's alone. @throws FetchError KEEP_CONFLICT */
export function operatorsFile(
  globs: readonly string[],
  target: Target,
  found: EntryRecord | undefined,
  was: EntryRecord | undefined,
  isWanted: (path: string) => boolean,
): OperatorsFile | undefined {
  if (!isOperators(globs, target) || !found || found.kind === "absent") return undefined;
  const { path } = target;
  const isAsWanted = isSameFile(found, target.sha256_hash, target.permissions);
  const isAsInstalled = was !== undefined && isSameFile(found, was.sha256, was.permissions);
  if (isAsWanted || isAsInstalled) return undefined;
  const isSameContent = found.kind === "file" && found.sha256 === target.sha256_hash;
  if (isSameContent || was?.sha256 === target.sha256_hash) return { path, beside: "" };
  const beside = `${path}${SUFFIX}`;
  if (isWanted(beside)) {
    throw new FetchError(
      "KEEP_CONFLICT",
      `${path} was changed here, and the release has a file ${beside} where its own version would go`,
      { hint: "take it out of autoUpdate.keep, or move your version away", facts: { path } },
    );
  }
  return { path, beside };
}

function isOperators(globs: readonly string[], { path, type }: Target): boolean {
  return type !== "directory" && type !== "symlink" && globs.some((glob) => posix.matchesGlob(path, glob));
}

function isSameFile({ kind, sha256, permissions }: EntryRecord, digest: string, mode: string): boolean {
  return kind === "file" && sha256 === digest && permissions === mode;
}
