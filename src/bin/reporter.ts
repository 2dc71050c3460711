/**
 * The two streams of a command: its result on stdout, everything else on stderr.
 *
 *   themis-fetch: the signature does not verify
 *   hint: ...
 *
 * With --json stdout holds exactly one JSON document, for failures too. A progress bar appears only on
 * a terminal; without one there is a line every ten seconds at the most.
 */
import { systemCode, ThemisError } from "../base/error.ts";
import { exitStatus, isAbort } from "./exit-status.ts";
import { hintFor } from "./hints.ts";
import { seconds, size } from "./units.ts";

export type ReporterOptions = { readonly json: boolean; readonly quiet: boolean; readonly debug: boolean };

export type Progress = {
  readonly label: string;
  readonly done: number;
  readonly total: number;
  readonly doneBytes: number;
  readonly totalBytes: number;
  readonly savedBytes?: number;
};

const LINE_EVERY_MS = 10_000;
const BAR_EVERY_MS = 80;
const BAR_COLUMNS = 24;

export class Reporter {
  readonly #program: string;
  options: ReporterOptions = { json: false, quiet: false, debug: false };
  #startedMs = 0;
  #label = "";
  #lastMs = 0;
  #barShown = false;
  /** The command is asked for what it does, and --quiet is for no word about it. */
  isAction = false;
  #answered = false;

  constructor(program: string) {
    this.#program = program;
  }

  /** The one answer of a command: `value` with --json, `text` without. */
  result(value: unknown, text: string): void {
    this.#clearBar();
    if (this.options.json) this.#document(value);
    else if (!(this.isAction && this.options.quiet) && text !== "") process.stdout.write(`${text}\n`);
  }

  /** The first is the answer; a second Ctrl-C while it is printed adds none. */
  #document(value: unknown): void {
    if (this.#answered) return;
    this.#answered = true;
    process.stdout.write(`${JSON.stringify(value, jsonValue, 2)}\n`);
  }

  /** stdout is gone, so one line on stderr is all that is left. */
  unwritable(error: unknown): void {
    const why = systemCode(error) ?? String(error);
    process.stderr.write(`${this.#program}: OUTPUT_FAILED: stdout cannot be written (${why})\n`);
  }

  /** Something a person should know and a program need not. */
  note(text: string): void {
    if (this.options.quiet) return;
    this.#clearBar();
    process.stderr.write(`${this.#program}: ${text}\n`);
  }

  warn(text: string): void {
    this.#clearBar();
    process.stderr.write(`${this.#program}: ${this.#paint("33", "warning")}: ${text}\n`);
  }

  /** Says what went wrong and returns the exit status. */
  failure(error: unknown): number {
    this.#clearBar();
    const status = exitStatus(error);
    const said = describe(error);
    if (this.options.json) this.#document({ error: said });
    else {
      process.stderr.write(`${this.#program}: ${this.#paint("31", said.code)}: ${said.message}\n`);
      if (said.hint) process.stderr.write(`hint: ${said.hint}\n`);
    }
    if (this.options.debug && error instanceof Error) process.stderr.write(`${error.stack}\n`);
    return status;
  }

  progress(event: Progress): void {
    if (this.options.quiet) return;
    const now = performance.now();
    if (event.label !== this.#label) {
      this.#label = event.label;
      this.#startedMs = now;
      this.#lastMs = process.stderr.isTTY ? 0 : now;
    }
    const finished = event.done >= event.total && event.doneBytes >= event.totalBytes;
    if (!process.stderr.isTTY || process.env.TERM === "dumb") {
      if (now - this.#lastMs < LINE_EVERY_MS) return;
      this.#lastMs = now;
      process.stderr.write(`${this.#program}: ${progressWords(event, now - this.#startedMs)}\n`);
      return;
    }
    if (now - this.#lastMs < BAR_EVERY_MS && !finished) return;
    this.#lastMs = now;
    this.#drawBar(event, now - this.#startedMs);
    if (finished) this.#clearBar();
  }

  #drawBar(event: Progress, elapsedMs: number): void {
    const share = event.totalBytes > 0 ? Math.min(1, event.doneBytes / event.totalBytes) : 1;
    const full = Math.round(share * BAR_COLUMNS);
    const [on, off] = unicode() ? ["█", "░"] : ["#", "-"];
    const bar = on.repeat(full) + off.repeat(BAR_COLUMNS - full);
    const columns = process.stderr.columns ?? 80;
    const line = `${bar} ${progressWords(event, elapsedMs)}`.slice(0, columns - 1);
    process.stderr.write(`\r\u001b[K${this.#colour() ? line.replace(bar, this.#paint("36", bar)) : line}`);
    this.#barShown = true;
  }

  #clearBar(): void {
    if (!this.#barShown) return;
    process.stderr.write("\r\u001b[K");
    this.#barShown = false;
  }

  #paint(code: string, text: string): string {
    return this.#colour() ? `\u001b[${code}m${text}\u001b[0m` : text;
  }

  #colour(): boolean {
    if (process.env.FORCE_COLOR && process.env.FORCE_COLOR !== "0") return true;
    return Boolean(process.stderr.isTTY) && !process.env.NO_COLOR && process.env.TERM !== "dumb";
  }
}

function progressWords(event: Progress, elapsedMs: number): string {
  const perSecond = elapsedMs > 0 ? (event.doneBytes / elapsedMs) * 1000 : 0;
  const left = perSecond > 0 ? ((event.totalBytes - event.doneBytes) / perSecond) * 1000 : 0;
  const words = [
    event.label,
    `${event.done}/${event.total} files`,
    `${size(event.doneBytes)} of ${size(event.totalBytes)}`,
    `${size(perSecond)}/s`,
    `${seconds(left)} left`,
  ];
  if (event.savedBytes) words.push(`${size(event.savedBytes)} saved`);
  return words.join(", ");
}

function describe(error: unknown): {
  code: string;
  kind: string;
  message: string;
  hint?: string;
  facts?: unknown;
} {
  if (isAbort(error)) {
    return {
      code: "INTERRUPTED",
      kind: "failed",
      message: "interrupted",
      hint: "run the same command again",
    };
  }
  if (error instanceof ThemisError) {
    const { code, kind, message, hint = hintFor(error.code), facts } = error;
    return { code, kind, message, ...(hint && { hint }), ...(Object.keys(facts).length > 0 && { facts }) };
  }
  const code = systemCode(error) ?? "INTERNAL";
  return { code, kind: "failed", message: error instanceof Error ? error.message : String(error) };
}

/** Bytes and maps have no JSON; they are not results either, so they become short text. */
function jsonValue(_key: string, value: unknown): unknown {
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  if (value instanceof Map) return Object.fromEntries(value);
  return value;
}

function unicode(): boolean {
  return /utf-?8/i.test(process.env.LC_ALL || process.env.LC_CTYPE || process.env.LANG || "");
}
