/** Checks, hooks, dependencies and the service of themis.yml, as those who run them want them. */

import { resolve } from "node:path";
import { pointerTo } from "../../format/config/json-pointer.ts";
import type { CheckYml, ThemisYml } from "../../format/config/themis-yml.ts";
import { type Check, type CommandRun, demandValid, type HttpRun } from "../health/check.ts";
import { parseRequirement } from "../health/dependency.ts";
import type { Dependency } from "../health/health-check.ts";
import type { Hook } from "../hooks.ts";
import { CommandService } from "../service/command-service.ts";
import type { Service } from "../service/service.ts";
import { SupervisedService } from "../service/supervised-service.ts";
import { SystemdService } from "../service/systemd-service.ts";
import type { Reading } from "./reading.ts";

export type ServiceChoice =
  | { readonly kind: "none" }
  /** By themis-fetch supervise. */
  | { readonly kind: "supervised" }
  | { readonly kind: "systemd"; readonly units: readonly string[] }
  | ({ readonly kind: "command" } & Readonly<Record<"start" | "stop" | "status", readonly string[]>>);

type HotReload = NonNullable<ThemisYml["hotReload"]>;

const HOUR = 3_600_000;
const CHECK_MS = 10_000;
const HOOK_MS = 60_000;

/** undefined for "none". @param root whose supervisor is asked. @throws FetchError SERVICE_INVALID */
export function serviceOf(choice: ServiceChoice, root = ""): Service | undefined {
  switch (choice.kind) {
    case "none":
      return undefined;
    case "supervised":
      return new SupervisedService({ root: resolve(root) });
    case "systemd":
      return new SystemdService({ units: choice.units });
    case "command":
      return new CommandService({ ...choice, name: "the service" });
  }
}

export function serviceChoiceOf(service: HotReload["service"], reading: Reading): ServiceChoice {
  const choice = choiceOf(service);
  reading.accepted("/hotReload/service", () => serviceOf(choice));
  return choice;
}

function choiceOf(service: HotReload["service"]): ServiceChoice {
  if (service === undefined || service === "none") return { kind: "none" };
  if (service === "supervised") return { kind: "supervised" };
  if ("systemd" in service) return { kind: "systemd", units: service.systemd.units };
  return { kind: "command", ...service.command };
}

/** @param pointerOf of the check with this number. */
export function checksOf(
  checks: readonly CheckYml[],
  pointerOf: (index: number) => string,
  reading: Reading,
): Check[] {
  const names = new Set<string>();
  return checks.map((each, index) => {
    const pointer = pointerOf(index);
    const check = checkOf(each, pointer, reading);
    reading.accepted(pointer, () => demandValid(check));
    if (names.has(check.name)) reading.wrong(`${pointer}/name`, "is the name of an earlier check too");
    names.add(check.name);
    return check;
  });
}

function checkOf(yml: CheckYml, pointer: string, reading: Reading): Check {
  const { name, kind = "smoke", attempts, interval, timeout } = yml;
  const timeoutMs = reading.span(`${pointer}/timeout`, timeout, [1, HOUR]) ?? CHECK_MS;
  const intervalMs = reading.span(`${pointer}/interval`, interval, [0, HOUR]);
  return { name, kind, attempts, timeoutMs, intervalMs, run: runOf(yml, timeoutMs, pointer, reading) };
}

function runOf(yml: CheckYml, timeoutMs: number, pointer: string, reading: Reading): CommandRun | HttpRun {
  const { command, http = "", expectOutput, expectBody, expectStatus } = yml;
  if (command) {
    if (expectStatus !== undefined && expectStatus > 255)
      reading.wrong(`${pointer}/expectStatus`, `is from 0 to 255 for a command, not ${expectStatus}`);
    return { command, expectStatus: expectStatus ?? 0, expectOutput };
  }
  if (expectStatus !== undefined && expectStatus < 100)
    reading.wrong(`${pointer}/expectStatus`, `is from 100 to 599 for HTTP, not ${expectStatus}`);
  return {
    http,
    expectStatus: expectStatus ?? 200,
    maxLatencyMs: reading.span(`${pointer}/maxLatency`, yml.maxLatency, [1, HOUR]) ?? timeoutMs,
    expectBody,
    caFile: reading.file(`${pointer}/ca`, yml.ca),
  };
}

export function hookOf(
  hook: { readonly command: readonly string[]; readonly timeout?: string } | undefined,
  pointer: string,
  reading: Reading,
): Hook | undefined {
  if (hook === undefined) return undefined;
  if (hook.command[0] === "") reading.wrong(`${pointer}/command`, "names no program");
  return {
    command: hook.command,
    timeoutMs: reading.span(`${pointer}/timeout`, hook.timeout, [1, HOUR]) ?? HOOK_MS,
  };
}

export function dependenciesOf(
  named: NonNullable<NonNullable<HotReload["preflight"]>["dependencies"]>,
  reading: Reading,
): Dependency[] {
  return Object.entries(named).map(([name, { command, range = "" }]) => {
    const pointer = pointerTo("/hotReload/preflight/dependencies", name);
    const requirement = `${name} ${range}`.trim();
    if (!parseRequirement(requirement))
      reading.wrong(`${pointer}/range`, 'takes a range of versions such as ">=1.4.0,<2.0.0"');
    if (command[0] === "") reading.wrong(`${pointer}/command`, "names no program");
    return { requirement, version: { command } };
  });
}
