import type { Command } from "commander";
import { confirm } from "../../fetch/confirm.ts";
import { command, type Tools } from "../program.ts";
import { gateOf } from "./deployment-settings.ts";
import { demanded, type SettingOptions, settled, withConfig } from "./settings.ts";

export function confirmCommand({ say, signal }: Tools): Command {
  const made = command("confirm", "keep the release that waits to be confirmed", [
    "themis-fetch confirm --root /opt/app",
  ]).option("--root <folder>", "the installed tree");
  return withConfig(made).action(async (options: SettingOptions) => {
    const { configuration } = await settled(options, say);
    const root = demanded(configuration.hotReload.root, "hotReload.root", "--root");
    const notice = (message: string): void => say.note(message);
    const tools = { now: () => new Date(), signal, gate: gateOf(configuration), notice };
    const retention = configuration.autoUpdate.restorePoints;
    const confirmed = await confirm({ root, retention }, tools);
    say.result({ schema: "themis-fetch/confirm/1", ...confirmed }, `${confirmed.to} is confirmed`);
  });
}
