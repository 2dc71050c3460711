/**
 * Tells the service manager how a process is, as sd_notify(3) does: READY=1, STATUS=..., WATCHDOG=1.
 *
 * NOTIFY_SOCKET is a unix datagram socket, and Node has none, so systemd's own program `systemd-notify` sends for
 * us. It is a process of its own: a unit needs NotifyAccess=all. Where the program is absent nothing is told, and
 * that is said once. What waits to be sent goes in one message, so nothing piles up behind a slow manager.
 */
import { runCommand } from "./command.ts";
import { oneLine } from "./one-line.ts";

const SEND_MS = 10_000;
const MAX_STATUS_CHARACTERS = 300;
const PATH = "/usr/local/bin:/usr/bin:/bin";

export class ServiceNotifier {
  readonly #socket: string;
  readonly #path: string;
  readonly #onFailure: (why: string) => void;
  readonly #pending = new Map<string, string>();
  #sending: Promise<void> | undefined;
  #watchdog: NodeJS.Timeout | undefined;
  #isOver: boolean;
  #hasFailed = false;

  /** Without NOTIFY_SOCKET every call does nothing. @param onFailure told once, when nothing can be sent */
  constructor(onFailure: (why: string) => void, environment: NodeJS.ProcessEnv = process.env) {
    this.#socket = environment.NOTIFY_SOCKET ?? "";
    this.#path = environment.PATH || PATH;
    this.#onFailure = onFailure;
    this.#isOver = this.#socket === "";
    this.#watch(environment);
  }

  ready(status: string): void {
    this.#tell({ READY: "1", STATUS: status });
  }

  status(status: string): void {
    this.#tell({ STATUS: status });
  }

  /** Until the next `ready`. */
  reloading(): void {
    this.#tell({ RELOADING: "1" });
  }

  /** The last word; returns when it is sent. */
  async stopping(): Promise<void> {
    clearInterval(this.#watchdog);
    this.#tell({ STOPPING: "1" });
    this.#isOver = true;
    await this.#sending;
  }

  /** sd_watchdog_enabled(3): half of the time, and only if it is meant for this process. */
  #watch({ WATCHDOG_USEC = "", WATCHDOG_PID = "" }: NodeJS.ProcessEnv): void {
    const everyMs = Number(WATCHDOG_USEC) / 2000;
    if (this.#isOver || !(everyMs >= 1) || (WATCHDOG_PID !== "" && WATCHDOG_PID !== String(process.pid)))
      return;
    this.#watchdog = setInterval(() => this.#tell({ WATCHDOG: "1" }), Math.min(everyMs, 2 ** 31 - 1));
    this.#watchdog.unref();
  }

  #tell(facts: Readonly<Record<string, string>>): void {
    if (this.#isOver) return;
    for (const [name, value] of Object.entries(facts)) this.#pending.set(name, value);
    this.#sending ??= this.#send();
  }

  async #send(): Promise<void> {
    while (this.#pending.size > 0) {
      // RELOADING and the READY that ends it are two messages.
      const isBoth = this.#pending.has("RELOADING") && this.#pending.has("READY");
      const now = [...this.#pending].filter(([name]) => !isBoth || name === "RELOADING");
      for (const [name] of now) this.#pending.delete(name);
      const words = now.map(([name, value]) => `${name}=${oneLine(value, MAX_STATUS_CHARACTERS)}`);
      const end = await runCommand({
        argv: ["systemd-notify", ...words],
        environment: { PATH: this.#path, NOTIFY_SOCKET: this.#socket },
        timeoutMs: SEND_MS,
      });
      if (end.kind === "exited" && end.status === 0) continue;
      const isAbsent = end.kind === "not-started";
      const why = isAbsent ? `systemd-notify: ${end.errno}` : oneLine(end.output || end.kind, 200);
      if (!this.#hasFailed) this.#onFailure(why);
      this.#hasFailed = true;
      // A manager that is slow once is told the next time; it would else kill us for our silence.
      if (!isAbsent) continue;
      this.#pending.clear();
      clearInterval(this.#watchdog);
      this.#isOver = true;
    }
    this.#sending = undefined;
  }
}
