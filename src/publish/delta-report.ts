/**
 * What becomes of a file's candidates, and the record of it that stays with the publisher.
 *
 * The report lies beside the delta manifest as `report-<from>.json` (schemas/delta-report.md). The manifest does
 * not name it, so it is never published, and a bundle that lost it is as good.
 */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { systemCode, ThemisError } from "../base/error.ts";
import { InputError, readRegularFile } from "../base/input-file.ts";
import type { Algorithm, DeltaManifest } from "../format/manifest/delta-manifest.ts";
import {
  type DeltaReport,
  decodeDeltaReport,
  deltaReportKind,
  encodeDeltaReport,
  MAX_NOTE,
  type ReportedCandidate,
} from "../format/manifest/delta-report.ts";
import type { DeltaManifestReference } from "../format/manifest/manifest.ts";
import type { OpenBundle } from "./bundle.ts";
import { describeCandidate } from "./diff/candidates.ts";
import type { Budget, Candidate, DiffResult } from "./diff/diff-file.ts";
import type { ChosenSource } from "./sources.ts";

export type DeltaOutcome = {
  readonly from: string;
  readonly path: string;
  /** What the older release has it as, or has like it. */
  readonly sourcePath: string;
  readonly sourceReason: ChosenSource["reason"];
  readonly sizeBytes: number;
  /** The compressed whole target, what a device without a delta would fetch. */
  readonly wholeBytes: number;
  /** undefined when the delta was dropped; `note` says why. */
  readonly algorithm: Algorithm | undefined;
  readonly patchBytes: number;
  /** What a device needs to apply it, in bytes; 0 without a delta. */
  readonly applyMemory: number;
  readonly note: string;
  readonly candidates: readonly Candidate[];
};

/** A delta counts only when it is proven (the pool has applied it) and smaller than the whole. */
export function judge(
  from: string,
  { target, source, reason }: ChosenSource,
  wholeBytes: number,
  { winner, candidates }: DiffResult,
): DeltaOutcome {
  const common = {
    from,
    path: target.path,
    sourcePath: source.path,
    sourceReason: reason,
    sizeBytes: target.sizeBytes,
    wholeBytes,
    candidates,
  };
  const tried = candidates.map(describeCandidate).join(", ");
  if (winner && winner.patch.length < wholeBytes) {
    const { algorithm, patch, cost } = winner;
    const note = `${algorithm} is the smallest of what a device may apply: ${tried}`;
    return { ...common, algorithm, patchBytes: patch.length, applyMemory: cost.memoryBytes, note };
  }
  const note = `${whyWhole(candidates, wholeBytes)}; ${tried}`;
  return { ...common, algorithm: undefined, patchBytes: 0, applyMemory: 0, note };
}

function whyWhole(candidates: readonly Candidate[], wholeBytes: number): string {
  const outcomes = new Set(candidates.map(({ outcome }) => outcome));
  if (outcomes.has("over-memory") || outcomes.has("over-time") || outcomes.has("not-tried"))
    return `no delta smaller than the ${wholeBytes} bytes of the whole keeps within the budget`;
  return outcomes.has("given-up") ? `whole is smaller: ${wholeBytes} bytes` : "no delta could be made";
}

/** "+" is legal in a version and not in an asset's name. */
export function assetSafe(version: string): string {
  return version.replaceAll("+", "_");
}

export async function writeReport(
  folder: string,
  { product, from_version, to_version }: DeltaManifest,
  deltaManifestSha256: string,
  outcomes: readonly DeltaOutcome[],
  budget: Budget = {},
): Promise<void> {
  const report: DeltaReport = {
    schema_version: 1,
    product,
    from_version,
    to_version,
    delta_manifest_sha256: deltaManifestSha256,
    apply_memory: budget.applyMemory ?? 0,
    apply_time_ms: Math.round(1000 * (budget.applySeconds ?? 0)),
    files: outcomes.map((outcome) => ({
      path: outcome.path,
      base_path: outcome.sourcePath,
      base_reason: outcome.sourceReason,
      target_size: outcome.sizeBytes,
      whole_size: outcome.wholeBytes,
      chosen: outcome.algorithm ?? "WHOLE",
      reason: cut(outcome.note),
      candidates: outcome.candidates.map((candidate) => reported(candidate, outcome)),
    })),
  };
  await writeFile(join(folder, reportName(from_version)), encodeDeltaReport(report), { flush: true });
}

/**
 * The reports that lie in a bundle and speak of its delta manifests.
 *
 * They explain and decide nothing: one that is missing, damaged or of another build is left out.
 */
export async function readReports({ folder, manifest }: OpenBundle): Promise<DeltaReport[]> {
  const reports = await Promise.all(
    manifest.delta_manifests.map((reference) => readReport(folder, reference)),
  );
  return reports.filter((report) => report !== undefined);
}

async function readReport(
  folder: string,
  { from_version, sha256_hash }: DeltaManifestReference,
): Promise<DeltaReport | undefined> {
  try {
    const bytes = await readRegularFile(join(folder, reportName(from_version)), deltaReportKind.maxBytes);
    const report = decodeDeltaReport(bytes);
    return report.delta_manifest_sha256 === sha256_hash ? report : undefined;
  } catch (error) {
    if (error instanceof InputError || error instanceof ThemisError || systemCode(error)) return undefined;
    throw error;
  }
}

/** Not "delta-…": a version may end in ".report", and its delta manifest would have the same name. */
function reportName(fromVersion: string): string {
  return `report-${assetSafe(fromVersion)}.json`;
}

function reported(
  { algorithm, outcome, sizeBytes, cost, note }: Candidate,
  { algorithm: chosen, patchBytes, wholeBytes }: DeltaOutcome,
): ReportedCandidate {
  const isChosen = outcome === "proven" && algorithm === chosen;
  const beatenBy = chosen ? `${chosen} has ${patchBytes} bytes` : `the whole target has ${wholeBytes} bytes`;
  return {
    algorithm,
    outcome: outcome === "proven" ? (isChosen ? "chosen" : "larger") : outcome,
    patch_size: sizeBytes ?? 0,
    apply_memory: cost?.memoryBytes ?? 0,
    apply_time_ms: Math.round(1000 * (cost?.seconds ?? 0)),
    note: outcome === "proven" && !isChosen ? beatenBy : cut(note),
  };
}

function cut(text: string): string {
  const letters = [...text];
  return letters.length <= MAX_NOTE ? text : `${letters.slice(0, MAX_NOTE - 1).join("")}…`;
}
