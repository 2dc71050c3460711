/**
 * A service as a child of ours, whose listening sockets are ours: while it is stopped, switched and started
 * again, connections wait in the sockets' backlog, and none is refused.
 *
 *   const supervisor = await Supervisor.open({ name: "app", command: ["bin/app"], folder: root, listen: [{ host, port }] });
 *   await supervisor.start();
 *
 * The child gets the sockets as systemd would give them (sd_listen_fds(3)): descriptors from 3 on, their number
 * in LISTEN_FDS, and in LISTEN_PID its own process id, which only itself can know before it runs: a shell of a
 * moment sets it and becomes the child. The child's arguments are the shell's positional parameters, which it
 * does not read. A child that ends by itself is started again, after a rest that grows while it keeps ending.
 */
import { type ChildProcess, spawn } from "node:child_process";
import type { AddressInfo } from "node:net";
import { signalGroup } from "../../base/command.ts";
import { systemCode } from "../../base/error.ts";
import { isWithin } from "../../base/within.ts";
import { plainEnvironment } from "../command-environment.ts";
import { FetchError } from "../fetch-error.ts";
import { type ListenAt, ListeningSocket } from "./listening-socket.ts";
import type { Service, Stopped } from "./service.ts";

export type SupervisorOptions = {
  readonly name: string;
  /** argv; a relative program is one of `folder`. */
  readonly command: readonly string[];
  readonly folder: string;
  /** Besides PATH, HOME and LANG. */
  readonly environment?: Readonly<Record<string, string>> | undefined;
  readonly listen: readonly ListenAt[];
  /** Of its stdout and stderr; default "inherit". */
  readonly output?: "inherit" | "ignore" | undefined;
  /** Told of each child that was started. */
  readonly onStart?: ((pid: number) => void) | undefined;
  /** Told when it ends without having been stopped. */
  readonly onEnd?: ((event: { readonly how: string; readonly againInMs: number }) => void) | undefined;
};

const BECOME = 'export LISTEN_PID=$$; exec "$@"';
/** After SIGKILL. */
const KILL_MS = 5_000;
const FIRST_REST_MS = 500;
const LONGEST_REST_MS = 30_000;
/** Who ran for so long has begun well, and its next rest is short again. */
const STEADY_MS = 10_000;

type Child = { readonly process: ChildProcess; readonly ended: Promise<void> };

export class Supervisor implements Service {
  readonly name: string;
  readonly addresses: readonly AddressInfo[];
  readonly #options: SupervisorOptions;
  readonly #sockets: readonly ListeningSocket[];
  #child: Child | undefined;
  #wanted = false;
  #restMs = FIRST_REST_MS;
  #rest: NodeJS.Timeout | undefined;

  private constructor(options: SupervisorOptions, sockets: readonly ListeningSocket[]) {
    this.name = options.name;
    this.#options = options;
    this.#sockets = sockets;
    this.addresses = sockets.map(({ address }) => address);
  }

  /** Listens; starts nothing yet. @throws FetchError SERVICE_INVALID, SERVICE_FAILED */
  static async open(options: SupervisorOptions): Promise<Supervisor> {
    if (!options.command[0]) throw new FetchError("SERVICE_INVALID", `${options.name} names no program`);
    const sockets: ListeningSocket[] = [];
    try {
      for (const at of options.listen) sockets.push(await ListeningSocket.open(at));
    } catch (error) {
      for (const socket of sockets) socket.close();
      throw error;
    }
    return new Supervisor(options, sockets);
  }

  /** One that ended and is about to be started again counts too. */
  async isRunning(): Promise<boolean> {
    return this.#wanted || this.#child !== undefined;
  }

  async start(): Promise<void> {
    this.#wanted = true;
    this.#restMs = FIRST_REST_MS;
    clearTimeout(this.#rest);
    if (this.#child) return;
    try {
      await this.#spawn();
    } catch (cause) {
      this.#wanted = false;
      throw new FetchError("SERVICE_FAILED", `${this.name} could not be started (${systemCode(cause)})`, {
        cause,
        hint: "see to its program, and to the limits of processes and memory",
      });
    }
  }

  async stop(drainMs: number): Promise<Stopped> {
    const startedMs = performance.now();
    this.#wanted = false;
    clearTimeout(this.#rest);
    const child = this.#child;
    let drained = true;
    if (child) {
      child.process.kill("SIGTERM");
      drained = await isWithin(child.ended, drainMs);
      if (!drained) {
        signalGroup(child.process.pid!, "SIGKILL");
        if (!(await isWithin(child.ended, KILL_MS)))
          throw new FetchError("SERVICE_FAILED", `${this.name} lives on after SIGKILL`, {
            hint: "see what it waits for, such as a disk",
          });
      }
    }
    return { drained, durationMs: Math.round(performance.now() - startedMs) };
  }

  /** To the child alone, such as SIGHUP. */
  signal(signal: NodeJS.Signals): void {
    this.#child?.process.kill(signal);
  }

  /** Stops the child, and the sockets listen no more. */
  async close(drainMs: number): Promise<Stopped> {
    try {
      return await this.stop(drainMs);
    } finally {
      for (const socket of this.#sockets) socket.close();
    }
  }

  async #spawn(): Promise<void> {
    const { command, folder, environment, output = "inherit" } = this.#options;
    for (const socket of this.#sockets) socket.makeBlocking();
    const descriptors = this.#sockets.map(({ descriptor }) => descriptor);
    const spawned = spawn("/bin/sh", ["-c", BECOME, "sh", ...command], {
      cwd: folder,
      env: { ...plainEnvironment(), ...environment, LISTEN_FDS: String(descriptors.length) },
      stdio: ["ignore", output, output, ...descriptors],
      detached: true,
    });
    const started = Promise.withResolvers<void>();
    const ended = Promise.withResolvers<void>();
    const startedMs = performance.now();
    this.#child = { process: spawned, ended: ended.promise };
    spawned.once("spawn", started.resolve);
    if (spawned.pid !== undefined) this.#options.onStart?.(spawned.pid);
    spawned.on("error", (error) => {
      // Of a signal that could not be sent, to one that runs.
      if (spawned.pid !== undefined) return;
      this.#child = undefined;
      ended.resolve();
      started.reject(error);
    });
    spawned.once("exit", (status, signal) => {
      // What it left in its group would go on with the files of the release before.
      signalGroup(spawned.pid!, "SIGKILL");
      this.#child = undefined;
      ended.resolve();
      if (this.#wanted) this.#startLater(signal ?? `status ${status}`, startedMs);
    });
    return started.promise;
  }

  #startLater(how: string, startedMs: number): void {
    if (performance.now() - startedMs > STEADY_MS) this.#restMs = FIRST_REST_MS;
    const againInMs = this.#restMs;
    this.#restMs = Math.min(LONGEST_REST_MS, againInMs * 2);
    this.#options.onEnd?.({ how, againInMs });
    this.#rest = setTimeout(() => {
      this.#spawn().catch((error: unknown) => {
        if (this.#wanted) this.#startLater(systemCode(error) ?? String(error), performance.now());
      });
    }, againInMs);
  }
}
