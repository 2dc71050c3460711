/** A store of targets that several roots share: what nobody needs goes, what rotted is found. */
import type { Command } from "commander";
import { FetchError } from "../../fetch/fetch-error.ts";
import { checkStore, collectGarbage } from "../../fetch/store/tend.ts";
import { command, type Tools } from "../program.ts";
import { size } from "../units.ts";

export function storeCommand({ say }: Tools): Command {
  const store = command("store", "tend a store of targets that roots share by --store");
  store.addCommand(
    command("gc", "remove what no registered root refers to", [
      "themis-fetch store gc --store /var/lib/themis",
    ])
      .requiredOption("--store <folder>", "the store")
      .action(async ({ store: folder }: { store: string }) => {
        const report = await collectGarbage(folder, new Date());
        for (const root of report.forgotten)
          say.note(`nothing is installed in ${root} any more; it is forgotten`);
        sayForeign(say, report.foreign);
        say.result(
          { schema: "themis-fetch/store-gc/1", ...report },
          `${report.removed} objects removed (${size(report.removedBytes)}), ${report.kept} kept for ${report.roots} roots`,
        );
      }),
  );
  store.addCommand(
    command("fsck", "prove every object by its digest", [
      "themis-fetch store fsck --store /var/lib/themis",
      "themis-fetch store fsck --store /var/lib/themis --repair",
    ])
      .requiredOption("--store <folder>", "the store")
      .option("--repair", "set aside what is not right, so that it is fetched again")
      .action(async ({ store: folder, repair = false }: { store: string; repair?: boolean }) => {
        const report = await checkStore(folder, repair);
        const { objects, bytes, faults, foreign } = report;
        sayForeign(say, foreign);
        for (const { path, why } of faults) say.warn(`${path}: ${why}${repair ? "; it was set aside" : ""}`);
        if (faults.length > 0 && !repair) {
          throw new FetchError("STORE_DAMAGED", `${faults.length} of ${objects} objects are not right`, {
            facts: { objects, bytes, faults, foreign },
            hint: "--repair sets them aside; nothing wrong is ever installed from a store",
          });
        }
        say.result(
          { schema: "themis-fetch/store-fsck/1", ...report },
          `${objects} objects (${size(bytes)}), ${faults.length === 0 ? "all right" : `${faults.length} set aside`}`,
        );
      }),
  );
  return store;
}

/** One by name, and how many: who keeps a whole tree there knows what it is. */
function sayForeign(say: Tools["say"], foreign: readonly string[]): void {
  const [first] = foreign;
  if (first === undefined) return;
  const more = foreign.length > 1 ? ` and ${foreign.length - 1} more` : "";
  say.warn(`${first}${more}: no object of the store; left alone`);
}
