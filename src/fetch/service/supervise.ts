/**
 * A service of a root that is kept running, and that an update in another process stops and starts:
 *
 *   lock -> what an earlier supervisor left is ended -> listen -> control socket -> start -> … -> drain, end
 *
 * While a switch is open nothing is started by ourselves: half of the tree is of one release and half of another.
 * Whoever ends the switch starts it, or it is started once the switch is over. Connections wait meanwhile.
 */
import { lstat } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { setTimeout } from "node:timers/promises";
import { FetchError } from "../fetch-error.ts";
import { takeLock } from "../lock.ts";
import { findPlace, makeRecordsFolder } from "../place.ts";
import { DeviceState } from "../state.ts";
import { endOrphan, forgetChild, recordChild } from "./child-record.ts";
import type { ControlAnswer, ControlRequest } from "./control-line.ts";
import { ControlSocket } from "./control-socket.ts";
import type { ListenAt } from "./listening-socket.ts";
import { Supervisor } from "./supervisor.ts";

export type SuperviseRequest = {
  readonly root: string;
  /** argv; a relative program is one of the root. */
  readonly command: readonly string[];
  readonly listen: readonly ListenAt[];
  /** What the child sees besides PATH, HOME and LANG. */
  readonly environment?: Readonly<Record<string, string>> | undefined;
  /** How long it may take to end when the supervisor is asked to. */
  readonly drainMs: number;
  readonly signal: AbortSignal;
};

export type SuperviseEvent =
  /** `forward` hands a signal to the service, when it runs. */
  | {
      readonly kind: "listening";
      readonly addresses: readonly AddressInfo[];
      readonly forward: (signal: NodeJS.Signals) => void;
    }
  | { readonly kind: "took-over" }
  /** A switch is open: it starts when that is over. */
  | { readonly kind: "waiting" }
  | { readonly kind: "started" }
  | { readonly kind: "stopped"; readonly drained: boolean }
  | { readonly kind: "ended"; readonly how: string; readonly againInMs: number };

const LOCK = "supervisor.db";
const POLL_MS = 250;

/**
 * Returns when the signal says so, and nothing runs by then.
 *
 * @throws FetchError ROOT_MISSING, ROOT_UNSAFE, ALREADY_IN_PROGRESS for a second one, SERVICE_INVALID, SERVICE_FAILED
 */
export async function supervise(
  request: SuperviseRequest,
  tell: (event: SuperviseEvent) => void,
): Promise<void> {
  const { root, command, listen, environment, drainMs, signal } = request;
  const place = await findPlace(root);
  await makeRecordsFolder(place);
  if (!(await lstat(place.themis)).isDirectory())
    throw new FetchError(
      "ROOT_UNSAFE",
      `${place.themis} is no folder, and records are never kept behind a link`,
    );
  const lock = takeLock(place.themis, "supervisor of this root", LOCK);
  try {
    if (await endOrphan(place.themis, drainMs)) tell({ kind: "took-over" });
    const supervisor = await Supervisor.open({
      ...{ name: command[0] ?? "", command, folder: place.root, listen, environment },
      onStart: (pid) => recordChild(place.themis, pid),
      onEnd: (event) => tell({ kind: "ended", ...event }),
    });
    try {
      await keep(supervisor, place.themis, signal, tell);
    } finally {
      await supervisor.close(drainMs);
      forgetChild(place.themis);
    }
  } finally {
    lock.release();
  }
}

async function keep(
  supervisor: Supervisor,
  themis: string,
  signal: AbortSignal,
  tell: (event: SuperviseEvent) => void,
): Promise<void> {
  const over = new Promise<void>((resolve) => {
    signal.addEventListener("abort", () => resolve(), { once: true });
    if (signal.aborted) resolve();
  });
  const answers = new Answers(supervisor, tell);
  const control = await ControlSocket.open(themis, (request) => answers.give(request));
  try {
    const { addresses } = supervisor;
    tell({ kind: "listening", addresses, forward: (each) => supervisor.signal(each) });
    // Before anybody can be heard: who asks now opened the journal before, or will find it running.
    let isOpen = isSwitching(themis);
    if (isOpen) tell({ kind: "waiting" });
    while (isOpen && !answers.isTold && !signal.aborted) {
      await setTimeout(POLL_MS);
      isOpen = isSwitching(themis);
    }
    if (!answers.isTold && !signal.aborted) await answers.startFirst();
    await over;
  } finally {
    await control.close();
    await answers.idle();
  }
}

/** One after the other, in the order in which they came. */
class Answers {
  isTold = false;
  readonly #supervisor: Supervisor;
  readonly #tell: (event: SuperviseEvent) => void;
  #last: Promise<unknown> = Promise.resolve();

  constructor(supervisor: Supervisor, tell: (event: SuperviseEvent) => void) {
    this.#supervisor = supervisor;
    this.#tell = tell;
  }

  give(request: ControlRequest): Promise<ControlAnswer> {
    // A question waits for no drain.
    if (request.kind === "status") return this.#answer(request);
    this.isTold = true;
    const answered = this.#last.then(() => this.#answer(request));
    this.#last = answered.catch(() => {});
    return answered;
  }

  async startFirst(): Promise<void> {
    const first = this.give({ kind: "start" });
    const answer = await first;
    if (answer.kind === "failed")
      throw new FetchError("SERVICE_FAILED", answer.why, {
        hint: "see to the command behind --, and to what the service says",
      });
  }

  async idle(): Promise<void> {
    await this.#last;
  }

  async #answer(request: ControlRequest): Promise<ControlAnswer> {
    try {
      switch (request.kind) {
        case "status":
          return { kind: (await this.#supervisor.isRunning()) ? "running" : "stopped" };
        case "start":
          await this.#supervisor.start();
          this.#tell({ kind: "started" });
          return { kind: "started" };
        case "stop": {
          const stopped = await this.#supervisor.stop(request.drainMs);
          this.#tell({ kind: "stopped", drained: stopped.drained });
          return { kind: "ended", stopped };
        }
      }
    } catch (error) {
      return { kind: "failed", why: error instanceof Error ? error.message : String(error) };
    }
  }
}

/** Records that cannot be read tell of no switch: the service is worth more than a guess. */
function isSwitching(themis: string): boolean {
  try {
    const state = DeviceState.read(themis);
    try {
      const now = state?.deployment().state;
      return state?.journal() !== undefined && (now === "switching" || now === "rolling-back");
    } finally {
      state?.close();
    }
  } catch {
    return false;
  }
}
