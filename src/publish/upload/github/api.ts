/**
 * GitHub's API as the publisher asks it: patient, within its limits, and with its refusals in words.
 *
 *   no answer, 5xx     asked again where asking twice is asking once (GET, PATCH, DELETE); else told
 *   403, 429           waited for as the answer says: Retry-After, x-ratelimit-reset, or a minute that doubles
 *   404, 422           an answer, for who asked
 *   other refusals     a GitHubError that says which right is missing
 */
import { backOff } from "../../../base/retry.ts";
import { errorWords } from "./answers.ts";
import { explain } from "./explain.ts";
import { GitHubError, isUnknownOutcome } from "./github-error.ts";
import type { Answered, Parameters, Send } from "./octokit.ts";
import { Pace, sleep } from "./pace.ts";

const ATTEMPTS = 6;
/** goreleaser waits as long for a limit, and no longer. */
const MAX_WAIT_MS = 15 * 60_000;
/** GitHub: without a number "wait for at least one minute". */
const SECONDARY_MS = 60_000;
/** More pages of releases than GitHub lists (10,000 results). */
const MAX_PAGES = 100;
const PAGE = 100;

export type Repository = { readonly owner: string; readonly repo: string };

export type ApiOptions = {
  readonly send: Send;
  readonly repository: Repository;
  /** The API's host, for words. */
  readonly host: string;
  /** Never shown, whoever says it. */
  readonly secret: string;
  readonly signal: AbortSignal;
  readonly notice: (words: string) => void;
  readonly secondaryMs?: number;
};

export class GitHubApi {
  readonly signal: AbortSignal;
  readonly host: string;
  readonly repository: Repository;
  readonly notice: (words: string) => void;
  readonly #send: Send;
  readonly #secret: string;
  readonly #secondaryMs: number;
  readonly #pace: Pace;
  #calls = 0;
  #remaining: number | undefined;
  #resets = 0;

  constructor({ send, repository, host, secret, signal, notice, secondaryMs = SECONDARY_MS }: ApiOptions) {
    this.signal = signal;
    this.host = host;
    this.repository = repository;
    this.notice = notice;
    this.#send = send;
    this.#secret = secret;
    this.#secondaryMs = secondaryMs;
    this.#pace = new Pace((ms, why) => this.#wait(ms, why));
  }

  /** How many were made, and how many are left by the last answer that told. */
  get count(): { readonly made: number; readonly left: number | undefined; readonly resetsAt: Date } {
    return { made: this.#calls, left: this.#remaining, resetsAt: new Date(this.#resets * 1000) };
  }

  /**
   * @param route below the repository: "GET /releases/{release_id}"
   * @returns 2xx, 404 and 422. @throws GitHubError
   */
  async ask(route: string, parameters: Parameters = {}): Promise<Answered> {
    const [method, path] = route.split(" ") as [string, string];
    const full = `${method} /repos/{owner}/{repo}${path}`;
    return this.patiently(method !== "POST", method !== "GET", route, () =>
      this.#send(full, { ...this.repository, ...parameters }),
    );
  }

  /** "absent" for 404. */
  async find(route: string, parameters: Parameters = {}): Promise<Answered | "absent"> {
    const answered = await this.ask(route, parameters);
    if (answered.status === 404) return "absent";
    return this.must(answered, route);
  }

  /** A list, page by page. */
  async *pages(route: string, parameters: Parameters = {}): AsyncGenerator<Answered> {
    for (let page = 1; page <= MAX_PAGES; page++) {
      const answered = await this.ask(route, { ...parameters, per_page: PAGE, page });
      yield this.must(answered, route);
      if (!Array.isArray(answered.data) || answered.data.length < PAGE) return;
    }
  }

  must(answered: Answered, route: string): Answered {
    if (answered.status >= 200 && answered.status < 300) return answered;
    throw explain(answered, route, this.#context());
  }

  /** Any call, with the same patience. @param isSafe whether asking twice is asking once */
  async patiently(
    isSafe: boolean,
    changes: boolean,
    route: string,
    call: () => Promise<Answered>,
  ): Promise<Answered> {
    for (let attempt = 0, waits = 0; ; ) {
      this.signal.throwIfAborted();
      try {
        if (changes) await this.#pace.take();
        this.#calls++;
        const answered = this.#masked(await call());
        this.#note(answered);
        const waitMs = limitMs(answered, waits, this.#secondaryMs);
        if (waitMs !== undefined) {
          waits++;
          if (waitMs > MAX_WAIT_MS || waits > ATTEMPTS) throw rateLimited(this.host, waitMs);
          await this.#wait(waitMs, `${this.host} asks for less (${answered.status})`);
          continue;
        }
        const { status } = answered;
        if ((status >= 200 && status < 300) || status === 404 || status === 422) return answered;
        throw explain(answered, route, this.#context());
      } catch (error) {
        if (!isSafe || !isUnknownOutcome(error) || ++attempt >= ATTEMPTS) throw error;
        await backOff(attempt, this.signal);
      }
    }
  }

  #context() {
    return { host: this.host, repository: this.repository };
  }

  /** A server may repeat what it was sent, and an error repeats what a server said. */
  #masked(answered: Answered): Answered {
    if (answered.status < 400) return answered;
    const words = errorWords(answered).replaceAll(this.#secret, "***");
    return { ...answered, data: { message: words } };
  }

  #note({ headers }: Answered): void {
    const left = Number(headers["x-ratelimit-remaining"] ?? Number.NaN);
    if (!Number.isInteger(left)) return;
    this.#remaining = left;
    this.#resets = Number(headers["x-ratelimit-reset"] ?? 0);
  }

  async #wait(ms: number, why: string): Promise<void> {
    if (ms > 2000) this.notice(`${why}: waiting ${Math.ceil(ms / 1000)} s`);
    await sleep(ms, this.signal);
  }
}

/** How long an answer asks to wait; undefined when it does not. */
function limitMs(
  { status, headers, data }: Answered,
  waits: number,
  secondaryMs: number,
): number | undefined {
  if (status !== 403 && status !== 429) return undefined;
  const after = Number(headers["retry-after"] ?? Number.NaN);
  if (Number.isFinite(after) && after >= 0) return after * 1000;
  if (headers["x-ratelimit-remaining"] === "0") {
    return Math.max(0, Number(headers["x-ratelimit-reset"]) * 1000 - Date.now()) + 1000;
  }
  const words = String((data as { message?: unknown }).message);
  if (status === 403 && !/rate limit|abuse/i.test(words)) return undefined;
  return secondaryMs * 2 ** waits;
}

function rateLimited(host: string, waitMs: number): GitHubError {
  const at = new Date(Date.now() + waitMs).toISOString().slice(0, 19);
  return new GitHubError("API_RATE_LIMITED", `${host} allows no more calls before ${at}Z`, {
    facts: { waitSeconds: Math.ceil(waitMs / 1000) },
    hint: "run it again after that: it goes on where it stopped",
  });
}
