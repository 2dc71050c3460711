import type { Command } from "commander";
import { ThemisError } from "../../base/error.ts";
import { readRegularFile } from "../../base/input-file.ts";
import type { Previous } from "../../publish/build-request.ts";
import { chooseDeltas, type DeltaPlan } from "../../publish/plan/choose-deltas.ts";
import { compressedSizes, type Estimate, estimateFrom } from "../../publish/plan/estimate.ts";
import { MAX_STATS_BYTES, readStats, type Usage, usageOf } from "../../publish/plan/usage.ts";
import { MAX_SHARDS, partition } from "../../publish/shard/partition.ts";
import { indexTree, type Tree } from "../../publish/tree.ts";
import { command, repeated, type Tools, wholeNumber } from "../program.ts";
import { parseBytes, saved, size, table } from "../units.ts";
import { parseFrom } from "./build.ts";

type Options = {
  readonly from: readonly string[];
  readonly matrix?: number;
  readonly stats?: string;
  readonly to?: string;
  readonly tokenFile?: string;
  readonly maxDeltas: number;
  readonly maxBytes?: string;
  readonly maxMinutes?: number;
};

/** As many delta manifests as a manifest may name. */
const MOST_DELTAS = 64;

export function planCommand(tools: Tools): Command {
  return command("plan", "decide which releases get deltas, and share the build out", [
    "themis-bundle plan new --from 1.4.0=old --from 1.3.2=older --stats devices.txt",
    "themis-bundle plan new --from 1.4.0=old --from 1.3.2=older --to github:acme/app --max-deltas 5",
    "themis-bundle plan new --from 1.4.0=old --matrix 4 >> matrix.json",
  ])
    .argument("<tree>", "the folder that holds the new release")
    .option("--from <version=tree>", "an older release that devices may have; repeat for more", repeated, [])
    .option(
      "--matrix <n>",
      "say only how to share it out over machines",
      wholeNumber("--matrix", 1, MAX_SHARDS),
    )
    .option("--stats <file>", "how many devices have which release: lines of VERSION COUNT")
    .option("--to <page>", "github:OWNER/REPO: take how often its manifests were fetched")
    .option("--token-file <file>", "for --to: a token, one line (default: GH_TOKEN or GITHUB_TOKEN)")
    .option(
      "--max-deltas <n>",
      "releases with deltas at the most",
      wholeNumber("--max-deltas", 0, MOST_DELTAS),
      MOST_DELTAS,
    )
    .option("--max-bytes <size>", "of all patches together, such as 500M")
    .option("--max-minutes <n>", "of one core, to make them", wholeNumber("--max-minutes", 0, 100_000))
    .action(async (root: string, options: Options) => {
      const { say, signal } = tools;
      const limits = {
        deltas: options.maxDeltas,
        bytes:
          options.maxBytes === undefined
            ? Number.MAX_SAFE_INTEGER
            : parseBytes("--max-bytes", options.maxBytes),
        cpuSeconds: 60 * (options.maxMinutes ?? 1e9),
      };
      const tree = await indexTree(root, signal);
      const previous: Previous[] = [];
      for (const { version, root: older } of options.from.map(parseFrom))
        previous.push({ version, tree: await indexTree(older, signal) });
      if (options.matrix !== undefined) {
        tellMatrix(tree, previous, options.matrix, tools);
        return;
      }
      const usage = await countDevices(
        options,
        previous.map(({ version }) => version),
        tools,
      );
      const compressed = await compressedSizes(tree, signal);
      const estimates: Estimate[] = [];
      for (const older of previous) estimates.push(await estimateFrom(older, tree, compressed, signal));
      const plan = chooseDeltas(estimates, usage, limits);
      const from = plan.deltas.filter(({ isChosen }) => isChosen).map(({ version }) => version);
      say.result({ schema: "themis-bundle/plan/1", from, ...plan }, planText(plan, usage !== undefined));
    });
}

/** undefined when nobody counts. */
async function countDevices(
  { stats, to, tokenFile }: Options,
  versions: readonly string[],
  tools: Tools,
): Promise<Usage | undefined> {
  if (stats !== undefined && to !== undefined)
    throw new ThemisError("USAGE", "usage", "--stats and --to both count devices, and one can count", {
      hint: "leave one of them out",
    });
  if (stats !== undefined)
    return readStats((await readRegularFile(stats, MAX_STATS_BYTES)).toString("utf8"), stats);
  if (to === undefined) return undefined;
  const { openGitHubPlace } = await import("./github-place.ts");
  const options = { to, ...(tokenFile !== undefined && { tokenFile }) };
  const { api } = await openGitHubPlace(options, tools, () => {});
  return usageOf(api, versions);
}

function planText(plan: DeltaPlan, isCounted: boolean): string {
  const rows = plan.deltas.map((each) => [
    each.version,
    isCounted ? String(each.devices) : "-",
    size(each.wholeBytes),
    size(each.deltaBytes),
    saved(each.deltaBytes, each.wholeBytes),
    each.isChosen ? "delta" : "whole",
    each.reason,
  ]);
  const head = ["from", "devices", "whole", "with deltas", "saved", "gets", "because"];
  const { bytesBefore, bytesAfter, patchBytes, cpuSeconds, assets, calls } = plan;
  return [
    table(head, rows, [1, 2, 3, 4], { whole: [6] }),
    "",
    `over all devices ${size(bytesBefore)} without deltas, ${size(bytesAfter)} with these (${saved(bytesAfter, bytesBefore)} saved), estimated`,
    `${size(patchBytes)} of patches, ${Math.ceil(cpuSeconds / 60)} min of one core, ${assets} assets, ${calls} calls to publish them`,
  ].join("\n");
}

function tellMatrix(tree: Tree, previous: readonly Previous[], most: number, { say }: Tools): void {
  // A machine without work would cost its start.
  const shares = partition(tree, previous, most).filter(({ targets }) => targets.length > 0);
  const shards = Math.max(1, shares.length);
  const include = Array.from({ length: shards }, (_, index) => ({ shard: `${index + 1}/${shards}` }));
  const told = partition(tree, previous, shards).map(({ shard, targets, cost }) => ({
    ...{ shard, targets: targets.length, cost },
    bytes: targets.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
  }));
  const matrix = { include };
  say.result({ schema: "themis-bundle/plan-matrix/1", matrix, shards: told }, JSON.stringify(matrix));
}
