/**
 * GET and POST over HTTP/1.1 (RFC 9110, 9112) by undici, with our own limits, redirects and credentials.
 *
 * What goes wrong before an answer is SOURCE_UNREACHABLE, what goes wrong in its body TRANSFER_INTERRUPTED:
 * both may pass. A certificate that does not stand, a redirect that leaves TLS or never ends is refused and
 * not tried again. Messages name a URL without its query: a signed one is a credential.
 */
import { readFileSync } from "node:fs";
import { rootCertificates } from "node:tls";
import type { Dispatcher } from "undici";
import EnvHttpProxyAgent from "undici/lib/dispatcher/env-http-proxy-agent.js";
import { systemCode } from "../../base/error.ts";
import { FetchError } from "../fetch-error.ts";
import { HttpBody, SlowBody } from "./http-body.ts";
import { HTTP_LIMITS, type HttpLimits } from "./http-limits.ts";

export type HttpClientOptions = {
  /** To one origin at once. */
  readonly connections: number;
  /** A PEM file of certification authorities that are believed besides Node's own. */
  readonly caFile?: string | undefined;
  readonly limits?: HttpLimits;
  /** `http_proxy`, `https_proxy`, `no_proxy` are read from it, in either case. */
  readonly environment?: NodeJS.ProcessEnv;
};

export type HttpRequest = {
  readonly url: URL;
  readonly headers?: Readonly<Record<string, string>>;
  /** Such as `authorization`: sent to the origin of `url` and nowhere else. */
  readonly credentials?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal | undefined;
};

/** With a body it is a POST. */
export type HttpCall = HttpRequest & { readonly body?: string };

export type HttpAnswer = {
  readonly status: number;
  /** Names in lower case; of a header that came twice, both by ", ". */
  readonly headers: ReadonlyMap<string, string>;
  /** Where it came from in the end, after redirects. */
  readonly url: URL;
  readonly body: HttpBody;
};

const REDIRECTS = new Set([301, 302, 303, 307, 308]);
/** Nobody has more to say before a body. */
const MAX_HEAD_BYTES = 16 * 1024;

export class HttpClient {
  readonly limits: HttpLimits;
  readonly #dispatcher: Dispatcher;

  /** @throws FetchError CA_UNREADABLE, PROXY_INVALID */
  constructor({ connections, caFile, limits = HTTP_LIMITS, environment = process.env }: HttpClientOptions) {
    this.limits = limits;
    const ca = caFile === undefined ? {} : { ca: [...rootCertificates, ...readCertificates(caFile)] };
    const connect = { timeout: limits.connectMs, ...ca };
    this.#dispatcher = new EnvHttpProxyAgent({
      httpProxy: proxyOf("HTTP_PROXY", environment),
      httpsProxy: proxyOf("HTTPS_PROXY", environment),
      noProxy: variableOf("NO_PROXY", environment).value,
      connections,
      connect,
      requestTls: connect,
      maxHeaderSize: MAX_HEAD_BYTES,
      // Ours run only while somebody waits.
      headersTimeout: 0,
      bodyTimeout: 0,
    });
  }

  /** Follows redirects. @throws FetchError; the signal's reason */
  async get(request: HttpRequest): Promise<HttpAnswer> {
    let url = request.url;
    for (let hops = 0; ; hops++) {
      const answer = await this.#getOnce(url, request);
      if (!REDIRECTS.has(answer.status)) return answer;
      answer.body.cancel();
      const next = redirectTarget(url, answer);
      if (hops >= this.limits.maxRedirects) {
        throw new FetchError(
          "SOURCE_REDIRECT",
          `${plainUrl(request.url)} redirects more than ${this.limits.maxRedirects} times`,
        );
      }
      url = next;
    }
  }

  /** One request, and its answer as it is: a redirect is one too. @throws FetchError; the signal's reason */
  async ask(call: HttpCall): Promise<HttpAnswer> {
    return this.#dispatch(call.url, call);
  }

  async close(): Promise<void> {
    await this.#dispatcher.destroy();
  }

  /** A socket that died while it waited for us says nothing about the server: one more, at once, is free. */
  async #getOnce(url: URL, request: HttpRequest): Promise<HttpAnswer> {
    try {
      return await this.#dispatch(url, request);
    } catch (error) {
      if (!(error instanceof FetchError && error.facts.reused === true)) throw error;
      return this.#dispatch(url, request);
    }
  }

  #dispatch(url: URL, call: HttpCall): Promise<HttpAnswer> {
    const { url: first, headers, credentials, signal, body: sent } = call;
    signal?.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<HttpAnswer>();
    let body: HttpBody | undefined;
    let controller: Dispatcher.DispatchController | undefined;
    const settle = (error: unknown): void => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
      if (body) body.fail(error);
      else reject(signal?.aborted ? signal.reason : unreachable(url, error));
    };
    const abort = (): void => {
      const reason = signal?.reason instanceof Error ? signal.reason : new Error("given up");
      controller?.abort(reason);
      settle(reason);
    };
    const timer = setTimeout(() => {
      const reason = new Error(`no answer in ${this.limits.headMs / 1000} s`);
      controller?.abort(reason);
      settle(reason);
    }, this.limits.headMs + this.limits.connectMs);
    signal?.addEventListener("abort", abort, { once: true });
    this.#dispatcher.dispatch(
      {
        origin: url.origin,
        path: `${url.pathname}${url.search}`,
        method: sent === undefined ? "GET" : "POST",
        ...(sent !== undefined && { body: sent }),
        headers: {
          "accept-encoding": "identity",
          ...headers,
          ...(url.origin === first.origin && credentials),
        },
      },
      {
        onRequestStart: (started) => {
          controller = started;
          if (signal?.aborted) abort();
        },
        onResponseStart: (started, status, received) => {
          // 1xx come before the answer itself.
          if (status < 200) return;
          clearTimeout(timer);
          body = new HttpBody(started, this.limits, (cause) => bodyError(url, cause, signal));
          resolve({ status, headers: headerMap(received), url, body });
        },
        onResponseData: (_, bytes) => body?.push(bytes),
        onResponseEnd: () => {
          clearTimeout(timer);
          signal?.removeEventListener("abort", abort);
          body?.end();
        },
        onResponseError: (_, error) => settle(error),
      },
    );
    return promise;
  }
}

function redirectTarget(from: URL, { headers, status }: HttpAnswer): URL {
  const location = headers.get("location");
  if (location === undefined) {
    throw new FetchError(
      "SOURCE_REDIRECT",
      `${plainUrl(from)} answered ${status} without saying where to go`,
    );
  }
  const to = URL.canParse(location, from.href) ? new URL(location, from.href) : undefined;
  if (!to || (to.protocol !== "http:" && to.protocol !== "https:")) {
    throw new FetchError("SOURCE_REDIRECT", `${plainUrl(from)} redirects to what is no http(s) URL`);
  }
  if (from.protocol === "https:" && to.protocol !== "https:") {
    throw new FetchError("SOURCE_REDIRECT", `${plainUrl(from)} redirects to a connection without TLS`);
  }
  to.username = "";
  to.password = "";
  return to;
}

function headerMap(received: Readonly<Record<string, string | string[] | undefined>>): Map<string, string> {
  const map = new Map<string, string>();
  for (const [name, value] of Object.entries(received)) {
    if (value !== undefined) map.set(name.toLowerCase(), Array.isArray(value) ? value.join(", ") : value);
  }
  return map;
}

/** @throws FetchError CA_UNREADABLE */
function readCertificates(file: string): string[] {
  const found = (() => {
    try {
      return readFileSync(file, "utf8").match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g);
    } catch (cause) {
      throw new FetchError("CA_UNREADABLE", `${file} cannot be read (${systemCode(cause)})`, { cause });
    }
  })();
  if (!found) throw new FetchError("CA_UNREADABLE", `${file} holds no certificate in PEM`);
  return found;
}

/** What OpenSSL and Node say of a certificate; X509_V_ERR_* without their prefix. */
const UNTRUSTED =
  /^(CERT_|ERR_TLS_CERT|UNABLE_TO_|SELF_SIGNED|DEPTH_ZERO|INVALID_CA|HOSTNAME_MISMATCH|PATH_LENGTH|INVALID_PURPOSE)/;

function unreachable(url: URL, cause: unknown): FetchError {
  if (cause instanceof FetchError) return cause;
  const code = systemCode(cause) ?? "";
  const facts = { url: plainUrl(url), host: url.host, errno: code };
  if (UNTRUSTED.test(code)) {
    return new FetchError(
      "TLS_UNTRUSTED",
      `the certificate of ${url.host} does not stand: ${reason(cause)}`,
      {
        cause,
        facts,
        hint: "name its authority by --ca or NODE_EXTRA_CA_CERTS, if it is one of yours",
      },
    );
  }
  const message = `${plainUrl(url)} cannot be reached: ${reason(cause)}`;
  return new FetchError("SOURCE_UNREACHABLE", message, {
    cause,
    facts: { ...facts, reused: wasReused(cause) },
  });
}

/** undici tells what a socket had carried before. */
function wasReused(cause: unknown): boolean {
  if (!(cause instanceof Error) || !("socket" in cause)) return false;
  const socket = cause.socket as { readonly bytesRead?: number } | null;
  return (socket?.bytesRead ?? 0) > 0;
}

function bodyError(url: URL, cause: unknown, signal: AbortSignal | undefined): unknown {
  if (signal?.aborted) return signal.reason;
  return interrupted(url, cause);
}

/** A body that broke off or was too slow. */
function interrupted(url: URL, cause: unknown): FetchError {
  const why = cause instanceof SlowBody ? cause.message : `it broke (${reason(cause)})`;
  return new FetchError("TRANSFER_INTERRUPTED", `the transfer of ${plainUrl(url)} stopped: ${why}`, {
    cause,
    facts: { url: plainUrl(url), errno: systemCode(cause) ?? "" },
  });
}

function reason(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  return systemCode(cause) ?? (cause instanceof Error ? cause.message : String(cause));
}

/** Without credentials and query: a signed query string is a credential too. */
export function plainUrl(url: URL): string {
  return `${url.protocol}//${url.host}${url.pathname}`;
}

/** In lower case first, as curl and Node read them. */
function variableOf(
  name: string,
  environment: NodeJS.ProcessEnv,
): { readonly name: string; readonly value: string } {
  const lower = name.toLowerCase();
  return environment[lower]
    ? { name: lower, value: environment[lower] }
    : { name, value: environment[name] ?? "" };
}

/** @throws FetchError PROXY_INVALID, which names the variable and does not show it: a password may stand in it */
function proxyOf(variable: string, environment: NodeJS.ProcessEnv): string {
  const { name, value } = variableOf(variable, environment);
  if (value === "" || isProxy(value)) return value;
  throw new FetchError("PROXY_INVALID", `the proxy in ${name} is not an http(s) URL`, {
    hint: "such as http://proxy.example.org:3128; what is not plain in its name or password is written as %XX",
  });
}

function isProxy(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, username, password } = new URL(text);
  try {
    decodeURIComponent(username + password);
  } catch {
    return false;
  }
  return protocol === "http:" || protocol === "https:";
}
