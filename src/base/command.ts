/**
 * Other people's programs: an argv and never a shell, only the environment that is given, and an end.
 *
 *   start -> exit                                          what it printed, its status
 *   start -> timeout or abort -> SIGTERM -> graceMs -> SIGKILL
 *
 * A program runs in a process group of its own, so that what it started ends with it. Who left that group on
 * purpose (setsid) lives on and may hold the pipe open; nobody waits for it. stdin is empty.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { systemCode } from "./error.ts";
import { isWithin } from "./within.ts";

export type CommandRequest = {
  /** A program, found by the PATH of `environment` or relative to `cwd`, and its arguments. */
  readonly argv: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly cwd?: string | undefined;
  readonly timeoutMs: number;
  /** From SIGTERM to SIGKILL. */
  readonly graceMs?: number | undefined;
  /** Of stdout and stderr together, the last bytes. */
  readonly maxOutputBytes?: number | undefined;
  /** What it leaves in the background lives on; then nothing it prints is kept, because a pipe would end with us. */
  readonly mayOutlive?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
};

type Exit =
  | { readonly kind: "exited"; readonly status: number }
  | { readonly kind: "killed"; readonly by: NodeJS.Signals }
  /** `errno` such as ENOENT, EACCES. */
  | { readonly kind: "not-started"; readonly errno: string };

type Outcome = Exit | { readonly kind: "timed-out" };

export type CommandEnd = Outcome & { readonly output: string; readonly durationMs: number };

const GRACE_MS = 2_000;
const MAX_OUTPUT_BYTES = 64 << 10;
/** What came before the exit is in the pipe already; more is waited for from whoever still holds it. */
const DRAIN_MS = 250;
/** A process that SIGKILL does not end hangs in the kernel. */
const KILL_MS = 1_000;

/** @throws the signal's reason, after the program was ended; never for what the program does */
export async function runCommand(request: CommandRequest): Promise<CommandEnd> {
  request.signal?.throwIfAborted();
  const startedMs = performance.now();
  const kept = new LastBytes(request.maxOutputBytes ?? MAX_OUTPUT_BYTES);
  const finish = (outcome: Outcome): CommandEnd => ({
    ...outcome,
    output: kept.text(),
    durationMs: Math.round(performance.now() - startedMs),
  });
  let child: ChildProcess;
  try {
    child = start(request);
  } catch (error) {
    return finish({ kind: "not-started", errno: systemCode(error) ?? "EINVAL" });
  }
  const closed = Promise.withResolvers<void>();
  child.once("close", () => closed.resolve());
  for (const stream of [child.stdout, child.stderr]) stream?.on("data", (bytes: Buffer) => kept.push(bytes));

  const exit = exitOf(child);
  const end = await firstOf(exit, request);
  if (end === "timed-out" || end === "aborted") await endGroup(child, exit, request.graceMs ?? GRACE_MS);
  else await isWithin(closed.promise, DRAIN_MS);
  if (!request.mayOutlive && child.pid !== undefined) {
    signalGroup(child.pid, "SIGKILL");
    await isWithin(closed.promise, DRAIN_MS);
  }
  for (const stream of [child.stdout, child.stderr]) stream?.destroy();
  child.unref();
  if (end === "aborted") throw request.signal?.reason;
  return end === "timed-out" ? finish({ kind: "timed-out" }) : finish(end);
}

/** No error when the group is gone, or has become another user's. Windows knows no groups. */
export function signalGroup(leader: number, signal: NodeJS.Signals): void {
  try {
    process.kill(process.platform === "win32" ? leader : -leader, signal);
  } catch {
    // ESRCH, EPERM.
  }
}

function start({ argv, environment, cwd, mayOutlive }: CommandRequest): ChildProcess {
  const [program = "", ...rest] = argv;
  const output = mayOutlive ? "ignore" : "pipe";
  return spawn(program, rest, {
    stdio: ["ignore", output, output],
    env: environment,
    detached: true,
    windowsHide: true,
    ...(cwd !== undefined && { cwd }),
  });
}

function exitOf(child: ChildProcess): Promise<Exit> {
  return new Promise((resolve) => {
    child.once("error", (error) =>
      resolve({ kind: "not-started", errno: systemCode(error) ?? error.message }),
    );
    child.once("exit", (status, by) =>
      resolve(by === null ? { kind: "exited", status: status ?? 0 } : { kind: "killed", by }),
    );
  });
}

async function firstOf(
  exit: Promise<Exit>,
  { timeoutMs, signal }: CommandRequest,
): Promise<Exit | "timed-out" | "aborted"> {
  const over = new AbortController();
  const aborted = new Promise<"aborted">((resolve) => {
    signal?.addEventListener("abort", () => resolve("aborted"), { once: true, signal: over.signal });
  });
  const first = Promise.race([exit, aborted]);
  const inTime = await isWithin(first, timeoutMs);
  over.abort();
  return inTime ? first : "timed-out";
}

async function endGroup(child: ChildProcess, exit: Promise<Exit>, graceMs: number): Promise<void> {
  if (child.pid === undefined) return;
  if (graceMs > 0) {
    signalGroup(child.pid, "SIGTERM");
    await isWithin(exit, graceMs);
  }
  signalGroup(child.pid, "SIGKILL");
  await isWithin(exit, KILL_MS);
}

class LastBytes {
  readonly #most: number;
  #chunks: Buffer[] = [];
  #length = 0;

  constructor(most: number) {
    this.#most = most;
  }

  push(bytes: Buffer): void {
    this.#chunks.push(bytes);
    this.#length += bytes.length;
    while (this.#length - this.#chunks[0]!.length >= this.#most) this.#length -= this.#chunks.shift()!.length;
  }

  text(): string {
    return Buffer.concat(this.#chunks, this.#length)
      .subarray(Math.max(0, this.#length - this.#most))
      .toString("utf8");
  }
}
