import type { Command } from "commander";
import type { Previous } from "../../publish/build-request.ts";
import { MAX_SHARDS, partition } from "../../publish/shard/partition.ts";
import { indexTree } from "../../publish/tree.ts";
import { command, repeated, type Tools, wholeNumber } from "../program.ts";
import { parseFrom } from "./build.ts";

type Options = { readonly from: readonly string[]; readonly matrix: number };

export function planCommand({ say, signal }: Tools): Command {
  return command("plan", "share a build out over machines; needs no secret", [
    "themis-bundle plan new --from 1.4.0=old --matrix 4 >> matrix.json",
  ])
    .argument("<tree>", "the folder that holds the new release")
    .option("--from <version=tree>", "an older release that devices may have; repeat for more", repeated, [])
    .requiredOption("--matrix <n>", "machines at the most", wholeNumber("--matrix", 1, MAX_SHARDS))
    .action(async (root: string, options: Options) => {
      const tree = await indexTree(root, signal);
      const previous: Previous[] = [];
      for (const { version, root: older } of options.from.map(parseFrom))
        previous.push({ version, tree: await indexTree(older, signal) });
      // A machine without work would cost its start.
      const shares = partition(tree, previous, options.matrix).filter(({ targets }) => targets.length > 0);
      const shards = Math.max(1, shares.length);
      const include = Array.from({ length: shards }, (_, index) => ({ shard: `${index + 1}/${shards}` }));
      const told = partition(tree, previous, shards).map(({ shard, targets, cost }) => ({
        ...{ shard, targets: targets.length, cost },
        bytes: targets.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
      }));
      const matrix = { include };
      say.result({ schema: "themis-bundle/plan/1", matrix, shards: told }, JSON.stringify(matrix));
    });
}
