import type { Command } from "commander";
import type { DeltaManifest } from "../../format/manifest/delta-manifest.ts";
import type { DeltaReport, ReportedFile } from "../../format/manifest/delta-report.ts";
import type { Manifest } from "../../format/manifest/manifest.ts";
import { openBundle } from "../../publish/bundle.ts";
import { readReports } from "../../publish/delta-report.ts";
import { command, type Tools } from "../program.ts";
import { saved, seconds, size, table } from "../units.ts";

export function inspectCommand({ say }: Tools): Command {
  return command("inspect", "show what a bundle holds; believes nothing and proves nothing", [
    "themis-bundle inspect bundle",
  ])
    .argument("<bundle>", "a bundle, signed or not")
    .action(async (folder: string) => {
      const bundle = await openBundle(folder);
      const { manifest, deltaManifests } = bundle;
      const reports = await readReports(bundle);
      const signed = bundle.signature !== undefined;
      const text = [
        `${manifest.product} ${manifest.version}, channel ${manifest.channel}, sequence ${manifest.sequence}`,
        `expires ${manifest.expires || "never"}; ${signed ? "signed (themis-bundle verify proves it)" : "not signed"}`,
        "",
        targetTable(manifest),
        ...deltaTable(manifest, deltaManifests),
        ...reports.flatMap(reportText),
      ];
      say.result(
        { schema: "themis-bundle/inspect/1", signed, manifest, deltaManifests, reports },
        text.join("\n"),
      );
    });
}

function targetTable({ files }: Manifest): string {
  const rows = files.map(({ path, type, size_bytes, blob, permissions }) => [
    ...[path, type, size(size_bytes), size(blob.length)],
    ...[blob.encoding, permissions],
  ]);
  return table(["file", "type", "size", "stored", "encoding", "mode"], rows, [2, 3]);
}

function deltaTable({ files }: Manifest, deltaManifests: readonly DeltaManifest[]): string[] {
  const whole = new Map(files.map(({ path, blob }) => [path, blob.length]));
  const rows = deltaManifests.flatMap(({ from_version, deltas }) =>
    deltas.map(({ path, algorithm, patch_size, apply_memory }) => [
      ...[path, from_version, algorithm, size(patch_size)],
      ...[saved(patch_size, whole.get(path) ?? 0), size(apply_memory)],
    ]),
  );
  if (rows.length === 0) return [];
  const head = ["delta for", "from", "algorithm", "patch", "saved", "apply memory"];
  return ["", table(head, rows, [3, 4, 5])];
}

/** Why each file travels as it does: the publisher's own record, which no device reads. */
function reportText({ from_version, apply_memory, apply_time_ms, files }: DeltaReport): string[] {
  if (files.length === 0) return [];
  const budget = [
    ...(apply_memory > 0 ? [`${size(apply_memory)} of memory`] : []),
    ...(apply_time_ms > 0 ? [seconds(apply_time_ms)] : []),
  ];
  return [
    "",
    `why, from ${from_version}${budget.length > 0 ? ` (a device may spend ${budget.join(" and ")} on a file)` : ""}:`,
    table(
      ["file", "tried", "outcome", "patch", "apply memory", "apply time", ""],
      files.flatMap(candidateRows),
      [3, 4, 5],
      { whole: [6] },
    ),
  ];
}

function candidateRows({ path, base_path, base_reason, whole_size, chosen, candidates }: ReportedFile) {
  const name = base_reason === "same-path" ? path : `${path} (${base_path})`;
  const whole = ["", "WHOLE", chosen === "WHOLE" ? "chosen" : "larger", size(whole_size), "-", "-", ""];
  const rows = candidates.map(({ algorithm, outcome, patch_size, apply_memory, apply_time_ms, note }) => [
    ...["", algorithm, outcome, patch_size > 0 ? size(patch_size) : "-"],
    ...(apply_memory > 0 ? [size(apply_memory), seconds(apply_time_ms)] : ["-", "-"]),
    note,
  ]);
  return [...rows, whole].map((row, index) => (index === 0 ? [name, ...row.slice(1)] : row));
}
