import { type Command, Option } from "commander";
import type { Configuration } from "../../fetch/config/configuration.ts";
import { STRATEGIES } from "../../fetch/install/strategy.ts";
import type { PlanStep } from "../../fetch/plan.ts";
import { download, planOnly, update } from "../../fetch/update.ts";
import type { Offer, UpdateResult } from "../../fetch/update-report.ts";
import type { UpdateRequest, UpdateTools } from "../../fetch/update-request.ts";
import { EXIT } from "../exit-status.ts";
import { command, type Tools, wholeNumber } from "../program.ts";
import { type TrustOptions, withTrustOptions } from "../trust-options.ts";
import { saved, seconds, size } from "../units.ts";
import { deploymentOf } from "./deployment-settings.ts";
import { withGitHub } from "./github-options.ts";
import { offlineOf, SOURCE } from "./place-options.ts";
import {
  demanded,
  type SettingOptions,
  settled,
  settledGitHub,
  settledPolicy,
  withConfig,
} from "./settings.ts";

export type UpdateOptions = SettingOptions &
  TrustOptions & {
    readonly offline?: string;
    readonly dryRun?: boolean;
  };

type Options = UpdateOptions & { readonly exitCode?: boolean };

export function checkCommand({ say, signal }: Tools): Command {
  return withSource(
    command("check", "say whether a newer release is offered; writes nothing", [
      "themis-fetch check --source page --root /opt/app --trust-anchor root.pem --exit-code",
    ]),
  )
    .option("--exit-code", "exit with 5 when there is nothing to do")
    .action(async (options: Options) => {
      const offer = await planOnly(await toRequest(options, { say, signal }), planning(say));
      say.result(
        offerJson("check", offer),
        offer.upToDate
          ? nothingToDo(offer)
          : `${offer.product} ${offer.to} is offered, ${offer.from || "nothing"} is installed; ${size(offer.bytesToFetch)} to fetch${channelText(offer)}`,
      );
      if (offer.upToDate && options.exitCode) process.exitCode = EXIT.nothingToDo;
    });
}

export function planCommand({ say, signal }: Tools): Command {
  return withSource(
    command("plan", "say what an update would do; writes nothing", [
      "themis-fetch plan --source page --root /opt/app --trust-anchor root.pem",
    ]),
  ).action(async (options: Options) => {
    const offer = await planOnly(await toRequest(options, { say, signal }), planning(say));
    say.result(offerJson("plan", offer), planText(offer));
  });
}

export function downloadCommand({ say, signal }: Tools): Command {
  return withSource(
    command("download", "fetch and prove what an update needs, change nothing", [
      "themis-fetch download --source https://example.org/app --root /opt/app --trust-anchor root.pem",
    ]),
  ).action(async (options: Options) => {
    const result = await download(await toRequest(options, { say, signal }), {
      now: () => new Date(),
      notice: (message) => say.note(message),
      progress: ({ phase, ...event }) => say.progress({ label: phase, ...event }),
    });
    say.result(
      resultJson("download", result),
      `${result.product} ${result.to}: ${size(result.bytesFetched)} fetched; themis-fetch update installs it`,
    );
  });
}

export function updateCommand({ say, signal }: Tools): Command {
  const made = withSource(
    command("update", "prove, fetch, rebuild and switch to a release", [
      "themis-fetch update --source https://example.org/app --root /opt/app --trust-anchor root.pem",
      "themis-fetch update --source page --root /opt/app --trust-anchor root.pem --version 1.5.0",
      "themis-fetch update --offline app.tar --root /opt/app --trust-anchor root.pem",
      "themis-fetch update --source page --root /opt/app --trust-anchor root.pem --strategy slots",
    ]),
  );
  return withRetention(made)
    .option("--dry-run", "say what would be done and write nothing")
    .option("--exit-code", "exit with 5 when there is nothing to do")
    .option("--allow-downgrade", "this once, take a release that is older than one that was here")
    .action(async (options: Options & { allowDowngrade?: boolean }) => {
      const { allowDowngrade } = options;
      const request = { ...(await toRequest(options, { say, signal })), allowDowngrade };
      if (options.dryRun) {
        const offer = await planOnly(request, planning(say));
        say.result(offerJson("plan", offer), planText(offer));
        return;
      }
      const result = await update(request, updateTools(say));
      if (result.recovery !== "nothing")
        say.note(`an earlier switch had been cut; it was ${result.recovery}`);
      for (const { path, why } of result.fellBack) say.warn(`${path} was fetched whole: ${why}`);
      for (const path of result.kept)
        say.note(
          `${path} is not in the new release and was changed here; it stays${result.strategy === "slots" ? " in the slot before" : ""}`,
        );
      for (const { path, beside } of result.operators)
        if (result.kind === "updated") say.note(`${path} was changed here; ${staysText(beside)}`);
      say.result(resultJson("update", result), resultText(result));
      if (result.kind === "nothing-to-do" && options.exitCode) process.exitCode = EXIT.nothingToDo;
    });
}

export function planning(say: Tools["say"]): UpdateTools {
  return { now: () => new Date(), notice: (message) => say.note(message) };
}

export function updateTools(say: Tools["say"]): UpdateTools {
  return {
    ...planning(say),
    progress: ({ phase, ...event }) => say.progress({ label: phase, ...event }),
    checked: ({ kind, name, passed, found }) =>
      say.note(`${kind} check ${name}: ${passed ? "passed" : `failed, found ${found}`}`),
  };
}

/** Every flag that stands for a setting of themis.yml, and those for this time only. */
export function withSource(made: Command): Command {
  withTrustOptions(made)
    .option("--source <place>", SOURCE)
    .option("--offline <file>", "in place of a source: one tar file, made by themis-fetch bundle")
    .option("--root <folder>", "the installed tree")
    .option("--trust-anchor <file>", "the pinned certificate, PEM")
    .option("--version <version>", "this release and no other")
    .option("--channel <name>", "the line of releases to follow, such as stable (default: as last)")
    .option("--require-channel", "refuse what comes without a signed document of the channel")
    .option(
      "--mirror <place...>",
      "where the same releases lie besides; asked when the source fails or is slow",
    )
    .option(
      "--connections <n>",
      "ranges fetched at once from one source (default: 4)",
      wholeNumber("--connections", 1, 64),
    )
    .option("--limit-rate <size>", "fetch at most so much a second, such as 2M (default: no limit)")
    .option("--ca <file>", "believe these authorities for TLS too, PEM; NODE_EXTRA_CA_CERTS works as well")
    .option(
      "--keep <glob...>",
      "files that are yours: changed ones stay, the release's come beside them as .new (default: as last given)",
    )
    .option("--apply-memory <size>", "take whole what needs more to rebuild, such as 96M (default: all)")
    .option("--store <folder>", "targets kept by digest, for other versions, products and roots")
    .addOption(
      new Option("--strategy <name>", "how a release takes the place of the one before").choices(STRATEGIES),
    );
  return withConfig(withGitHub(made));
}

/** The newest always stays, so that there is a way back. */
function withRetention(made: Command): Command {
  return made
    .option(
      "--keep-points <n>",
      "how many restore points stay (default: 10)",
      wholeNumber("--keep-points", 1, 1000),
    )
    .option("--keep-points-for <time>", "those that are older go, such as 90d (default: no bound)")
    .option("--keep-points-bytes <size>", "what all may take, such as 2G (default: no bound)");
}

export async function toRequest(options: UpdateOptions, { say, signal }: Tools): Promise<UpdateRequest> {
  const { configuration } = await settled(options, say);
  return requestOf(options, configuration, signal);
}

/** @throws ConfigError CONFIG_MISSING; ThemisError USAGE; what reading anchors, lists and tokens throws */
export async function requestOf(
  options: UpdateOptions,
  configuration: Configuration,
  signal: AbortSignal,
): Promise<UpdateRequest> {
  const offline = offlineOf(options);
  const { checker, autoUpdate, hotReload } = configuration;
  const source = offline === undefined ? demanded(checker.source, "checker.source", "--source") : undefined;
  const root = demanded(hotReload.root, "hotReload.root", "--root");
  const { version, channel } = checker;
  const mirrors = source === undefined ? [] : checker.mirrors;
  const { connections, limitRate, caFile, applyMemory, keep, store, strategy } = autoUpdate;
  const places = source === undefined ? [] : [source, ...mirrors];
  const github = await settledGitHub(configuration, options, places);
  return {
    ...{
      source,
      offline,
      mirrors,
      root,
      version,
      channel,
      connections,
      limitRate,
      caFile,
      github,
      applyMemory,
    },
    ...{ keep, strategy, store, signal },
    ...{ ...deploymentOf(configuration), ...(await settledPolicy(configuration, options)) },
  };
}

export function offerJson(name: string, { plan, followed: _, ...offer }: Offer) {
  return {
    schema: `themis-fetch/${name}/1`,
    ...offer,
    bytesFull: plan.bytesFull,
    kept: plan.kept,
    operators: plan.operators,
    steps: plan.steps.filter(({ kind }) => kind !== "keep").map(stepJson),
  };
}

function stepJson(step: PlanStep) {
  if (step.kind === "remove") return { action: step.kind, path: step.path };
  const { path, size_bytes: sizeBytes, blob } = step.target;
  if (step.kind === "patch")
    return {
      action: step.kind,
      path,
      sizeBytes,
      algorithm: step.delta.algorithm,
      applyMemory: step.delta.apply_memory,
      bytes: step.delta.patch_size,
    };
  if (step.kind === "download")
    return { action: step.kind, path, sizeBytes, bytes: blob.length, why: step.why };
  return { action: step.kind, path, sizeBytes, bytes: 0 };
}

export function planText(offer: Offer): string {
  const steps = offer.plan.steps.filter(({ kind }) => kind !== "keep");
  const lines = steps.map((step) => {
    if (step.kind === "remove") return `remove    ${step.path}`;
    if (step.kind === "patch")
      return `patch     ${step.target.path} (${step.delta.algorithm}, ${size(step.delta.patch_size)} for ${size(step.target.size_bytes)})`;
    if (step.kind === "download") {
      const why = step.why && `; ${step.why}`;
      return `download  ${step.target.path} (${size(step.target.blob.length)}${why})`;
    }
    return `${step.kind.padEnd(9)} ${step.target.path}`;
  });
  const { bytesToFetch } = offer;
  const own = offer.plan.operators.map(
    ({ path, beside }) => `keep      ${path} (changed here; ${staysText(beside)})`,
  );
  return [
    ...lines,
    ...own,
    offer.upToDate
      ? nothingToDo(offer)
      : `${offer.from || "nothing"} -> ${offer.to}: ${steps.length} changes, ${size(bytesToFetch)} to fetch (full: ${size(offer.plan.bytesFull)})`,
  ].join("\n");
}

/** What a person should know of the channel besides: why it goes back, and what comes next. */
export function channelText({ channel, to }: Pick<Offer, "channel" | "to">): string {
  if (!channel) return "";
  const recalled = channel.recalled && `; ${channel.recalled}`;
  const isStep = channel.kind === "install" && channel.goal !== to;
  return recalled + (isStep ? `; it is a step on the way to ${channel.goal}, which comes next` : "");
}

/** Where a channel's document keeps the device where it is, why. */
export function nothingToDo({ product, to, channel }: Pick<Offer, "product" | "to" | "channel">): string {
  if (channel?.kind === "stay") return channel.why.join("; ");
  return `${product} ${to} is installed; nothing to do`;
}

export function staysText(beside: string): string {
  return beside === "" ? "it stays" : `it stays, and the release's version is ${beside}`;
}

export function resultJson(name: string, result: UpdateResult) {
  return { schema: `themis-fetch/${name}/1`, ...result };
}

export function resultText(result: UpdateResult): string {
  if (result.kind === "nothing-to-do") return nothingToDo(result);
  const fell = result.fellBack.length > 0 ? `, ${result.fellBack.length} files fell back to full` : "";
  const checked = result.checks.length > 0 ? `, ${result.checks.length} checks passed` : "";
  const restarted = result.restart ? `, restarted in ${seconds(result.restart.latencyMs)}` : "";
  const next =
    result.confirmUntil === ""
      ? "rollback: themis-fetch rollback"
      : `themis-fetch confirm keeps it until ${result.confirmUntil}; after that the next command that changes something, or a running watch, takes it back`;
  const full = `full: ${size(result.bytesFull)}, ${saved(result.bytesFetched, result.bytesFull)} saved`;
  const done = `${result.from || "nothing"} -> ${result.to}: ${size(result.bytesFetched)} fetched (${full})${fell}${checked}${restarted}, ${seconds(result.durationMs)}`;
  return `${done}, ${next}${channelText(result)}`;
}
