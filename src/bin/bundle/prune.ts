import type { Command } from "commander";
import type { PruneResult } from "../../publish/upload/github/prune.ts";
import { command, type Tools, wholeNumber } from "../program.ts";
import { size } from "../units.ts";

type Options = {
  readonly to: string;
  readonly keep: number;
  readonly dryRun: boolean;
  readonly tokenFile?: string;
};

export function pruneCommand({ say, signal }: Tools): Command {
  return command("prune", "take the deltas of old releases off a page on GitHub", [
    "themis-bundle prune --to github:acme/app --keep 5 --dry-run",
  ])
    .requiredOption("--to <page>", "github:OWNER/REPO")
    .requiredOption(
      "--keep <n>",
      "so many of the last releases keep theirs, and the latest",
      wholeNumber("--keep", 1, 1000),
    )
    .option("--dry-run", "say what would be removed, and remove nothing", false)
    .option("--token-file <file>", "a token, one line (default: GH_TOKEN or GITHUB_TOKEN)")
    .action(async (options: Options) => {
      const { openGitHubPlace } = await import("./github-place.ts");
      const { prune } = await import("../../publish/upload/github/prune.ts");
      const { api } = await openGitHubPlace(options, { say, signal }, () => {});
      const result = await prune(api, { keep: options.keep, isDryRun: options.dryRun });
      say.result(
        { schema: "themis-bundle/prune/1", dryRun: options.dryRun, ...result },
        prunedText(result, options.dryRun),
      );
    });
}

function prunedText({ pruned, immutable, kept }: PruneResult, isDryRun: boolean): string {
  const would = isDryRun ? "would remove" : "removed";
  const lines = pruned.map(
    ({ tag, assets, bytes }) => `${would} ${assets.length} packs of deltas, ${size(bytes)}, of ${tag}`,
  );
  if (immutable.length > 0) lines.push(`immutable, and left as they are: ${immutable.join(", ")}`);
  if (pruned.length === 0) lines.push("nothing to remove");
  return [...lines, `kept: ${kept.join(", ")}`].join("\n");
}
