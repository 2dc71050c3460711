/**
 * A webhook of one's own, signed as Standard Webhooks 1.0.0 says, so that any of its libraries verifies it.
 *
 *   webhook-id         msg_...                      the same for every attempt: a key for "seen already"
 *   webhook-timestamp  1674087231                   of the attempt, in Unix seconds
 *   webhook-signature  v1,<base64>                  HMAC-SHA-256 over "ID.TIMESTAMP.BODY"
 *
 *   { "type": "themis.update.failed", "timestamp": "...", "data": { product, from, to, host, message } }
 *
 * schemas/notification.md is the whole of it for whoever receives.
 */
import { createHmac, randomBytes } from "node:crypto";
import { oneLine } from "../../base/one-line.ts";
import { FetchError } from "../fetch-error.ts";
import type { Notice, UpdateEvent } from "./update-event.ts";

const PREFIX = "whsec_";
/** 192 and 512 bits: the specification's bounds. */
const [LEAST_BYTES, MOST_BYTES] = [24, 64];
/** The whole stays far below the 20 kB that the specification recommends. */
const MAX_FIELD_CHARACTERS = 1000;

/** @throws FetchError WEBHOOK_INVALID, which does not tell the secret */
export function parseSecret(text: string): Buffer {
  const base64 = text.startsWith(PREFIX) ? text.slice(PREFIX.length) : "";
  const key = Buffer.from(base64, "base64");
  if (key.toString("base64") === base64 && key.length >= LEAST_BYTES && key.length <= MOST_BYTES) return key;
  throw new FetchError(
    "WEBHOOK_INVALID",
    `a webhook's secret is "${PREFIX}" and the Base64 of ${LEAST_BYTES} to ${MOST_BYTES} random bytes`,
    { hint: `make one: echo "${PREFIX}$(head -c 32 /dev/urandom | base64)"` },
  );
}

/** Each call is an attempt: the timestamp is new, id and body stay. */
export function signedNotice(url: URL, key: Buffer, event: UpdateEvent): (nowMs: number) => Notice {
  const id = `msg_${randomBytes(16).toString("hex")}`;
  const body = JSON.stringify(payloadOf(event));
  return (nowMs) => {
    const timestamp = String(Math.floor(nowMs / 1000));
    return {
      url,
      headers: {
        "content-type": "application/json",
        "webhook-id": id,
        "webhook-timestamp": timestamp,
        "webhook-signature": signature(key, id, timestamp, body),
      },
      body,
    };
  };
}

export function signature(key: Buffer, id: string, timestamp: string, body: string): string {
  return `v1,${createHmac("sha256", key).update(`${id}.${timestamp}.${body}`).digest("base64")}`;
}

function payloadOf({ kind, at, product, from, to, host, message }: UpdateEvent) {
  const data = Object.fromEntries(
    Object.entries({ product, from, to, host, message }).map(([name, text]) => [
      name,
      oneLine(text, MAX_FIELD_CHARACTERS),
    ]),
  );
  return { type: `themis.update.${kind.replace("-", "_")}`, timestamp: at.toISOString(), data };
}
