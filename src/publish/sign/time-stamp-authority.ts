/**
 * One question to a time-stamp authority over HTTP (RFC 3161, section 3.4).
 *
 *   POST application/timestamp-query   ->   200 application/timestamp-reply
 *
 * Authorities throttle, and stand behind proxies that answer with pages. What may pass by waiting is asked again a few
 * times; everything else is a reason, for a person, to ask another authority. Plain http is as good as https here: the
 * answer is signed, and only the digest of a signature is told. Redirects are not followed.
 */
import { Agent as HttpAgent, type IncomingMessage, request as requestHttp } from "node:http";
import { Agent as HttpsAgent, request as requestHttps } from "node:https";
import { setTimeout } from "node:timers/promises";
import { systemCode } from "../../base/error.ts";
import { maskedUrl } from "../../base/masked-url.ts";
import { backOff } from "../../base/retry.ts";

export type AskRequest = {
  readonly url: URL;
  /** TimeStampReq. */
  readonly query: Uint8Array;
  /** For one attempt, from the first byte sent to the last received. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
};

/** Why an authority gave no answer, in words for a message. */
export class NoAnswer extends Error {
  override readonly name = "NoAnswer";
}

/** A token with three certificates takes 6 KiB, and a whole signature may take 64. */
const MAX_ANSWER_BYTES = 64 << 10;
const ATTEMPTS = 4;
/** Whoever asks for more is left for another authority. */
const LONGEST_WAIT_S = 30;

class Busy extends NoAnswer {
  readonly waitS: number | undefined;

  constructor(why: string, waitS?: number) {
    super(why);
    this.waitS = waitS;
  }
}

/** @returns TimeStampResp, as it came. @throws NoAnswer; the signal's reason */
export async function askAuthority(request: AskRequest): Promise<Uint8Array> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await askOnce(request);
    } catch (error) {
      request.signal.throwIfAborted();
      if (!(error instanceof Busy) || attempt + 1 === ATTEMPTS) throw error;
      if (error.waitS === undefined) await backOff(attempt, request.signal);
      else if (error.waitS > LONGEST_WAIT_S) throw error;
      else await setTimeout(error.waitS * 1000, undefined, { signal: request.signal });
    }
  }
}

async function askOnce({ url, query, timeoutMs, signal }: AskRequest): Promise<Uint8Array> {
  const limit = AbortSignal.timeout(timeoutMs);
  const isSecure = url.protocol === "https:";
  // The proxies of the environment, where this Node knows them.
  const agent = new (isSecure ? HttpsAgent : HttpAgent)({ proxyEnv: process.env });
  try {
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const asked = (isSecure ? requestHttps : requestHttp)(url, {
        agent,
        method: "POST",
        signal: AbortSignal.any([signal, limit]),
        headers: {
          "content-type": "application/timestamp-query",
          "content-length": query.length,
          accept: "application/timestamp-reply",
        },
      });
      asked.on("response", resolve).on("error", reject).end(query);
    });
    refuseOther(response);
    return await bodyOf(response);
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof NoAnswer) throw error;
    if (limit.aborted) throw new Busy(`it did not answer within ${timeoutMs / 1000} s`);
    throw new Busy(`it cannot be reached (${systemCode(error) ?? "the connection broke"})`);
  } finally {
    agent.destroy();
  }
}

/** @throws NoAnswer */
function refuseOther(response: IncomingMessage): void {
  const { statusCode: status = 0, headers } = response;
  const type = headers["content-type"]?.split(";")[0]?.trim().toLowerCase() ?? "";
  if (status === 200 && type === "application/timestamp-reply") return;
  response.destroy();
  if (status === 429 || status >= 500) {
    const seconds = /^\d{1,6}$/.exec(headers["retry-after"] ?? "")?.[0];
    throw new Busy(`it answered with the status ${status}`, seconds === undefined ? undefined : +seconds);
  }
  if (status !== 200) throw new NoAnswer(`it answered with the status ${status}`);
  throw new NoAnswer(`it answered with ${JSON.stringify(type.slice(0, 60))} and not with a time-stamp`);
}

async function bodyOf(response: IncomingMessage): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of response as AsyncIterable<Uint8Array>) {
    length += part.length;
    if (length > MAX_ANSWER_BYTES) throw new NoAnswer(`its answer is longer than ${MAX_ANSWER_BYTES} bytes`);
    parts.push(part);
  }
  return Buffer.concat(parts);
}

/** The name of an authority for messages and results. */
export function authorityName(url: URL): string {
  return maskedUrl(url.href);
}
