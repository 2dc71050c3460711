/**
 * What a device is told, in the units and types of those who obey it: "6h" is milliseconds, "96M" bytes, a check
 * is a `Check`, and a relative name in a file is relative to the file's folder.
 *
 * What no schema can say is said here, with the place: bounds of spans of time, what belongs together, names that
 * must differ.
 */

import { dirname, resolve } from "node:path";
import { invalidConfig } from "../../format/config/config-error.ts";
import { DEFAULTS } from "../../format/config/defaults.ts";
import { isNoteKey } from "../../format/log/note-key.ts";
import type { Check } from "../health/check.ts";
import type { Dependency } from "../health/health-check.ts";
import type { Hook } from "../hooks.ts";
import type { Retention } from "../install/retention.ts";
import { checksOf, dependenciesOf, hookOf, type ServiceChoice, serviceChoiceOf } from "./hot-reload.ts";
import type { Layered } from "./layer.ts";
import { type NotificationChoice, notificationsOf } from "./notifications.ts";
import { Reading } from "./reading.ts";

/** In bytes and milliseconds; undefined is no bound, or nothing named. */
export type Configuration = {
  readonly checker: {
    readonly source: string | undefined;
    readonly mirrors: readonly string[];
    readonly api: boolean;
    readonly tokenFile: string | undefined;
    /** "" for the offered release. */
    readonly version: string;
    readonly channel: string | undefined;
    readonly requireChannel: boolean;
    readonly trustAnchor: string | undefined;
    /** Keys of transparency logs, or files of them; undefined demands no log. */
    readonly logKeys: readonly string[] | undefined;
    /** Distinct signers that must have signed; undefined is one. */
    readonly threshold: number | undefined;
    /** A file, or "source". */
    readonly trustRoot: string | undefined;
    readonly intervalMs: number;
    readonly jitterMs: number;
    readonly deadlineMs: number | undefined;
  };
  readonly autoUpdate: {
    readonly enabled: boolean;
    readonly connections: number;
    readonly limitRate: number | undefined;
    readonly applyMemory: number | undefined;
    readonly caFile: string | undefined;
    /** undefined for those that the root remembers. */
    readonly keep?: readonly string[] | undefined;
    readonly restorePoints: Retention;
    /** A folder; undefined is no store. */
    readonly store: string | undefined;
    /** undefined: as the root has it, in place where it is empty. */
    readonly strategy: "in-place" | "slots" | undefined;
  };
  readonly hotReload: {
    readonly root: string | undefined;
    readonly service: ServiceChoice;
    readonly drainMs: number;
    readonly ready: Check | undefined;
    readonly checks: readonly Check[];
    readonly confirm: { readonly by: "checks" } | { readonly by: "operator"; readonly withinMs: number };
    readonly preflight: {
      readonly dependencies: readonly Dependency[];
      readonly memoryBytes: number | undefined;
    };
    readonly hooks: { readonly before: Hook | undefined; readonly after: Hook | undefined };
  };
  readonly notifications: readonly NotificationChoice[];
  readonly advanced: { readonly logLevel: "quiet" | "normal" | "debug" };
};

const SECOND = 1_000;
const HOUR = 3600 * SECOND;
const DAY = 24 * HOUR;
const YEAR = 365 * DAY;

/** @throws ConfigError CONFIG_INVALID */
export function configurationOf(layered: Layered): Configuration {
  const reading = new Reading(layered.placeOf);
  const { advanced, notifications } = layered.document;
  const configuration = {
    checker: checkerOf(layered, reading),
    autoUpdate: autoUpdateOf(layered, reading),
    hotReload: hotReloadOf(layered, reading),
    notifications: notificationsOf(notifications, reading),
    advanced,
  };
  if (reading.problems.length > 0) throw invalidConfig(reading.problems);
  return configuration;
}

function checkerOf({ document: { checker }, placeOf }: Layered, reading: Reading): Configuration["checker"] {
  const { source, mirrors, api, tokenFile, version = "", channel, requireChannel } = checker;
  const { trustAnchor, logKey, threshold, trustRoot } = checker;
  const place = (name: string, pointer: string): string => releasePlace(name, pointer, placeOf);
  return {
    ...{ api, version, channel, requireChannel, threshold },
    source: source && place(source, "/checker/source"),
    mirrors: mirrors.map((mirror, index) => place(mirror, `/checker/mirrors/${index}`)),
    tokenFile: reading.file("/checker/tokenFile", tokenFile),
    trustAnchor: reading.file("/checker/trustAnchor", trustAnchor),
    trustRoot: trustRoot === "source" ? trustRoot : reading.file("/checker/trustRoot", trustRoot),
    logKeys: logKey?.map((key, index) =>
      isNoteKey(key) ? key : reading.file(`/checker/logKey/${index}`, key),
    ),
    // More often is no use to anybody and a burden to servers.
    intervalMs: reading.span("/checker/interval", checker.interval, [60 * SECOND, YEAR]),
    jitterMs: reading.span("/checker/jitter", checker.jitter, [0, YEAR]),
    deadlineMs: reading.span("/checker/deadline", checker.deadline, [60 * SECOND, YEAR]),
  };
}

function autoUpdateOf({ document }: Layered, reading: Reading): Configuration["autoUpdate"] {
  const { ca, limitRate, applyMemory, restorePoints, store, strategy, ...same } = document.autoUpdate;
  const { count = DEFAULTS.autoUpdate.restorePoints.count, age, bytes } = restorePoints;
  return {
    ...same,
    strategy,
    store: reading.file("/autoUpdate/store", store),
    limitRate: reading.size("/autoUpdate/limitRate", limitRate, 1),
    applyMemory: reading.size("/autoUpdate/applyMemory", applyMemory),
    caFile: reading.file("/autoUpdate/ca", ca),
    restorePoints: {
      count,
      ageMs: reading.span("/autoUpdate/restorePoints/age", age, [HOUR, 100 * YEAR]),
      bytes: reading.size("/autoUpdate/restorePoints/bytes", bytes),
    },
  };
}

function hotReloadOf({ document }: Layered, reading: Reading): Configuration["hotReload"] {
  const { root, service, drain, ready, checks, confirm, preflight, hooks } = document.hotReload;
  const within = reading.span("/hotReload/confirm/within", confirm.within, [SECOND, 20 * DAY]);
  if ((confirm.by === "operator") !== (within !== undefined))
    reading.wrong(
      "/hotReload/confirm",
      "takes a time within which an operator confirms, and checks take none",
    );
  const [readyCheck] = ready ? checksOf([ready], () => "/hotReload/ready", reading) : [];
  return {
    root: reading.file("/hotReload/root", root),
    service: serviceChoiceOf(service, reading),
    drainMs: reading.span("/hotReload/drain", drain, [0, HOUR]),
    ready: readyCheck,
    checks: checksOf(checks, (index) => `/hotReload/checks/${index}`, reading),
    confirm: confirm.by === "operator" ? { by: confirm.by, withinMs: within ?? 0 } : { by: confirm.by },
    preflight: {
      dependencies: dependenciesOf(preflight.dependencies ?? {}, reading),
      memoryBytes: reading.size("/hotReload/preflight/memory", preflight.memory),
    },
    hooks: {
      before: hookOf(hooks.before, "/hotReload/hooks/before", reading),
      after: hookOf(hooks.after, "/hotReload/hooks/after", reading),
    },
  };
}

/** A folder is as a file's; a URL, or a repository, is not. */
function releasePlace(name: string, pointer: string, placeOf: Layered["placeOf"]): string {
  const origin = placeOf(pointer);
  const isFolder = !/^[a-z][a-z0-9+.-]+:/i.test(name);
  return isFolder && origin.kind === "file" ? resolve(dirname(origin.file), name) : name;
}
