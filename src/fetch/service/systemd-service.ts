/**
 * Units of systemd, through `systemctl`.
 *
 * A service that a socket unit starts is named with its socket, `["app.socket", "app.service"]`: else the next
 * connection starts it in the middle of the switch.
 */
import { setTimeout } from "node:timers/promises";
import { type CommandEnd, runCommand } from "../../base/command.ts";
import { plainEnvironment } from "../command-environment.ts";
import { FetchError } from "../fetch-error.ts";
import { endOf, withOutput } from "../health/command-verdict.ts";
import type { Service, Stopped } from "./service.ts";

export type SystemdServiceOptions = {
  readonly units: readonly string[];
  /** Default: as the PATH has it. */
  readonly systemctl?: string | undefined;
};

type UnitState = { readonly load: string; readonly active: string; readonly result: string };

/** systemd.unit(5); no pattern ("app*"), which systemctl would match against every unit there is. */
const UNIT = /^[A-Za-z0-9:_.@\\-]{1,240}\.(service|socket|target)$/;
const RUNNING = new Set(["active", "activating", "deactivating", "reloading", "refreshing"]);
/** A question is answered at once. */
const ASK_MS = 10_000;
/** systemd itself gives up after TimeoutStartSec, 90 s by default. */
const START_MS = 120_000;
/** After SIGKILL. */
const KILL_MS = 10_000;
const LOG = "journalctl -u has its log";
const POLL_MS = 50;
/** What systemctl says where systemd is not the init system, or is out of reach. */
const NO_SYSTEMD = /not been booted with systemd|Failed to connect to bus/;

export class SystemdService implements Service {
  readonly name: string;
  readonly #units: readonly string[];
  readonly #systemctl: string;

  /** @throws FetchError SERVICE_INVALID */
  constructor({ units, systemctl = "systemctl" }: SystemdServiceOptions) {
    const wrong = units.find((unit) => !UNIT.test(unit) || unit.startsWith("-"));
    if (units.length === 0 || wrong !== undefined) {
      throw new FetchError(
        "SERVICE_INVALID",
        wrong === undefined ? "no unit is named" : `${JSON.stringify(wrong)} is no name of a unit`,
        { hint: 'name units in full, such as "app.service"' },
      );
    }
    this.name = units.join(", ");
    this.#units = units;
    this.#systemctl = systemctl;
  }

  async isRunning(): Promise<boolean> {
    return (await this.#states()).some(({ active }) => RUNNING.has(active));
  }

  async stop(drainMs: number): Promise<Stopped> {
    const startedMs = performance.now();
    const end = await this.#call(["stop"], drainMs);
    const stopped = (drained: boolean): Stopped => ({
      drained,
      durationMs: Math.round(performance.now() - startedMs),
    });
    if (end.kind !== "timed-out") {
      demandSuccess(end, `${this.name} could not be stopped`, LOG);
      return stopped((await this.#states()).every(({ result }) => result !== "timeout"));
    }
    await this.#call(["kill", "--signal=SIGKILL"], ASK_MS);
    for (const untilMs = performance.now() + KILL_MS; await this.isRunning(); await setTimeout(POLL_MS)) {
      if (performance.now() > untilMs)
        throw new FetchError("SERVICE_FAILED", `${this.name} lives on after SIGKILL`, {
          hint: "systemctl status names its processes; see what they wait for, such as a disk",
        });
    }
    return stopped(false);
  }

  async start(): Promise<void> {
    const end = await this.#call(["start"], START_MS);
    demandSuccess(end, `${this.name} could not be started`, LOG);
  }

  async #states(): Promise<UnitState[]> {
    const end = await this.#call(["show", "--property=Id,LoadState,ActiveState,Result"], ASK_MS);
    demandSuccess(end, `systemd does not tell the state of ${this.name}`, "systemctl status says more");
    const states = end.output.trim().split(/\n\n+/).map(parseState);
    const missing = this.#units[states.findIndex(({ load }) => load === "not-found")];
    if (missing !== undefined)
      throw new FetchError("SERVICE_FAILED", `there is no unit ${missing}`, {
        hint: "see hotReload.service.systemd.units; systemctl daemon-reload reads a unit that is new",
      });
    return states;
  }

  /** @throws FetchError SERVICE_MANAGER_MISSING */
  async #call(verb: readonly string[], timeoutMs: number): Promise<CommandEnd> {
    const argv = [this.#systemctl, "--no-ask-password", ...verb, "--", ...this.#units];
    const end = await runCommand({ argv, environment: plainEnvironment(), timeoutMs });
    const isAbsent =
      end.kind === "not-started" ||
      (end.kind === "exited" && end.status !== 0 && NO_SYSTEMD.test(end.output));
    if (!isAbsent) return end;
    throw new FetchError(
      "SERVICE_MANAGER_MISSING",
      `systemd does not run here: ${withOutput(endOf(end), end.output)}`,
      {
        facts: { units: this.#units },
        hint: "name commands for stop, start and status instead, or let themis-fetch supervise the service",
      },
    );
  }
}

function parseState(block: string): UnitState {
  const value = (name: string): string => new RegExp(`^${name}=(.*)$`, "m").exec(block)?.[1] ?? "";
  return { load: value("LoadState"), active: value("ActiveState"), result: value("Result") };
}

function demandSuccess(end: CommandEnd, what: string, hint: string): void {
  if (end.kind === "exited" && end.status === 0) return;
  throw new FetchError("SERVICE_FAILED", `${what}: ${withOutput(endOf(end), end.output)}`, { hint });
}
