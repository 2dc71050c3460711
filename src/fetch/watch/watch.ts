/**
 * Looks for releases for as long as it is let:
 *
 *   read the configuration -> look -> rest -> look -> …        until the signal
 *                └──────────── rung (SIGHUP) ◄────┘
 *
 * Whatever fails is said when it is new, and tried again. Another update of the same root holds the lock; then the
 * next look is the one that counts. `.themis/` is the memory, so that a restart neither forgets nor repeats.
 */
import { hostname } from "node:os";
import type { Alarm } from "../../base/alarm.ts";
import { ThemisError } from "../../base/error.ts";
import { writeDuration } from "../../base/units.ts";
import { findPlace } from "../place.ts";
import { readStatus } from "../rollback.ts";
import type { ChannelNews, Offer, UpdateResult } from "../update-report.ts";
import type { Notify, UpdateRequest, UpdateTools } from "../update-request.ts";
import { type Look, look } from "./look.ts";
import { restOf, type Situation, type WatchTimes } from "./schedule.ts";
import { NOTHING_SAID, readMemory, type WatchMemory, writeMemory } from "./watch-memory.ts";

export type WatchSettings = WatchTimes & {
  readonly root: string;
  /** Made anew for each look: tokens and revocation lists are replaced while we run. */
  readonly request: () => Promise<UpdateRequest>;
  readonly notify: Notify | undefined;
  readonly signal: AbortSignal | undefined;
  /** Without it what is offered is only said. */
  readonly autoUpdate: boolean;
};

export type WatchEvent =
  /** Also after the configuration was read again. */
  | { readonly kind: "watching"; readonly intervalMs: number; readonly autoUpdate: boolean }
  | { readonly kind: "offered"; readonly offer: Offer; readonly autoUpdate: boolean }
  | { readonly kind: "updated"; readonly result: UpdateResult }
  | { readonly kind: "held-back"; readonly version: string; readonly at: string; readonly why: string }
  | { readonly kind: "overdue"; readonly version: string; readonly since: string }
  /** The document of the channel keeps the device where it is, or what it runs was recalled. */
  | { readonly kind: "channel"; readonly news: ChannelNews }
  | { readonly kind: "changed-here"; readonly version: string; readonly files: number }
  | { readonly kind: "settled"; readonly outcome: "finished" | "undone" }
  | { readonly kind: "failed"; readonly error: unknown }
  /** The configuration was to be read again; the one before holds. */
  | { readonly kind: "not-reloaded"; readonly error: unknown }
  /** A look succeeded after one that failed. */
  | { readonly kind: "recovered" }
  | { readonly kind: "resting"; readonly forMs: number; readonly last: Look["kind"] | "failed" };

export type WatchTools = UpdateTools & {
  readonly tell: (event: WatchEvent) => void;
  /** From 0 to 1. */
  readonly chance?: () => number;
};

/**
 * Returns when the request's signal says so; what was begun is ended or put back by then.
 *
 * @param load read at the start, and again whenever the alarm is rung
 * @throws what `load` throws at the start, FetchError ROOT_MISSING then; nothing later
 */
export async function watch(
  load: () => Promise<WatchSettings>,
  alarm: Alarm,
  tools: WatchTools,
): Promise<void> {
  let watcher = await Watcher.open(await load(), tools);
  for (let isRung = false; ; ) {
    try {
      watcher.announce();
      const forMs = await watcher.lookAndRest(isRung);
      isRung = (await alarm.wait(forMs, watcher.signal)) === "rung";
    } catch (error) {
      if (watcher.signal?.aborted) return;
      throw error;
    }
    if (isRung) watcher = await reloaded(watcher, load, tools);
  }
}

/** One look, for who is started by a timer. @throws what `look` throws */
export async function watchOnce(settings: WatchSettings, tools: WatchTools): Promise<Look> {
  const watcher = await Watcher.open(settings, tools);
  return watcher.look(false);
}

async function reloaded(before: Watcher, load: () => Promise<WatchSettings>, tools: WatchTools) {
  try {
    return await Watcher.open(await load(), tools, before);
  } catch (error) {
    tools.tell({ kind: "not-reloaded", error });
    return before;
  }
}

class Watcher {
  readonly signal: AbortSignal | undefined;
  readonly #settings: WatchSettings;
  readonly #tools: WatchTools;
  #memory: WatchMemory;
  /** By the monotonic clock, of the release that waits. */
  #seenMs = 0;
  #failures = 0;
  #isAnnounced = false;
  /** Words of what was said last, so that it is said once. */
  #said = "";

  private constructor(settings: WatchSettings, tools: WatchTools, memory: WatchMemory) {
    this.#settings = settings;
    this.#tools = tools;
    this.#memory = memory;
    this.signal = settings.signal;
    // A clock that was set back, or far ahead, is no reason to have waited less than nothing.
    const waitedMs = Math.max(0, tools.now().getTime() - Date.parse(memory.since || "9999-01-01T00:00:00Z"));
    this.#seenMs = performance.now() - waitedMs;
  }

  /** @throws FetchError ROOT_MISSING */
  static async open(settings: WatchSettings, tools: WatchTools, before?: Watcher): Promise<Watcher> {
    const place = await findPlace(settings.root);
    const opened = new Watcher(settings, tools, await readMemory(place));
    if (before && before.#settings.root === settings.root) {
      opened.#failures = before.#failures;
      opened.#said = before.#said;
      // Time that passed here is worth more than what the system's clock says of it.
      if (opened.#memory.offered === before.#memory.offered) opened.#seenMs = before.#seenMs;
    }
    return opened;
  }

  announce(): void {
    if (this.#isAnnounced) return;
    this.#isAnnounced = true;
    const { intervalMs, autoUpdate } = this.#settings;
    this.#tools.tell({ kind: "watching", intervalMs, autoUpdate });
  }

  /** @returns how long to rest. @throws the signal's reason only */
  async lookAndRest(tryAgain: boolean): Promise<number> {
    const { tell, chance = Math.random } = this.#tools;
    let last: Look["kind"] | "failed";
    let isOnTheWay = false;
    try {
      const found = await this.look(tryAgain);
      last = found.kind;
      isOnTheWay = found.kind === "updated" && isStep(found.result);
      if (this.#failures > 0) tell({ kind: "recovered" });
      this.#failures = 0;
    } catch (error) {
      this.signal?.throwIfAborted();
      last = "failed";
      this.#failures++;
      this.#sayOnce(`failed ${inWords(error)}`, { kind: "failed", error });
      await this.#sayOverdue();
    }
    const rest = restOf(this.#settings, await this.#situation(last), chance());
    const forMs = isOnTheWay ? Math.min(rest, STEP_REST_MS) : rest;
    tell({ kind: "resting", forMs, last });
    return forMs;
  }

  /** @throws what `look` throws */
  async look(tryAgain: boolean): Promise<Look> {
    const { tell } = this.#tools;
    const { autoUpdate } = this.#settings;
    const request = { ...(await this.#settings.request()), notify: this.#notifyOnce() };
    const found = await look(
      { request, autoUpdate, tryAgain },
      {
        ...this.#tools,
        settled: (outcome) => tell({ kind: "settled", outcome }),
        found: (offer) => this.#sayOffered(offer),
      },
    );
    switch (found.kind) {
      case "up-to-date":
        await this.#remember({ offered: "", since: "", overdue: false });
        if (found.changedHere > 0) {
          const { to: version } = found.offer;
          const event = { kind: "changed-here", version, files: found.changedHere } as const;
          this.#sayOnce(`changed-here ${found.changedHere}`, event);
        } else if (found.offer.channel?.kind === "stay") {
          const { channel: news } = found.offer;
          this.#sayOnce(`channel ${news.version}`, { kind: "channel", news });
        } else this.#said = "";
        break;
      case "offered":
        this.#said = "";
        await this.#sayOverdue();
        break;
      case "held-back": {
        const { action, at, result } = found.by;
        const why = action === "rollback" ? "an operator went back from it" : result;
        const event = { kind: "held-back", version: found.offer.to, at, why } as const;
        this.#sayOnce(`held-back ${found.offer.to} ${at}`, event);
        await this.#sayOverdue();
        break;
      }
      case "updated":
        this.#said = "";
        await this.#remember({ offered: "", since: "", overdue: false });
        tell({ kind: "updated", result: found.result });
        break;
    }
    return found;
  }

  async #situation(last: Look["kind"] | "failed"): Promise<Situation> {
    const mayInstall = this.#settings.autoUpdate && this.#memory.offered !== "" && last !== "held-back";
    const status = await readStatus(this.#settings.root).catch(() => undefined);
    const untilMs = Date.parse(status?.confirmUntil ?? "");
    return {
      failures: this.#failures,
      waitedMs: mayInstall ? performance.now() - this.#seenMs : undefined,
      confirmInMs: Number.isNaN(untilMs) ? undefined : untilMs - this.#tools.now().getTime(),
    };
  }

  /** Once for each release, here and to who is notified. */
  async #sayOffered(offer: Offer): Promise<void> {
    const { from, to, product } = offer;
    if (this.#memory.offered === to) return;
    const { autoUpdate, notify } = this.#settings;
    this.#seenMs = performance.now();
    const since = this.#tools.now();
    await this.#remember({ offered: to, since: since.toISOString(), overdue: false });
    this.#tools.tell({ kind: "offered", offer, autoUpdate });
    if (autoUpdate) return;
    const event = { kind: "offered", product, from, to, host: hostname(), at: since, message: "" } as const;
    for (const note of (await notify?.(event)) ?? []) this.#tools.notice?.(note);
  }

  async #sayOverdue(): Promise<void> {
    const { deadlineMs, root, notify } = this.#settings;
    const { offered, since, overdue } = this.#memory;
    if (offered === "" || overdue || deadlineMs === undefined) return;
    if (performance.now() - this.#seenMs < deadlineMs) return;
    await this.#remember({ overdue: true });
    this.#tools.tell({ kind: "overdue", version: offered, since });
    const { product, version } = await readStatus(root).catch(() => ({ product: "", version: "" }));
    const message = `it was offered at ${since} and is not installed after ${writeDuration(deadlineMs)}`;
    const what = { kind: "failed", product, from: version, to: offered, message } as const;
    const notes = await notify?.({ ...what, host: hostname(), at: this.#tools.now() });
    for (const note of notes ?? []) this.#tools.notice?.(note);
  }

  /** An update that fails the same way each time is one message, not one every hour. */
  #notifyOnce(): Notify | undefined {
    const { notify } = this.#settings;
    return (
      notify &&
      (async (event) => {
        const failure = event.kind === "updated" ? "" : `${event.kind} ${event.to} ${bare(event.message)}`;
        if (failure !== "" && failure === this.#memory.failure) return [];
        await this.#remember({ failure });
        return notify(event);
      })
    );
  }

  #sayOnce(words: string, event: WatchEvent): void {
    if (this.#said === words) return;
    this.#said = words;
    this.#tools.tell(event);
  }

  async #remember(change: Partial<WatchMemory>): Promise<void> {
    const before = this.#memory;
    const after = { ...NOTHING_SAID, ...before, ...change };
    this.#memory = after;
    if (JSON.stringify(before) === JSON.stringify(after)) return;
    try {
      await writeMemory(await findPlace(this.#settings.root), after);
    } catch (error) {
      this.#tools.notice?.(`what was said cannot be kept, and may be said again: ${inWords(error)}`);
    }
  }
}

/** A channel leads on from what was installed just now. */
function isStep({ channel, to, confirmUntil }: UpdateResult): boolean {
  return channel?.kind === "install" && channel.goal !== to && confirmUntil === "";
}

/** Between a step and the next. */
const STEP_REST_MS = 1_000;

function inWords(error: unknown): string {
  if (error instanceof ThemisError) return `${error.code} ${bare(error.message)}`;
  return bare(error instanceof Error ? error.message : String(error));
}

/** Without numbers, which change from one time to the next: ports, times, counts. */
function bare(message: string): string {
  return message.replace(/\d+/g, "#").slice(0, MAX_WORDS);
}

const MAX_WORDS = 1000;
