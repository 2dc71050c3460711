/** The layers of a configuration, read and laid over one another. */
import { ConfigError } from "../../format/config/config-error.ts";
import type { ThemisYml } from "../../format/config/themis-yml.ts";
import { fileLayer } from "./config-file.ts";
import { type Configuration, configurationOf } from "./configuration.ts";
import { environmentLayer } from "./environment-layer.ts";
import { documentOf, type Layer, type Layered, layered, type ResolvedSetting } from "./layer.ts";
import { settingNamed } from "./setting.ts";

/** A setting that was given on the command line. */
export type FlagValue = {
  /** "checker.source" */
  readonly setting: string;
  /** "--source" */
  readonly flag: string;
  readonly value: string | number | boolean | readonly string[];
};

export type ConfigRequest = {
  /** From --config. */
  readonly file?: string | undefined;
  readonly flags?: readonly FlagValue[] | undefined;
  /** Default: the process's. */
  readonly environment?: NodeJS.ProcessEnv | undefined;
};

export type LoadedConfig = {
  readonly configuration: Configuration;
  /** Each with its value as it was written, and whence it came. */
  readonly settings: readonly ResolvedSetting[];
};

/** @throws ConfigError */
export async function loadConfig(request: ConfigRequest = {}): Promise<LoadedConfig> {
  const { file, flags = [], environment = process.env } = request;
  const layers = [flagLayer(flags), await environmentLayer(environment), await fileLayer(file, environment)];
  const all: Layered = layered(layers.filter((layer) => layer !== undefined));
  return { configuration: configurationOf(all), settings: all.settings };
}

/** @throws ConfigError CONFIG_MISSING */
export function missingSetting(name: string, flag: string): ConfigError {
  const variable = settingNamed(name)?.variable;
  return new ConfigError("CONFIG_MISSING", `${flag} is not given, and nothing else says ${name}`, {
    facts: { setting: name },
    hint: `give ${flag}, set ${variable}, or write ${name} into themis.yml`,
  });
}

function flagLayer(flags: readonly FlagValue[]): Layer | undefined {
  if (flags.length === 0) return undefined;
  const document: ThemisYml = documentOf(flags.map(({ setting, value }) => ({ name: setting, value })));
  return {
    document,
    placeOf: (pointer) => {
      const keys = pointer.split("/").slice(1).join(".");
      const flag = flags.find(({ setting }) => `${keys}.`.startsWith(`${setting}.`))?.flag;
      return flag === undefined ? { kind: "default" } : { kind: "flag", flag };
    },
  };
}
