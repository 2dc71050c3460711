import type { Command } from "commander";
import { rollBack } from "../../fetch/rollback.ts";
import { command, type Tools } from "../program.ts";
import { type SettingOptions, settledRoot, withConfig } from "./settings.ts";

export function rollbackCommand({ say, signal }: Tools): Command {
  const made = command("rollback", "put the previous release back", [
    "themis-fetch rollback --root /opt/app",
    "themis-fetch rollback --root /opt/app --to 20270131T120000Z-1a2b3c4d",
  ])
    .option("--root <folder>", "the installed tree")
    .option("--to <id>", "a restore point from themis-fetch restore-points");
  return withConfig(made).action(async ({ to, ...options }: SettingOptions & { to?: string }) => {
    const root = await settledRoot(options, say);
    const result = await rollBack({ root, to }, { now: () => new Date(), signal });
    if (result.recovery !== "nothing") say.note(`an earlier switch had been cut; it was ${result.recovery}`);
    say.result(
      { schema: "themis-fetch/rollback/1", ...result },
      result.to === ""
        ? `${result.from} is removed; the state before it is back`
        : `${result.from} -> ${result.to}: running ${result.to} again`,
    );
  });
}
