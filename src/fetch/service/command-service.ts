/**
 * A service that three commands stop, start and ask for, such as an init script's.
 *
 * `status` ends as the Linux Standard Base says: 0 it runs, 1 to 3 it does not, anything else nobody knows.
 * What `start` leaves in the background is the service; what it prints is not kept.
 */
import { setTimeout } from "node:timers/promises";
import { type CommandEnd, runCommand } from "../../base/command.ts";
import { oneLine } from "../../base/one-line.ts";
import { plainEnvironment } from "../command-environment.ts";
import { FetchError } from "../fetch-error.ts";
import { endOf, withOutput } from "../health/command-verdict.ts";
import type { Service, Stopped } from "./service.ts";

export type CommandServiceOptions = {
  readonly name: string;
  /** argv each, never read by a shell. */
  readonly start: readonly string[];
  readonly stop: readonly string[];
  readonly status: readonly string[];
  readonly folder?: string | undefined;
};

type Verb = "start" | "stop" | "status";

const MAX_WORDS = 100;
const ASK_MS = 10_000;
const START_MS = 120_000;
const POLL_MS = 50;

export class CommandService implements Service {
  readonly name: string;
  readonly #options: CommandServiceOptions;

  /** @throws FetchError SERVICE_INVALID */
  constructor(options: CommandServiceOptions) {
    for (const verb of ["start", "stop", "status"] as const)
      if (!options[verb][0])
        throw new FetchError("SERVICE_INVALID", `the service ${options.name} has no command to ${verb}`);
    this.name = options.name;
    this.#options = options;
  }

  async isRunning(): Promise<boolean> {
    const end = await this.#run("status", ASK_MS);
    if (end.kind === "exited" && end.status === 0) return true;
    if (end.kind === "exited" && end.status <= 3) return false;
    throw this.#failure("status", `nobody knows whether ${this.name} runs`, end);
  }

  /** There is nothing to kill it by: what runs on after the deadline is a failure. */
  async stop(drainMs: number): Promise<Stopped> {
    const startedMs = performance.now();
    const end = await this.#run("stop", drainMs);
    if (end.kind !== "exited" || end.status !== 0)
      throw this.#failure("stop", `${this.name} could not be stopped`, end);
    while (await this.isRunning()) {
      if (performance.now() - startedMs > drainMs)
        throw new FetchError(
          "SERVICE_FAILED",
          `${this.name} runs on ${drainMs} ms after it was stopped by ${this.#words("stop")}`,
          { hint: "look whether it ends by itself; hotReload.drain gives it longer" },
        );
      await setTimeout(POLL_MS);
    }
    return { drained: true, durationMs: Math.round(performance.now() - startedMs) };
  }

  async start(): Promise<void> {
    const end = await this.#run("start", START_MS);
    if (end.kind !== "exited" || end.status !== 0)
      throw this.#failure("start", `${this.name} could not be started`, end);
  }

  #words(verb: Verb): string {
    return JSON.stringify(oneLine(this.#options[verb].join(" "), MAX_WORDS));
  }

  #failure(verb: Verb, what: string, end: CommandEnd): FetchError {
    const words = this.#words(verb);
    return new FetchError("SERVICE_FAILED", `${what}: ${words}: ${withOutput(endOf(end), end.output)}`, {
      hint: `run ${words} by hand, and see hotReload.service.command.${verb}`,
    });
  }

  #run(verb: Verb, timeoutMs: number): Promise<CommandEnd> {
    return runCommand({
      argv: this.#options[verb],
      environment: plainEnvironment(),
      cwd: this.#options.folder,
      timeoutMs,
      mayOutlive: verb === "start",
    });
  }
}
