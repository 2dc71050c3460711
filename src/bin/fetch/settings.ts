/** What a command is asked: by flags, else by the environment, else by themis.yml, else by default. */
import type { Command } from "commander";
import { ThemisError } from "../../base/error.ts";
import type { Configuration } from "../../fetch/config/configuration.ts";
import {
  type FlagValue,
  type LoadedConfig,
  loadConfig,
  missingSetting,
} from "../../fetch/config/load-config.ts";
import { isGitHub } from "../../fetch/transfer/github-page.ts";
import type { TrustPolicy } from "../../trust/trust-policy.ts";
import { compiledIn, refuseAnother, refuseAnotherAnchor } from "../client/compiled-in.ts";
import type { Reporter } from "../reporter.ts";
import { loadTrustPolicy, type TrustOptions } from "../trust-options.ts";
import { parseBytes } from "../units.ts";
import { type GitHubOptions, githubAccess } from "./github-options.ts";

export type ConfigOptions = { readonly config?: string };

/** Every flag that stands for a setting; a command has some of them. */
export type SettingOptions = ConfigOptions &
  GitHubOptions & {
    readonly source?: string;
    readonly root?: string;
    readonly trustAnchor?: string;
    readonly logKey?: readonly string[];
    readonly threshold?: number;
    readonly trustRoot?: string;
    readonly version?: string;
    readonly channel?: string;
    readonly requireChannel?: boolean;
    readonly connections?: number;
    readonly mirror?: readonly string[];
    readonly keep?: readonly string[];
    readonly limitRate?: string;
    readonly ca?: string;
    readonly applyMemory?: string;
    readonly keepPoints?: number;
    readonly keepPointsFor?: string;
    readonly keepPointsBytes?: string;
    readonly strategy?: string;
    readonly store?: string;
  };

export function withConfig(made: Command): Command {
  return made.option(
    "--config <file>",
    "settings for what no flag says (default: THEMIS_CONFIG, ./themis.yml)",
  );
}

/** @throws ConfigError; ThemisError USAGE, ANCHOR_COMPILED_IN, SETTING_COMPILED_IN */
export async function settled(options: SettingOptions, say: Reporter): Promise<LoadedConfig> {
  const loaded = withCompiledIn(await loadConfig({ file: options.config, flags: flagsOf(options) }));
  const { logLevel } = loaded.configuration.advanced;
  const isSaid = say.options.quiet || say.options.debug;
  if (!isSaid) say.options = { ...say.options, quiet: logLevel === "quiet", debug: logLevel === "debug" };
  return loaded;
}

/** @throws ConfigError CONFIG_MISSING */
export function demanded(value: string | undefined, setting: string, flag: string): string {
  if (value !== undefined) return value;
  throw missingSetting(setting, flag);
}

/** The installed tree, for commands that need nothing else. @throws ConfigError */
export async function settledRoot(options: SettingOptions, say: Reporter): Promise<string> {
  const { configuration } = await settled(options, say);
  return demanded(configuration.hotReload.root, "hotReload.root", "--root");
}

/** @throws ConfigError; ThemisError ANCHOR_COMPILED_IN; TrustError ANCHOR_MALFORMED, CRL_MALFORMED; LogError LOG_KEY_MALFORMED */
export async function settledPolicy({ checker }: Configuration, options: TrustOptions): Promise<TrustPolicy> {
  const { logKeys: logKey, threshold, requireChannel, trustRoot } = checker;
  const isPinned = trustRoot !== undefined && trustRoot !== "source";
  const anchor =
    compiledIn() || isPinned
      ? checker.trustAnchor
      : demanded(checker.trustAnchor, "checker.trustAnchor", "--trust-anchor");
  const asked = { ...options, threshold, trustRoot, ...(logKey && { logKey }) };
  return { ...(await loadTrustPolicy(asked, anchor)), requireChannel };
}

/** What a client of one product knows by itself: settings may name another place, and nothing else. */
function withCompiledIn(loaded: LoadedConfig): LoadedConfig {
  const own = compiledIn();
  if (!own) return loaded;
  const { checker } = loaded.configuration;
  refuseAnotherAnchor(checker.trustAnchor, own);
  refuseAnother("checker.channel", checker.channel, own.channel);
  const source = checker.source ?? own.source;
  const channel = own.channel === "" ? checker.channel : own.channel;
  return { ...loaded, configuration: { ...loaded.configuration, checker: { ...checker, source, channel } } };
}

/** What a file says about GitHub waits until a source is there; a flag must be of use. @throws ThemisError USAGE */
export function settledGitHub(
  { checker }: Configuration,
  flags: GitHubOptions,
  places: readonly string[],
): ReturnType<typeof githubAccess> {
  const isUsed = flags.api || flags.tokenFile !== undefined || places.some(isGitHub);
  const { api, tokenFile } = checker;
  return githubAccess(isUsed ? { api, ...(tokenFile !== undefined && { tokenFile }) } : {}, places);
}

function flagsOf(options: SettingOptions): FlagValue[] {
  const { limitRate, applyMemory, keepPointsBytes } = options;
  const given = [
    ["checker.source", "--source", options.source],
    ["checker.mirrors", "--mirror", options.mirror],
    ["checker.api", "--api", options.api],
    ["checker.tokenFile", "--token-file", options.tokenFile],
    ["checker.version", "--version", options.version],
    ["checker.channel", "--channel", options.channel],
    ["checker.requireChannel", "--require-channel", options.requireChannel],
    ["checker.trustAnchor", "--trust-anchor", options.trustAnchor],
    ["checker.logKey", "--log-key", options.logKey],
    ["checker.threshold", "--threshold", options.threshold],
    ["checker.trustRoot", "--trust-root", options.trustRoot],
    ["autoUpdate.connections", "--connections", options.connections],
    ["autoUpdate.limitRate", "--limit-rate", limitRate === undefined ? undefined : parseRate(limitRate)],
    [
      "autoUpdate.applyMemory",
      "--apply-memory",
      applyMemory === undefined ? undefined : parseBytes("--apply-memory", applyMemory),
    ],
    ["autoUpdate.ca", "--ca", options.ca],
    ["autoUpdate.keep", "--keep", options.keep],
    ["autoUpdate.restorePoints.count", "--keep-points", options.keepPoints],
    ["autoUpdate.restorePoints.age", "--keep-points-for", options.keepPointsFor],
    [
      "autoUpdate.restorePoints.bytes",
      "--keep-points-bytes",
      keepPointsBytes === undefined ? undefined : parseBytes("--keep-points-bytes", keepPointsBytes),
    ],
    ["autoUpdate.store", "--store", options.store],
    ["autoUpdate.strategy", "--strategy", options.strategy],
    ["hotReload.root", "--root", options.root],
  ] as const;
  return given.flatMap(([setting, flag, value]) => (value === undefined ? [] : [{ setting, flag, value }]));
}

/** @throws ThemisError USAGE */
function parseRate(text: string): number {
  const rate = parseBytes("--limit-rate", text);
  if (rate > 0) return rate;
  throw new ThemisError("USAGE", "usage", "--limit-rate takes at least one byte a second");
}
