import type { Command } from "commander";
import type { ReportedFile } from "../../format/manifest/delta-report.ts";
import type { Target } from "../../format/manifest/manifest.ts";
import { openBundle } from "../../publish/bundle.ts";
import { readReports } from "../../publish/delta-report.ts";
import { type Explanation, explainFile } from "../../publish/explain-file.ts";
import { command, type Tools } from "../program.ts";
import { saved, size } from "../units.ts";

export function explainCommand({ say }: Tools): Command {
  return command(
    "explain",
    "say why a file of a bundle travels as it does: this algorithm, whole, not at all",
    ["themis-bundle explain bin/server bundle", "themis-bundle explain bin/server bundle --from 1.3.0"],
  )
    .argument("<file>", "its path in the release")
    .argument("<bundle>", "a bundle, with the reports of its build")
    .option("--from <version>", "for devices of this release alone")
    .action(async (path: string, folder: string, { from }: { from?: string }) => {
      const bundle = await openBundle(folder);
      const explained = explainFile(bundle, await readReports(bundle), { path, from });
      const { target, explanations } = explained;
      const whole = target?.blob.length ?? 0;
      const text = [
        target ? targetLine(target) : `${path} is not in ${bundle.manifest.version}`,
        ...(explanations.length === 0 ? ["the release has no deltas: every device fetches it whole"] : []),
        ...explanations.flatMap((each) => lines(each, whole)),
      ];
      say.result({ schema: "themis-bundle/explain/1", ...explained }, text.join("\n"));
    });
}

function targetLine({ path, type, size_bytes, blob }: Target): string {
  if (type === "directory" || type === "symlink") return `${path}: ${type}, which costs no bytes`;
  return `${path}: ${type}, ${size(size_bytes)}, whole ${size(blob.length)} (${blob.encoding})`;
}

function lines(explanation: Explanation, whole: number): readonly string[] {
  const from = `from ${explanation.from}:`;
  switch (explanation.kind) {
    case "patch": {
      const { algorithm, patch_size, base_path, path } = explanation.delta;
      const base = base_path === path ? "" : ` of ${base_path}`;
      const what = `${algorithm}${base}, ${size(patch_size)}, ${saved(patch_size, whole)} saved`;
      return [`${from} ${what}`, ...reportLines(explanation.report)];
    }
    case "whole":
      return [`${from} whole`, ...reportLines(explanation.report)];
    case "alone":
      return [
        `${from} nothing to compare; it is the same there, or nothing there is like it and it travels whole`,
      ];
    case "removed":
      return [`${from} removed; devices delete it`];
    case "no-delta":
      return [`${from} whole, because the bundle was built without --from ${explanation.from}=TREE`];
    case "unknown":
      return [
        `${from} no patch; why is not known, as report-${explanation.from}.json of this build is not here`,
      ];
  }
}

function reportLines(report: ReportedFile | undefined): readonly string[] {
  if (report === undefined) return [];
  const tried = report.candidates.map(({ algorithm, outcome, patch_size, note }) => {
    const bytes = patch_size > 0 ? `, ${size(patch_size)}` : "";
    return `    ${algorithm} ${outcome}${bytes}${note === "" ? "" : `: ${note}`}`;
  });
  return [`  ${report.reason}`, ...tried];
}
