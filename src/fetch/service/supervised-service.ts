/**
 * A service that `themis-fetch supervise` keeps, seen from the process that updates it.
 *
 * Without a supervisor nothing runs, unless it was killed and its child was not: then nobody says that the tree may
 * be switched. A supervisor that dies in the middle is waited for, because its manager starts it again.
 */
import { once } from "node:events";
import { connect } from "node:net";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { systemCode } from "../../base/error.ts";
import { RESERVED_FOLDER } from "../../base/relative-path.ts";
import { FetchError } from "../fetch-error.ts";
import { isGone, orphanOf } from "./child-record.ts";
import {
  type ControlAnswer,
  type ControlRequest,
  decodeAnswer,
  encodeRequest,
  MAX_ANSWER_BYTES,
} from "./control-line.ts";
import { CONTROL_SOCKET, socketName } from "./control-socket.ts";
import type { Service, Stopped } from "./service.ts";

export type SupervisedServiceOptions = {
  readonly root: string;
  /** How long a supervisor that is not there is waited for before it is asked to start; default 30,000. */
  readonly patienceMs?: number | undefined;
};

const ASK_MS = 10_000;
/** What a supervisor takes beyond the deadline to kill. */
const KILL_MS = 10_000;
const PATIENCE_MS = 30_000;
const POLL_MS = 100;

export class SupervisedService implements Service {
  readonly name: string;
  readonly #themis: string;
  readonly #patienceMs: number;

  constructor({ root, patienceMs = PATIENCE_MS }: SupervisedServiceOptions) {
    this.name = `the supervised service of ${root}`;
    this.#themis = join(root, RESERVED_FOLDER);
    this.#patienceMs = patienceMs;
  }

  async isRunning(): Promise<boolean> {
    const answer = await this.#ask({ kind: "status" }, ASK_MS);
    if (answer !== "nobody") return answer.kind === "running";
    const pid = orphanOf(this.#themis);
    if (pid === undefined) return false;
    throw new FetchError(
      "SERVICE_FAILED",
      `the supervisor has died, and its service runs on (process ${pid})`,
      {
        facts: { pid },
        hint: "start themis-fetch supervise again: it takes over what was left",
      },
    );
  }

  async stop(drainMs: number): Promise<Stopped> {
    const startedMs = performance.now();
    const answer = await this.#ask({ kind: "stop", drainMs }, drainMs + KILL_MS);
    if (answer === "nobody") {
      // It died on the way; what it was stopping may still end.
      if (!(await isGone(this.#themis, drainMs))) await this.isRunning();
      return { drained: false, durationMs: Math.round(performance.now() - startedMs) };
    }
    if (answer.kind !== "ended") throw this.#unexpected(answer);
    return answer.stopped;
  }

  async start(): Promise<void> {
    const untilMs = performance.now() + this.#patienceMs;
    for (;;) {
      const answer = await this.#ask({ kind: "start" }, ASK_MS);
      if (answer !== "nobody") {
        if (answer.kind === "started") return;
        throw this.#unexpected(answer);
      }
      if (performance.now() > untilMs) {
        throw new FetchError("SERVICE_FAILED", `there is no supervisor to start ${this.name}`, {
          hint: "start themis-fetch supervise; it starts the service",
        });
      }
      await setTimeout(POLL_MS);
    }
  }

  /** "nobody": there is no supervisor, or it ended before it answered. @throws FetchError SERVICE_FAILED */
  async #ask(request: ControlRequest, timeoutMs: number): Promise<ControlAnswer | "nobody"> {
    const path = join(this.#themis, CONTROL_SOCKET);
    let line: string;
    try {
      line = await exchange(path, encodeRequest(request), timeoutMs);
    } catch (cause) {
      if (NOBODY.has(systemCode(cause) ?? "")) return "nobody";
      if (cause instanceof FetchError) throw cause;
      const why = systemCode(cause) ?? (cause instanceof Error ? cause.message : String(cause));
      throw new FetchError("SERVICE_FAILED", `the supervisor at ${path} does not answer: ${why}`, {
        cause,
        hint: "start themis-fetch supervise again; it takes over what was left",
      });
    }
    if (line === "") return "nobody";
    const answer = line.endsWith("\n") ? decodeAnswer(line.slice(0, -1)) : undefined;
    if (answer) return answer;
    throw new FetchError("SERVICE_FAILED", `what answers at ${path} is no supervisor of ours`, {
      hint: "is themis-fetch supervise of the same version there? start it again",
    });
  }

  #unexpected(answer: ControlAnswer): FetchError {
    const why = answer.kind === "failed" ? answer.why : `it answers "${answer.kind}"`;
    return new FetchError("SERVICE_FAILED", `${this.name}: ${why}`, {
      hint: "look into the log of themis-fetch supervise",
    });
  }
}

const NOBODY = new Set(["ENOENT", "ECONNREFUSED", "ECONNRESET", "EPIPE", "ENOTDIR"]);

/** "" when the other side closes without a word. @throws system errors; a timeout is ETIMEDOUT */
async function exchange(path: string, request: string, timeoutMs: number): Promise<string> {
  let named: ReturnType<typeof socketName>;
  try {
    named = socketName(path);
  } catch (error) {
    if (error instanceof FetchError || systemCode(error) !== "ENOENT") throw error;
    return "";
  }
  const socket = connect({ path: named.name, allowHalfOpen: true });
  const late = new AbortController();
  const timer = globalThis.setTimeout(() => late.abort(), timeoutMs);
  try {
    // What comes after the answer, or after we have gone, is nobody's failure.
    socket.on("error", () => {});
    let received = "";
    socket.setEncoding("utf8").on("data", (text: string) => {
      received += text;
      if (received.length > MAX_ANSWER_BYTES) socket.destroy();
    });
    await once(socket, "connect", { signal: late.signal });
    socket.end(request);
    await once(socket, "close", { signal: late.signal });
    return received;
  } catch (error) {
    if (late.signal.aborted) throw new Error(`no answer within ${timeoutMs} ms`);
    throw error;
  } finally {
    clearTimeout(timer);
    socket.destroy();
    named.close();
  }
}
