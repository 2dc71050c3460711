/**
 * Why one file of a release travels as it does, to devices of each older release.
 *
 *   patch     a delta was made, proven and is the smallest that the budget allows
 *   whole     it was compared, and no patch paid
 *   alone     there was nothing to compare: devices have these very bytes already, or nothing like them
 *   removed   it was in the older release, and this one lacks it
 *   no-delta  the release has no deltas from that version
 *   unknown   the report of the build, which would say why there is no patch, is not here
 *
 * Reports explain and decide nothing; what is offered stands in the signed documents.
 */
import { nearestName } from "../base/nearest-name.ts";
import type { Delta } from "../format/manifest/delta-manifest.ts";
import type { DeltaReport, ReportedFile } from "../format/manifest/delta-report.ts";
import type { Target } from "../format/manifest/manifest.ts";
import type { OpenBundle } from "./bundle.ts";
import { PublishError } from "./publish-error.ts";

export type Explanation = { readonly from: string } & (
  | { readonly kind: "patch"; readonly delta: Delta; readonly report: ReportedFile | undefined }
  | { readonly kind: "whole"; readonly report: ReportedFile }
  | { readonly kind: "alone" | "removed" | "no-delta" | "unknown" }
);

export type ExplainedFile = {
  readonly path: string;
  /** undefined for a file that this release lacks. */
  readonly target: Target | undefined;
  readonly explanations: readonly Explanation[];
};

/** @param from one older version; default: each that the release has deltas from. @throws PublishError FILE_UNKNOWN */
export function explainFile(
  { manifest, deltaManifests }: Pick<OpenBundle, "manifest" | "deltaManifests">,
  reports: readonly DeltaReport[],
  { path, from }: { readonly path: string; readonly from?: string | undefined },
): ExplainedFile {
  const target = manifest.files.find((each) => each.path === path);
  const versions = from === undefined ? deltaManifests.map(({ from_version }) => from_version) : [from];
  const explanations = versions.map((version): Explanation => {
    const deltas = deltaManifests.find(({ from_version }) => from_version === version);
    if (deltas === undefined) return { from: version, kind: "no-delta" };
    if (deltas.removed.some((each) => each.path === path)) return { from: version, kind: "removed" };
    const report = reports.find(({ from_version }) => from_version === version);
    const reported = report?.files.find((each) => each.path === path);
    const delta = deltas.deltas.find((each) => each.path === path);
    if (delta) return { from: version, kind: "patch", delta, report: reported };
    if (report === undefined) return { from: version, kind: "unknown" };
    return reported ? { from: version, kind: "whole", report: reported } : { from: version, kind: "alone" };
  });
  if (target === undefined && !explanations.some(({ kind }) => kind === "removed")) {
    const names = manifest.files.map((each) => each.path);
    const near = nearestName(path, names) ?? names.find((name) => name.split("/").at(-1) === path);
    throw new PublishError(
      "FILE_UNKNOWN",
      `the release ${manifest.version} holds no ${JSON.stringify(path)}`,
      {
        facts: { path },
        hint: near ? `did you mean ${near}?` : "themis-bundle inspect lists its files",
      },
    );
  }
  return { path, target, explanations };
}
