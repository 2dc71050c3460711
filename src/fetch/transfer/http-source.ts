/**
 * A bundle or release page behind a base URL.
 *
 * What comes is placed by Content-Range, and a 200 is the whole from its start. A strong ETag goes into
 * If-Range, so that a file that was replaced is not mixed with the one before; where every answer has another
 * ETag (many servers behind one name), it is ignored from then on: the digests of the pieces protect.
 * An asset whose URL leads to another place, such as a signed one that expires, is asked for there as long as
 * that answers, and at its own URL again when it does not.
 */
import { backOff } from "../../base/retry.ts";
import { FetchError } from "../fetch-error.ts";
import { parseContentRange } from "./content-range.ts";
import { type HttpAnswer, type HttpClient, type HttpRequest, plainUrl } from "./http-client.ts";
import { askedWaitMs, waitUntil } from "./patience.ts";
import { waitOf } from "./retry-after.ts";
import {
  type Asking,
  type ByteRange,
  isWorthRepeating,
  otherAsset,
  PAGE_FOLDERS,
  type Source,
  statusError,
  tooLong,
} from "./source.ts";

export type Headers = Readonly<Record<string, string>>;

export type HttpSourceOptions = {
  readonly client: HttpClient;
  readonly base: URL;
  /** Sent to the origin of `base` and nowhere else. */
  readonly credentials?: Headers;
  /** Sent with every request. */
  readonly headers?: Headers;
  /** Where releases lie below the base; default: as on our own pages. */
  readonly folders?: typeof PAGE_FOLDERS;
  /** An asset's own URL, of the base's origin; default: its name below the base. */
  readonly locate?: (asset: string, asking: Asking) => Promise<URL | "absent">;
  /** Told once for each long wait before a document. */
  readonly notice?: ((message: string) => void) | undefined;
};

/** Of one document; pieces count their own. */
const DOCUMENT_ATTEMPTS = 4;
/** The place that a redirect led to is believed no longer than what it answers with these. */
const GONE = (status: number): boolean => [401, 403, 404, 410].includes(status) || status >= 600;

/** Enough for what GitHub says. */
const MAX_REASON_BYTES = 4096;

/** Of a secondary limit, which grows while it is met. */
type Refusals = { secondary: number; readonly firstMs: number };

/** What is known of one asset's server. */
type Remembered = {
  /** Strong, or "". */
  etag: string;
  changes: number;
  /** Where its own URL led to; undefined for itself. */
  resolved: URL | undefined;
  /** Somebody asks at its own URL, which is counted: the others wait for where it leads. */
  resolving: Promise<unknown> | undefined;
  ranges: "unknown" | "work" | "ignored" | "unusable";
};

export function httpSource(options: HttpSourceOptions): Source {
  const { client, base, credentials = {}, headers = {} } = options;
  const memory = new Map<string, Remembered>();
  const refusals: Refusals = { secondary: 0, firstMs: client.limits.secondaryLimitMs };
  const remembered = (asset: string): Remembered => {
    const known = memory.get(asset) ?? nothingKnown();
    memory.set(asset, known);
    return known;
  };
  const urlOf = (asset: string): URL => {
    const url = new URL(base);
    url.pathname = `${base.pathname.replace(/\/$/, "")}/${asset}`;
    return url;
  };
  const locate = options.locate ?? (async (asset: string): Promise<URL> => urlOf(asset));
  /** At the place that its own URL led to; undefined when there is none, or none any more. */
  const askThere = async (known: Remembered, request: Omit<HttpRequest, "url">) => {
    const url = known.resolved;
    if (!url) return undefined;
    // What somebody else has found meanwhile is newer than this.
    const forget = (): void => {
      if (known.resolved === url) known.resolved = undefined;
    };
    const isOwnOrigin = url.origin === base.origin;
    const there = await client
      .get({ ...request, url, credentials: isOwnOrigin ? credentials : {} })
      .catch((error: unknown) => {
        forget();
        throw error;
      });
    if (!GONE(there.status)) return there;
    // Expired: its own URL names a new place.
    there.body.cancel();
    forget();
    return undefined;
  };
  const askOwn = async (url: URL, known: Remembered, request: Omit<HttpRequest, "url">) => {
    const answer = await client.get({ ...request, url });
    if (answer.url.href !== url.href && answer.status < 400) known.resolved = answer.url;
    return answer;
  };
  const ask = async (asset: string, own: URL, more: Headers, asking: Asking): Promise<HttpAnswer> => {
    const known = remembered(asset);
    if (asking.fresh) known.resolved = undefined;
    const request = {
      credentials,
      headers: { ...headers, ...more, ...(asking.fresh && { "cache-control": "no-cache" }) },
      signal: asking.signal,
    };
    for (;;) {
      const there = await askThere(known, request);
      if (there) return there;
      if (!options.locate || !known.resolving) break;
      await known.resolving;
    }
    const asked = askOwn(own, known, request);
    const done = (): void => {
      known.resolving = undefined;
    };
    known.resolving = asked.then(done, done);
    return asked;
  };
  /** So long as the server asked for, then by chance, so that not all who were refused come back together. */
  const rest = async (error: FetchError, attempt: number, signal: AbortSignal | undefined) => {
    const waitMs = askedWaitMs(error);
    if (waitMs > 0) options.notice?.(`${error.message}; it goes on in ${Math.ceil(waitMs / 1000)} s`);
    await waitUntil(performance.now() + waitMs, signal);
    await backOff(attempt, signal);
  };
  return {
    ...(options.folders ?? PAGE_FOLDERS),
    name: plainUrl(base),
    at: (below) => httpSource({ ...options, base: urlOf(below) }),
    close: () => client.close(),
    hasRanges: (asset) => ["unknown", "work"].includes(remembered(asset).ranges),
    readAll: async (asset, maxBytes, { known = "", ...asking } = {}) => {
      const own = await locate(asset, asking);
      if (own === "absent") return own;
      for (let attempt = 0; ; attempt++) {
        try {
          const answer = await ask(asset, own, known === "" ? {} : { "if-none-match": known }, asking);
          return await readDocument(answer, asset, maxBytes, refusals);
        } catch (error) {
          if (!isWorthRepeating(error) || attempt + 1 >= (asking.attempts ?? DOCUMENT_ATTEMPTS)) throw error;
          await rest(error, attempt, asking.signal);
        }
      }
    },
    readRange: async function* (asset, range, asking = {}) {
      const own = await locate(asset, asking);
      if (own === "absent") throw statusError(`${plainUrl(base)}/${asset}`, 404);
      const known = remembered(asset);
      const isWhole = known.ranges === "unusable";
      const answer = await ask(asset, own, isWhole ? {} : rangeHeaders(range, known), asking);
      yield* readPlaced(answer, range, known, refusals);
    },
  };
}

function nothingKnown(): Remembered {
  return { etag: "", changes: 0, resolved: undefined, resolving: undefined, ranges: "unknown" };
}

function rangeHeaders({ start, end }: ByteRange, { etag, changes }: Remembered): Headers {
  const isKnown = etag !== "" && changes < 2;
  return { range: `bytes=${start}-${end - 1}`, ...(isKnown && { "if-range": etag }) };
}

async function readDocument(answer: HttpAnswer, asset: string, maxBytes: number, refusals: Refusals) {
  const { status, headers, body, url } = answer;
  if (status === 404 || status === 410) {
    body.cancel();
    return "absent" as const;
  }
  if (status === 304) {
    body.cancel();
    return "unchanged" as const;
  }
  if (status !== 200) throw await refused(answer, refusals);
  refuseEncoding(answer);
  const length = Number(headers.get("content-length") ?? 0);
  if (length > maxBytes) {
    body.cancel();
    throw tooLong(asset, maxBytes);
  }
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.length;
    if (bytes > maxBytes) throw tooLong(asset, maxBytes);
    chunks.push(chunk);
  }
  if (bytes === 0) throw interrupted(url, "it is empty");
  return { bytes: Buffer.concat(chunks, bytes), etag: isSettled(headers) ? (headers.get("etag") ?? "") : "" };
}

/**
 * Many servers make an ETag of the second and the size: of two states within one second they cannot tell
 * which one they name (RFC 9110, section 8.8.2.2).
 */
function isSettled(headers: HttpAnswer["headers"]): boolean {
  const ageMs = Date.parse(headers.get("date") ?? "") - Date.parse(headers.get("last-modified") ?? "");
  return !(ageMs < 2000);
}

async function* readPlaced(
  answer: HttpAnswer,
  range: ByteRange,
  known: Remembered,
  refusals: Refusals,
): AsyncGenerator<Uint8Array> {
  const { body, url, status } = answer;
  if (status !== 200 && status !== 206 && status !== 416) throw await refused(answer, refusals);
  let position = placeOf(answer, range, known);
  const from = position;
  for await (const chunk of body) {
    const first = Math.max(0, range.start - position);
    const end = Math.min(chunk.length, range.end - position);
    position += chunk.length;
    if (end > first) yield chunk.subarray(first, end);
    // Leaving the loop gives the rest up: a server that goes on for ever is not listened to.
    if (position >= range.end) return;
  }
  if (position === from) throw interrupted(url, "it is empty");
}

/** Where in the asset the body of an answer begins. @throws FetchError */
function placeOf(answer: HttpAnswer, { start, total }: ByteRange, known: Remembered): number {
  const { status, headers, body, url } = answer;
  const where = plainUrl(url);
  const give = (error: FetchError): FetchError => {
    body.cancel();
    return error;
  };
  if (status === 416) {
    // Not satisfiable, though the manifest says that there is more: what ranges are is not agreed upon.
    known.ranges = known.ranges === "unusable" ? known.ranges : "unusable";
    throw give(interrupted(url, "it has no such range"));
  }
  refuseEncoding(answer);
  noteEtag(known, headers.get("etag") ?? "");
  if (status === 200) {
    if (known.ranges !== "unusable") known.ranges = "ignored";
    const length = headers.get("content-length");
    if (length !== undefined && Number(length) !== total)
      throw give(otherAsset(where, Number(length), total));
    return 0;
  }
  const range = parseContentRange(headers.get("content-range"));
  if (!range) {
    known.ranges = "unusable";
    throw give(interrupted(url, "it answered a range without saying which"));
  }
  if (range.total !== undefined && range.total !== total) throw give(otherAsset(where, range.total, total));
  if (range.start > start || range.end <= start) {
    known.ranges = "unusable";
    throw give(interrupted(url, `it answered from ${range.start}, asked was ${start}`));
  }
  known.ranges = "work";
  return range.start;
}

/** Of strong ones only (RFC 9110, section 8.8.1); one that changes ends what is known of the place as well. */
function noteEtag(known: Remembered, etag: string): void {
  const strong = /^"[\x21\x23-\x7e\x80-\xff]*"$/.test(etag) ? etag : "";
  if (known.etag !== "" && strong !== known.etag) known.changes++;
  known.etag = strong;
}

function refuseEncoding({ headers, body, url }: HttpAnswer): void {
  const encoding = headers.get("content-encoding") ?? "identity";
  if (encoding.toLowerCase() === "identity") return;
  body.cancel();
  throw new FetchError(
    "TRANSFER_INTERRUPTED",
    `${plainUrl(url)} answers with Content-Encoding ${JSON.stringify(encoding.slice(0, 40))}, asked was identity`,
    { facts: { url: plainUrl(url) }, hint: "a proxy on the way compresses; the source must not" },
  );
}

/** What the answer says, as an error that knows how long to wait. */
async function refused(answer: HttpAnswer, refusals: Refusals): Promise<FetchError> {
  const { status, headers, body, url } = answer;
  const text = status === 403 || status === 429 ? await body.beginning(MAX_REASON_BYTES) : "";
  body.cancel();
  const where = plainUrl(url);
  const secondaryMs = refusals.firstMs * 2 ** refusals.secondary;
  // A moment that the server names is by the server's clock.
  const nowMs = Date.parse(headers.get("date") ?? "") || Date.now();
  const wait = waitOf({ status, headers, text, secondaryMs, nowMs });
  if (wait.kind === "wait" && wait.ms === secondaryMs) refusals.secondary++;
  const why = wait.kind !== "none" && wait.why === "rate-limit" ? ": a rate limit is reached" : "";
  if (wait.kind !== "too-long") return statusError(where, status, { url: where, wait }, why);
  const minutes = Math.ceil(wait.ms / 60_000);
  const until = new Date(Date.now() + wait.ms).toISOString().replace(/\.\d+/, "");
  return new FetchError(
    "SOURCE_RATE_LIMITED",
    `${where} answered ${status} and asks to wait ${minutes} minutes, until ${until}`,
    {
      facts: { url: where, status, waitMs: wait.ms },
      hint: "run it again then; a source that knows you by a token may allow more",
    },
  );
}

function interrupted(url: URL, why: string): FetchError {
  return new FetchError("TRANSFER_INTERRUPTED", `${plainUrl(url)}: ${why}`, {
    facts: { url: plainUrl(url) },
  });
}
