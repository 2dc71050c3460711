import type { Command } from "commander";
import { Alarm } from "../../base/alarm.ts";
import { ThemisError } from "../../base/error.ts";
import { ServiceNotifier } from "../../base/service-notifier.ts";
import { writeDuration } from "../../base/units.ts";
import { FetchError } from "../../fetch/fetch-error.ts";
import type { Look } from "../../fetch/watch/look.ts";
import {
  type WatchEvent,
  type WatchSettings,
  type WatchTools,
  watch,
  watchOnce,
} from "../../fetch/watch/watch.ts";
import { EXIT } from "../exit-status.ts";
import { command, type Tools } from "../program.ts";
import { size } from "../units.ts";
import { settled } from "./settings.ts";
import {
  channelText,
  nothingToDo,
  offerJson,
  requestOf,
  resultJson,
  resultText,
  type UpdateOptions,
  withSource,
} from "./update.ts";

type WatchOptions = UpdateOptions & { readonly once?: boolean; readonly exitCode?: boolean };

export function watchCommand({ say, signal }: Tools): Command {
  return withSource(
    command("watch", "look for releases again and again, and install them where autoUpdate.enabled says so", [
      "themis-fetch watch --config /etc/themis/themis.yml",
      "themis-fetch watch --once --exit-code --config /etc/themis/themis.yml",
    ]),
  )
    .option("--once", "look once and end, for a timer")
    .option("--exit-code", "with --once: exit with 5 when there is nothing to do")
    .action(async (options: WatchOptions) => {
      const load = () => settingsOf(options, { say, signal });
      if (options.once) return once(await load(), options, say);
      await forever(load, say);
    });
}

/** @throws ConfigError; what requestOf throws */
async function settingsOf(options: WatchOptions, { say, signal }: Tools): Promise<WatchSettings> {
  const { configuration } = await settled(options, say);
  const { intervalMs, jitterMs, deadlineMs } = configuration.checker;
  const request = () => requestOf(options, configuration, signal);
  const { root, notify } = await request();
  const { enabled: autoUpdate } = configuration.autoUpdate;
  return { intervalMs, jitterMs, deadlineMs, root, notify, request, signal, autoUpdate };
}

async function once(settings: WatchSettings, options: WatchOptions, say: Tools["say"]): Promise<void> {
  const tools = watchTools(say, (event) => saidOnce(event, say));
  const found = await watchOnce(settings, tools);
  if (found.kind === "held-back") throw heldBack(found);
  say.result(lookJson(found), lookText(found));
  if (found.kind === "up-to-date" && options.exitCode) process.exitCode = EXIT.nothingToDo;
}

async function forever(load: () => Promise<WatchSettings>, say: Tools["say"]): Promise<void> {
  const alarm = new Alarm();
  process.on("SIGHUP", () => alarm.ring());
  const manager = new ServiceNotifier((why) => say.note(`the service manager is not told: ${why}`));
  let looks = 0;
  let updates = 0;
  const tools = watchTools(say, (event) => {
    saidBy(event, say);
    if (event.kind === "updated") updates++;
    if (event.kind !== "resting") return;
    looks++;
    manager.status(
      `${STATES[event.last]}; next look in ${writeDuration(Math.round(event.forMs / 1000) * 1000)}`,
    );
  });
  let isReady = false;
  const loadAndSay = async (): Promise<WatchSettings> => {
    if (isReady) manager.reloading();
    try {
      const settings = await load();
      isReady = true;
      return settings;
    } finally {
      if (isReady) manager.ready("looking for releases");
    }
  };
  try {
    await watch(loadAndSay, alarm, tools);
  } finally {
    await manager.stopping();
  }
  say.result({ schema: "themis-fetch/watch/1", looks, updates }, "");
}

const STATES: Readonly<Record<Look["kind"] | "failed", string>> = {
  "up-to-date": "nothing to do",
  offered: "a release is offered",
  "held-back": "a release is held back",
  updated: "updated",
  failed: "the last look failed",
};

function watchTools(say: Tools["say"], tell: WatchTools["tell"]): WatchTools {
  return {
    now: () => new Date(),
    notice: (message) => say.note(message),
    progress: ({ phase, ...event }) => say.progress({ label: phase, ...event }),
    checked: ({ kind, name, passed, found }) =>
      say.note(`${kind} check ${name}: ${passed ? "passed" : `failed, found ${found}`}`),
    tell,
  };
}

/** What is the answer of the command is no note besides. */
function saidOnce(event: WatchEvent, say: Tools["say"]): void {
  if (event.kind !== "offered" && event.kind !== "updated") saidBy(event, say);
}

function saidBy(event: WatchEvent, say: Tools["say"]): void {
  switch (event.kind) {
    case "watching": {
      const what = event.autoUpdate
        ? "looks for releases to install"
        : "looks for releases and installs none";
      say.note(`${what}, every ${writeDuration(event.intervalMs)}; SIGHUP looks at once, SIGTERM ends`);
      break;
    }
    case "offered": {
      const { product, from, to, bytesToFetch } = event.offer;
      const next = event.autoUpdate ? "it is installed now" : "themis-fetch update installs it";
      const critical = event.offer.channel?.isCritical ? " as critical" : "";
      const what = `${product} ${to} is offered${critical}, ${from || "nothing"} is installed`;
      say.note(`${what}; ${size(bytesToFetch)} to fetch, ${next}${channelText(event.offer)}`);
      break;
    }
    case "updated":
      say.note(resultText(event.result));
      break;
    case "held-back": {
      const { version, at, why } = event;
      const next = "it is tried again by themis-fetch update, or SIGHUP";
      say.warn(`${version} was here and was taken back at ${at} (${why}); ${next}`);
      break;
    }
    case "overdue":
      say.warn(
        `${event.version} was offered at ${event.since} and its deadline is over: it is not installed`,
      );
      break;
    case "channel":
      say.note(event.news.why.join("; "));
      break;
    case "changed-here":
      say.note(`${event.files} entries are not as ${event.version} has them; themis-fetch update mends them`);
      break;
    case "settled":
      say.note(`an earlier switch had been cut; it was ${event.outcome}`);
      break;
    case "failed":
      say.warn(sentence(event.error));
      break;
    case "not-reloaded":
      say.warn(`the configuration before holds: ${sentence(event.error)}`);
      break;
    case "recovered":
      say.note("it works again");
      break;
    case "resting":
      break;
  }
}

function sentence(error: unknown): string {
  if (!(error instanceof ThemisError)) return error instanceof Error ? error.message : String(error);
  return `${error.code}: ${error.message}${error.hint ? `; ${error.hint}` : ""}`;
}

function heldBack({ offer, by }: Extract<Look, { kind: "held-back" }>): FetchError {
  const why = by.action === "rollback" ? "an operator went back from it" : by.result;
  return new FetchError("RELEASE_HELD_BACK", `${offer.to} is not installed again: ${why}`, {
    facts: { version: offer.to, at: by.at },
    hint: "themis-fetch update tries it again",
  });
}

function lookJson(found: Look) {
  const { kind } = found;
  const about =
    found.kind === "updated" ? resultJson("update", found.result) : offerJson("check", found.offer);
  return { ...about, schema: "themis-fetch/watch-once/1", kind };
}

function lookText(found: Look): string {
  if (found.kind === "updated") return resultText(found.result);
  const { product, to } = found.offer;
  return found.kind === "up-to-date"
    ? nothingToDo(found.offer)
    : `${product} ${to} is offered; themis-fetch update installs it${channelText(found.offer)}`;
}
