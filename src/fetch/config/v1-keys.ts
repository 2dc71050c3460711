/**
 * What became of each key of ThemisDB's v1 updates configuration (config/updates.yaml).
 *
 *   updates.checker.check_interval_seconds: 3600    ->  checker.interval: 1h
 *   updates.checker.github_api_token: ghp_...       ->  checker.tokenFile: github-token, without the token
 *   updates.auto_update.schedule_days: [Sunday]     ->  nothing, and why
 *
 * Where v1 held back (approval, critical updates only, a schedule) and we cannot yet, the device is not made to
 * update itself: what was careful must not become careless by a conversion.
 */
import type { Json } from "../../base/canonical-json.ts";
import { writeDuration } from "../../base/units.ts";

export type Carried = { readonly setting: string; readonly value: Json };
/** A setting, with a word about it if something is left to do; or why there is none. */
export type Fate =
  | { readonly carried: Carried; readonly todo?: string }
  | { readonly why: string }
  /** Another key says it too. */
  | { readonly with: string };
export type V1Key = {
  readonly fate: (value: Json, v1: V1) => Fate;
  /** Its value is shown nowhere. */
  readonly isSecret?: true;
};
/** Values by their whole name, such as "updates.checker.github_owner". */
export type V1 = ReadonlyMap<string, Json>;

const MINUTE_SECONDS = 60;
const YEAR_SECONDS = 365 * 86_400;
const GITHUB_API = "https://api.github.com";
const [OWNER, REPO] = ["updates.checker.github_owner", "updates.checker.github_repo"] as const;

export const V1_KEYS: Readonly<Record<string, V1Key>> = {
  "updates.checker.enabled": never(
    "whether anybody looks is decided by who calls themis-fetch, such as a timer",
  ),
  "updates.checker.check_interval_seconds": {
    fate: (value) => {
      if (!isWhole(value, MINUTE_SECONDS, YEAR_SECONDS))
        return { why: `it takes ${MINUTE_SECONDS} to ${YEAR_SECONDS} seconds; the default stands` };
      return { carried: { setting: "checker.interval", value: writeDuration(value * 1000) } };
    },
  },
  [OWNER]: { fate: (_, v1) => repository(v1) },
  [REPO]: { fate: (_, v1) => (v1.has(OWNER) ? { with: OWNER } : repository(v1)) },
  "updates.checker.github_api_url": {
    fate: (value) =>
      value === GITHUB_API
        ? { why: "that is the default" }
        : { why: "set the environment variable GITHUB_API_URL to it, and checker.api to true" },
  },
  "updates.checker.github_api_token": {
    isSecret: true,
    fate: (value) =>
      value === ""
        ? { why: "it is empty" }
        : {
            carried: { setting: "checker.tokenFile", value: "github-token" },
            todo: "write the token into the file github-token beside themis.yml, readable by its user alone",
          },
  },
  "updates.checker.proxy_url": {
    isSecret: true,
    fate: () => ({ why: "set the environment variable HTTPS_PROXY to it" }),
  },
  "updates.auto_update.enabled": { fate: autoUpdate },
  "updates.auto_update.critical_only": never("releases are not told apart by how critical they are"),
  "updates.auto_update.require_approval": never(
    "nobody is asked before an update; hotReload.confirm asks after it",
  ),
  "updates.auto_update.approval_timeout_seconds": never("nobody is asked before an update"),
  "updates.auto_update.scheduled": never(
    "when to update is decided by who calls themis-fetch, such as a timer",
  ),
  "updates.auto_update.schedule_time": never(
    "when to update is decided by who calls themis-fetch, such as a timer",
  ),
  "updates.auto_update.schedule_days": never(
    "when to update is decided by who calls themis-fetch, such as a timer",
  ),
  "updates.hot_reload.enabled": never("an update always switches the whole tree at once"),
  "updates.hot_reload.download_directory": never("what is fetched lies in .themis/ of the installed tree"),
  "updates.hot_reload.backup_directory": never("restore points lie in .themis/ of the installed tree"),
  "updates.hot_reload.install_directory": {
    fate: (value) => {
      if (typeof value !== "string" || value === "") return { why: "it is no name of a folder" };
      const carried = { setting: "hotReload.root", value };
      return value.startsWith("/")
        ? { carried }
        : {
            carried,
            todo: "it was relative to where the server ran, and is now to the folder of themis.yml",
          };
    },
  },
  "updates.hot_reload.verify_signatures": never("signatures are always verified"),
  "updates.hot_reload.create_backup": never("there is always a restore point before a switch"),
  "updates.hot_reload.keep_rollback_points": {
    fate: (value) => {
      if (!isWhole(value, 1, 1000)) return { why: "it takes 1 to 1000; the default stands" };
      return { carried: { setting: "autoUpdate.restorePoints.count", value } };
    },
  },
  "updates.hot_reload.download_timeout_seconds": never(
    "a transfer ends when nothing comes, however long it takes",
  ),
  "updates.hot_reload.max_retries": never("what fails is tried again in ways of its own, and resumed"),
  "updates.hot_reload.retry_delay_seconds": never("servers say how long to wait, else the rests grow"),
  "updates.notifications.enabled": never("whoever is named is told"),
  "updates.notifications.on_events": never("every end of an update is told: updated, failed, rolled back"),
  "updates.notifications.webhook_url": { isSecret: true, fate: webhook },
  "updates.notifications.slack_webhook_url": { isSecret: true, fate: webhook },
  "updates.notifications.email_to": never("there is no mail; a webhook of yours can send one"),
  "updates.telemetry": never("themis-fetch sends no telemetry"),
};

function never(why: string): V1Key {
  return { fate: () => ({ why }) };
}

function repository(v1: V1): Fate {
  const [owner, repo] = [v1.get(OWNER) ?? "makr-code", v1.get(REPO) ?? "ThemisDB"];
  const isName = (name: Json): boolean => typeof name === "string" && /^[A-Za-z0-9._-]{1,100}$/.test(name);
  if (!isName(owner) || !isName(repo)) return { why: "owner and repository are no names on GitHub" };
  return { carried: { setting: "checker.source", value: `github:${owner}/${repo}` } };
}

function autoUpdate(value: Json, v1: V1): Fate {
  const setting = "autoUpdate.enabled";
  if (!isTrue(value)) return { carried: { setting, value: false } };
  // Of these v1 takes the first two as true when nothing is said.
  const held = [
    ["require_approval", true],
    ["critical_only", true],
    ["scheduled", false],
  ] as const;
  const first = held.find(([name, byDefault]) => isTrue(v1.get(`updates.auto_update.${name}`) ?? byDefault));
  if (!first) return { carried: { setting, value: true } };
  const todo = `it was true, held back by ${first[0]}; set it to true when every release may come by itself`;
  return { carried: { setting, value: false }, todo };
}

function webhook(value: Json, v1: V1): Fate {
  if (value === "" || typeof value !== "string") return { why: "it is empty" };
  if (!isTrue(v1.get("updates.notifications.enabled") ?? false))
    return { why: "notifications were not enabled" };
  if (!/^https:\/\/hooks\.slack\.com\//.test(value))
    return { why: "notifications.webhook takes a URL and a key, because what it tells is signed" };
  return {
    carried: { setting: "notifications.slack", value: { urlFile: "slack-url" } },
    todo: "write the URL into the file slack-url beside themis.yml, readable by its user alone",
  };
}

/** As yaml-cpp reads it, which v1 was read with. */
function isTrue(value: Json): boolean {
  return value === true || (typeof value === "string" && /^(y|yes|true|on)$/i.test(value));
}

function isWhole(value: Json, least: number, most: number): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= least && value <= most;
}
