import type { Command } from "commander";
import { rollBack } from "../../fetch/rollback.ts";
import { command, type Tools } from "../program.ts";
import { gateOf } from "./deployment-settings.ts";
import { demanded, type SettingOptions, settled, withConfig } from "./settings.ts";

export function rollbackCommand({ say, signal }: Tools): Command {
  const made = command("rollback", "put the previous release back", [
    "themis-fetch rollback --root /opt/app",
    "themis-fetch rollback --root /opt/app --to 20270131T120000Z-1a2b3c4d",
  ])
    .option("--root <folder>", "the installed tree")
    .option("--to <id>", "a restore point from themis-fetch restore-points");
  return withConfig(made).action(async ({ to, ...options }: SettingOptions & { to?: string }) => {
    const { configuration } = await settled(options, say);
    const root = demanded(configuration.hotReload.root, "hotReload.root", "--root");
    const tools = { now: () => new Date(), signal, gate: gateOf(configuration) };
    const result = await rollBack({ root, to }, tools);
    if (result.recovery !== "nothing") say.note(`an earlier switch had been cut; it was ${result.recovery}`);
    say.result(
      { schema: "themis-fetch/rollback/1", ...result },
      result.to === ""
        ? `${result.from} is removed; the state before it is back`
        : `${result.from} -> ${result.to}: running ${result.to} again`,
    );
  });
}
