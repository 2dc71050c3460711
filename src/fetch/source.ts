/**
 * Where a bundle lies: a folder, or a base URL. Only two questions are asked: a whole small document, or a
 * byte range of a pack. Nothing a server says chooses a path, and nothing is longer than what was asked.
 *
 *   SOURCE/manifest.json              a bundle
 *   SOURCE/latest/manifest.json       a release page; SOURCE/<version>/ holds each release
 */
import { createReadStream } from "node:fs";
import { open, stat } from "node:fs/promises";
import { join } from "node:path";
import { systemCode } from "../base/error.ts";
import { backOff } from "../base/retry.ts";
import { FetchError } from "./fetch-error.ts";

export type ByteRange = {
  readonly start: number;
  /** Not included. */
  readonly end: number;
  /** What the signed manifest says the whole asset has; a source that says otherwise holds another one. */
  readonly total: number;
};

export type Source = {
  /** For messages; holds no credentials and no query. */
  readonly name: string;
  /** undefined when the source says that it does not exist. */
  readonly readAll: (
    asset: string,
    maxBytes: number,
    signal?: AbortSignal,
  ) => Promise<Uint8Array | undefined>;
  /** May stop early, never goes on longer. */
  readonly readRange: (asset: string, range: ByteRange, signal?: AbortSignal) => AsyncIterable<Uint8Array>;
  readonly at: (folder: string) => Source;
};

const HEADER_TIMEOUT_MS = 30_000;
const STALL_TIMEOUT_MS = 30_000;
/** In that time; about 1 KiB a second. */
const MIN_STALL_BYTES = 32 * 1024;
/** Of one document; pieces count their own (transfer.ts). */
const DOCUMENT_ATTEMPTS = 4;

/** @throws FetchError SOURCE_INVALID */
export function openSource(location: string): Source {
  if (/^https?:\/\//i.test(location)) {
    if (!URL.canParse(location))
      throw new FetchError("SOURCE_INVALID", `${JSON.stringify(location)} is not a URL`);
    const url = new URL(location);
    const authorization = basicAuthorization(url);
    url.username = "";
    url.password = "";
    return httpSource(url, authorization);
  }
  if (/^[a-z][a-z0-9+.-]+:/i.test(location) && !location.startsWith("file:")) {
    throw new FetchError(
      "SOURCE_INVALID",
      `the source ${JSON.stringify(location)} is neither a folder nor an http(s) URL`,
    );
  }
  return folderSource(location.replace(/^file:(\/\/)?/, ""));
}

function folderSource(folder: string): Source {
  return {
    name: folder,
    at: (below) => folderSource(join(folder, below)),
    readAll: async (asset, maxBytes) => {
      try {
        const { size } = await stat(join(folder, asset));
        if (size > maxBytes) throw tooLong(asset, maxBytes);
        const file = await open(join(folder, asset));
        try {
          const bytes = Buffer.alloc(size);
          const { bytesRead } = await file.read(bytes, 0, size, 0);
          return bytes.subarray(0, bytesRead);
        } finally {
          await file.close();
        }
      } catch (error) {
        return absentOrThrow(error, join(folder, asset));
      }
    },
    readRange: async function* (asset, { start, end, total }, signal) {
      try {
        const { size } = await stat(join(folder, asset));
        if (size !== total) throw otherAsset(join(folder, asset), size, total);
        yield* createReadStream(join(folder, asset), { start, end: end - 1, ...(signal && { signal }) });
      } catch (error) {
        if (absentOrThrow(error, join(folder, asset)) === undefined)
          throw statusError(join(folder, asset), 404);
      }
    },
  };
}

function absentOrThrow(error: unknown, path: string): undefined {
  const code = systemCode(error);
  if (code === "ENOENT" || code === "ENOTDIR") return undefined;
  if (code === undefined || error instanceof FetchError || code === "ABORT_ERR") throw error;
  throw new FetchError("SOURCE_UNREACHABLE", `${path} cannot be read (${code})`, { cause: error });
}

/** RFC 7617. As a header, fetch drops it on the way to another origin; in a URL it would end up in messages. */
function basicAuthorization({ username, password }: URL): Headers {
  if (username === "" && password === "") return {};
  const pair = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return { authorization: `Basic ${Buffer.from(pair).toString("base64")}` };
}

type Headers = Readonly<Record<string, string>>;

function httpSource(base: URL, authorization: Headers): Source {
  const urlOf = (asset: string): URL => {
    const url = new URL(base);
    url.pathname = `${base.pathname.replace(/\/$/, "")}/${asset}`;
    return url;
  };
  return {
    name: plainUrl(base),
    at: (below) => httpSource(urlOf(below), authorization),
    readAll: (asset, maxBytes, signal) => readDocument(urlOf(asset), asset, maxBytes, authorization, signal),
    readRange: (asset, range, signal) => readHttpRange(urlOf(asset), range, authorization, signal),
  };
}

async function readDocument(
  url: URL,
  asset: string,
  maxBytes: number,
  authorization: Headers,
  signal?: AbortSignal,
): Promise<Uint8Array | undefined> {
  for (let attempt = 0; ; attempt++) {
    try {
      const chunks: Uint8Array[] = [];
      let length = 0;
      const { response, body } = await request(url, authorization, signal);
      if (response.status === 404 || response.status === 410) {
        await response.body?.cancel();
        return undefined;
      }
      if (response.status !== 200) throw await failedStatus(url, response);
      for await (const chunk of body) {
        length += chunk.length;
        if (length > maxBytes) throw tooLong(asset, maxBytes);
        chunks.push(chunk);
      }
      return Buffer.concat(chunks);
    } catch (error) {
      if (!isWorthRepeating(error) || attempt + 1 >= DOCUMENT_ATTEMPTS) throw error;
      await backOff(attempt, signal);
    }
  }
}

/** RFC 9110, section 14: what comes is placed by Content-Range, and a 200 is the whole from its start. */
async function* readHttpRange(
  url: URL,
  { start, end, total }: ByteRange,
  authorization: Headers,
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const { response, body } = await request(
    url,
    { ...authorization, range: `bytes=${start}-${end - 1}` },
    signal,
  );
  let position = 0;
  if (response.status === 206) {
    const range = /^bytes (\d+)-(\d+)\/(\d+|\*)$/.exec(response.headers.get("content-range") ?? "");
    if (!range) {
      await response.body?.cancel();
      throw new FetchError("TRANSFER_INTERRUPTED", `${plainUrl(url)} answered a range without saying which`);
    }
    position = Number(range[1]);
    if (range[3] !== "*" && Number(range[3]) !== total) {
      await response.body?.cancel();
      throw otherAsset(plainUrl(url), Number(range[3]), total);
    }
    if (position > start) {
      await response.body?.cancel();
      throw new FetchError(
        "TRANSFER_INTERRUPTED",
        `${plainUrl(url)} answered from ${position}, asked was ${start}`,
      );
    }
  } else if (response.status !== 200) throw await failedStatus(url, response);
  const length = response.headers.get("content-length");
  if (response.status === 200 && length !== null && Number(length) !== total) {
    await response.body?.cancel();
    throw otherAsset(plainUrl(url), Number(length), total);
  }
  for await (const chunk of body) {
    const from = Math.max(0, start - position);
    const to = Math.min(chunk.length, end - position);
    position += chunk.length;
    if (to > from) yield chunk.subarray(from, to);
    // Leaving the loop cancels the body: a server that goes on for ever is not listened to.
    if (position >= end) return;
  }
}

async function request(url: URL, headers: Headers, signal?: AbortSignal) {
  const controller = new AbortController();
  const abort = (): void => controller.abort(signal?.reason);
  signal?.addEventListener("abort", abort, { once: true });
  const timer = setTimeout(() => controller.abort(new Error("no answer")), HEADER_TIMEOUT_MS);
  try {
    signal?.throwIfAborted();
    const response = await fetch(url, {
      headers: { "accept-encoding": "identity", ...headers },
      signal: controller.signal,
    });
    clearTimeout(timer);
    if (url.protocol === "https:" && new URL(response.url || url).protocol !== "https:") {
      throw new FetchError("SOURCE_STATUS", `${plainUrl(url)} redirects to a connection without TLS`);
    }
    const encoding = response.headers.get("content-encoding");
    if (encoding && encoding !== "identity") {
      throw new FetchError(
        "SOURCE_STATUS",
        `${plainUrl(url)} answers with Content-Encoding ${encoding}, asked was identity`,
      );
    }
    return {
      response,
      body: readBody(response, url, controller, () => signal?.removeEventListener("abort", abort)),
    };
  } catch (error) {
    clearTimeout(timer);
    signal?.removeEventListener("abort", abort);
    signal?.throwIfAborted();
    if (error instanceof FetchError) throw error;
    throw new FetchError("SOURCE_UNREACHABLE", `${plainUrl(url)} cannot be reached: ${reason(error)}`, {
      cause: error,
    });
  }
}

async function* readBody(
  response: Response,
  url: URL,
  controller: AbortController,
  done: () => void,
): AsyncGenerator<Uint8Array> {
  // Too few bytes in a period count as none: a trickle would hold a device for ever.
  let received = 0;
  const stall = setInterval(() => {
    if (received < MIN_STALL_BYTES) controller.abort(new Error("too few bytes came"));
    received = 0;
  }, STALL_TIMEOUT_MS);
  try {
    for await (const chunk of response.body ?? []) {
      received += chunk.length;
      yield chunk;
    }
  } catch (error) {
    throw new FetchError(
      "TRANSFER_INTERRUPTED",
      `the connection to ${plainUrl(url)} broke: ${reason(error)}`,
      { cause: error },
    );
  } finally {
    clearInterval(stall);
    done();
  }
}

async function failedStatus(url: URL, response: Response): Promise<FetchError> {
  await response.body?.cancel();
  return statusError(plainUrl(url), response.status);
}

function statusError(where: string, status: number): FetchError {
  return new FetchError("SOURCE_STATUS", `${where} answered ${status}`, { facts: { status } });
}

export function isAbsent(error: unknown): error is FetchError {
  return (
    error instanceof FetchError &&
    error.code === "SOURCE_STATUS" &&
    (error.facts.status === 404 || error.facts.status === 410)
  );
}

/** A refusal by the server stays one; trouble on its side or on the way may pass. */
export function isWorthRepeating(error: unknown): boolean {
  if (!(error instanceof FetchError)) return false;
  if (error.code === "TRANSFER_INTERRUPTED" || error.code === "SOURCE_UNREACHABLE") return true;
  const status = Number(error.facts.status ?? 0);
  return error.code === "SOURCE_STATUS" && (status >= 500 || status === 429 || status === 408);
}

function otherAsset(where: string, size: number, total: number): FetchError {
  return new FetchError("ASSET_SIZE", `${where} has ${size} bytes, the manifest says ${total}`, {
    hint: "the source holds another file than was signed, or a login page stands in its place",
  });
}

function tooLong(asset: string, maxBytes: number): FetchError {
  return new FetchError("ASSET_SIZE", `${asset} is longer than the ${maxBytes} bytes it may have`);
}

function reason(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  return systemCode(cause) ?? (cause instanceof Error ? cause.message : String(cause));
}

/** Without credentials and query: a signed query string is a credential too. */
function plainUrl(url: URL): string {
  return `${url.protocol}//${url.host}${url.pathname}`;
}
