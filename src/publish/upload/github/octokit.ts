/**
 * The door to @octokit/rest: one call, one answer, whatever its status.
 *
 * Three things are ours. Answers are read up to a bound, because whoever sits in the middle may send for ever. A
 * redirect is an answer and not followed: it would take a POST along as a GET, and the token to another place.
 * And what comes back holds neither the request nor its headers, so that no error of ours can show the token.
 */
import { Octokit } from "@octokit/rest";
import { systemCode } from "../../../base/error.ts";
import { GitHubError } from "./github-error.ts";

/** A page of 100 releases with notes of 125,000 characters each, escaped. */
const MAX_ANSWER_BYTES = 64 << 20;
/** An answer of the API takes seconds; bytes of assets do not come this way. */
const CALL_MS = 60_000;

export type Answered = {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly data: unknown;
};

export type Parameters = Readonly<Record<string, unknown>>;

/** @param route as GitHub's description writes it: "GET /repos/{owner}/{repo}/releases/tags/{tag}" */
export type Send = (route: string, parameters: Parameters) => Promise<Answered>;

export type ApiPlace = {
  /** Of the API, without a slash at the end. */
  readonly base: string;
  /** The whole header. */
  readonly authorization: string;
  readonly userAgent: string;
  readonly signal: AbortSignal;
};

/** @throws GitHubError API_UNREACHABLE when there is no answer; the signal's reason */
export function octokitSend({ base, authorization, userAgent, signal }: ApiPlace): Send {
  const silent = (): void => {};
  const octokit = new Octokit({
    baseUrl: base,
    userAgent,
    log: { debug: silent, info: silent, warn: silent, error: silent },
    request: { fetch: boundedFetch(signal) },
  });
  const own = { ...apiHeaders(authorization), accept: "application/vnd.github+json" };
  return async (route, parameters) => {
    try {
      const { status, headers, data } = await octokit.request(route, { ...parameters, headers: own });
      return { status, headers: headers as Answered["headers"], data };
    } catch (error) {
      signal.throwIfAborted();
      const answer = (error as { response?: { status: number; headers: object; data: unknown } }).response;
      if (answer) return { ...answer, headers: answer.headers as Answered["headers"] };
      throw unreachable(base, rootCause(error));
    }
  };
}

/** What every call says of itself, by whatever way it goes. */
export function apiHeaders(authorization: string): { authorization: string; "x-github-api-version": string } {
  return { authorization, "x-github-api-version": "2022-11-28" };
}

export function unreachable(where: string, cause: unknown): GitHubError {
  const why = systemCode(cause) ?? (cause instanceof Error ? cause.message : "no answer");
  return new GitHubError("API_UNREACHABLE", `${new URL(where).host} cannot be reached (${why})`, {
    cause,
    facts: { host: new URL(where).host },
    hint: "check the network and GITHUB_API_URL, then run it again: it goes on where it stopped",
  });
}

/** Octokit's error holds the request; what fetch said lies below it. */
export function rootCause(error: unknown): unknown {
  let cause = error;
  while (cause instanceof Error && cause.cause instanceof Error) cause = cause.cause;
  return cause;
}

function boundedFetch(signal: AbortSignal): typeof fetch {
  return async (url, init) => {
    const timeout = AbortSignal.timeout(CALL_MS);
    const answer = await fetch(url, {
      ...init,
      redirect: "manual",
      signal: AbortSignal.any([signal, timeout]),
    });
    const bytes = await readAll(answer);
    const isEmpty = answer.status === 204 || answer.status === 304;
    return new Response(isEmpty ? null : bytes, { status: answer.status, headers: answer.headers });
  };
}

async function readAll(answer: Response): Promise<Uint8Array<ArrayBuffer>> {
  const pieces: Uint8Array[] = [];
  let length = 0;
  for await (const piece of answer.body ?? []) {
    length += piece.length;
    if (length > MAX_ANSWER_BYTES) throw new Error(`an answer of more than ${MAX_ANSWER_BYTES} bytes`);
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}
