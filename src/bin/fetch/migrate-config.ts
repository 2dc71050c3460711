import { lstatSync } from "node:fs";
import type { Command } from "commander";
import { writeFileAtomically } from "../../base/atomic-file.ts";
import { ThemisError } from "../../base/error.ts";
import { migrateV1 } from "../../fetch/config/migrate-v1.ts";
import { MAX_THEMIS_YML_BYTES } from "../../format/config/themis-yml.ts";
import { command, type Tools } from "../program.ts";
import { readInput } from "../read-input.ts";

export function migrateConfigCommand({ say }: Tools): Command {
  return command("migrate-config", "turn ThemisDB's v1 updates configuration into a themis.yml", [
    "themis-fetch migrate-config config/updates.yaml --out themis.yml",
    "themis-fetch migrate-config config/updates.yaml > themis.yml",
  ])
    .argument("<old>", "ThemisDB's config/updates.yaml")
    .option("--out <file>", "write there, where nothing is yet (default: stdout)")
    .action(async (old: string, { out = "" }: { out?: string }) => {
      const { text, notes } = migrateV1(await readInput(old, MAX_THEMIS_YML_BYTES), old);
      if (out !== "") {
        demandFree(out);
        await writeFileAtomically(out, Buffer.from(text));
      }
      for (const { key, at, note } of notes) say.note(`${at === "" ? "" : `${at}: `}${key}: ${note}`);
      say.result(
        { schema: "themis-fetch/migrate-config/1", out, text, notes },
        out === ""
          ? text.trimEnd()
          : `${out} is written; themis-fetch config --config ${out} shows what holds`,
      );
    });
}

/** Somebody's work may stand there. @throws ThemisError OUTPUT_INVALID */
function demandFree(path: string): void {
  if (!lstatSync(path, { throwIfNoEntry: false })) return;
  throw new ThemisError("OUTPUT_INVALID", "usage", `${path} is there already; nothing was written`, {
    hint: "name another file",
  });
}
