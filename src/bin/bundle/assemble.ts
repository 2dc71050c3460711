import { availableParallelism } from "node:os";
import type { Command } from "commander";
import { assemble } from "../../publish/shard/assemble.ts";
import { command, type Tools } from "../program.ts";
import { buildProgress, tellBuilt } from "./build.ts";

export function assembleCommand({ say, signal }: Tools): Command {
  return command("assemble", "put the parts of a build together", [
    "themis-bundle assemble part-1 part-2 part-3 part-4 --out bundle",
  ])
    .argument("<part...>", "the folders that build --shard has made, all of them")
    .requiredOption("--out <folder>", "where the bundle goes: a new or empty folder")
    .action(async (parts: readonly string[], { out }: { out: string }) => {
      const startedMs = performance.now();
      const request = { parts, out, jobs: availableParallelism(), signal };
      const result = await assemble(request, buildProgress(say));
      tellBuilt(result, performance.now() - startedMs, say);
    });
}
