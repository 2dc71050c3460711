import type { Command } from "commander";
import { planRepair, repair } from "../../fetch/repair.ts";
import type { UpdateResult } from "../../fetch/update-report.ts";
import { command, type Tools } from "../program.ts";
import { seconds, size } from "../units.ts";
import {
  offerJson,
  planning,
  planText,
  resultJson,
  staysText,
  toRequest,
  type UpdateOptions,
  updateTools,
  withSource,
} from "./update.ts";

type Options = UpdateOptions & { readonly rebuildRecords?: boolean };

export function repairCommand({ say, signal }: Tools): Command {
  return withSource(
    command("repair", "bring changed and lost files of the installed release back", [
      "themis-fetch repair --source https://example.org/app --root /opt/app --trust-anchor root.pem",
      "themis-fetch repair --source page --root /opt/app --trust-anchor root.pem --rebuild-records --version 1.5.0",
    ]),
  )
    .option(
      "--rebuild-records",
      "make damaged records anew; they forget the ways back, and what was believed",
    )
    .option("--dry-run", "say what would be done and write nothing")
    .action(async (options: Options) => {
      const { rebuildRecords } = options;
      const request = { ...(await toRequest(options, { say, signal })), rebuildRecords };
      if (options.dryRun) {
        const offer = await planRepair(request, planning(say));
        say.result(offerJson("plan", offer), planText(offer));
        return;
      }
      const result = await repair(request, updateTools(say));
      for (const { path, beside } of result.operators)
        say.note(`${path} was changed here; ${staysText(beside)}`);
      say.result(resultJson("repair", result), text(result));
    });
}

function text({ kind, product, to, perFile, bytesFetched, durationMs }: UpdateResult): string {
  if (kind === "nothing-to-do") return `${product} ${to} is whole; nothing to do`;
  const healed = perFile.filter(({ action }) => action !== "keep").map(({ path }) => path);
  const what = healed.length === 0 ? "no file was wrong" : healed.join(", ");
  return `${product} ${to} is whole again: ${what}; ${size(bytesFetched)} fetched, ${seconds(durationMs)}`;
}
