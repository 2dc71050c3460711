/** What themis-fetch would obey, and whence each setting comes; the way to find out why it does what it does. */
import type { Command } from "commander";
import { withMaskedUrls } from "../../base/masked-url.ts";
import { oneLine } from "../../base/one-line.ts";
import type { ResolvedSetting } from "../../fetch/config/layer.ts";
import { originText } from "../../format/config/origin.ts";
import { command, type Tools } from "../program.ts";
import { table } from "../units.ts";
import { type SettingOptions, settled } from "./settings.ts";
import { withSource } from "./update.ts";

const MAX_SHOWN = 1000;

export function configCommand({ say }: Tools): Command {
  return withSource(
    command("config", "check the configuration, and show what holds; writes nothing", [
      "themis-fetch config --show-origin",
      "themis-fetch config --config /etc/themis/themis.yml --json",
    ]),
  )
    .option("--show-origin", "say whence each value comes: a flag, a variable, a line, the default")
    .action(async ({ showOrigin = false, ...options }: SettingOptions & { showOrigin?: boolean }) => {
      const { settings } = await settled(options, say);
      // What else is secret is not in a configuration, only its place.
      const shown = settings.map(({ value, ...each }) => ({
        ...each,
        value: value === undefined ? undefined : withMaskedUrls(value),
      }));
      say.result(
        {
          schema: "themis-fetch/config/1",
          settings: shown.map(({ name, value = null, origin }) => ({
            ...{ name, value },
            ...(showOrigin && { origin }),
          })),
        },
        showOrigin ? withOrigins(shown) : withValues(shown),
      );
    });
}

function withValues(settings: readonly ResolvedSetting[]): string {
  return table(["setting", "value"], settings.map(rowOf), [], { whole: [1] });
}

/** Places first: values may be long. */
function withOrigins(settings: readonly ResolvedSetting[]): string {
  const rows = settings.map((each) => [...rowOf(each).slice(0, 1), originText(each.origin), rowOf(each)[1]!]);
  return table(["setting", "from", "value"], rows, [], { whole: [1, 2] });
}

function rowOf({ name, value }: ResolvedSetting): [string, string] {
  if (value === undefined) return [name, "-"];
  return [name, oneLine(typeof value === "string" ? value : JSON.stringify(value), MAX_SHOWN)];
}
