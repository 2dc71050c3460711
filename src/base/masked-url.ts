/**
 * URLs for people: a password before the host and a signature behind the path are secrets.
 *
 *   https://user:pass@host/app?sig=abc   ->   https://***@host/app?***
 */
import type { Json } from "./canonical-json.ts";

/** Anything else is returned as it is. */
export function maskedUrl(text: string): string {
  return text
    .replace(/^([a-z][a-z0-9+.-]*:\/\/)[^/?#]*@/i, "$1***@")
    .replace(/^(https?:\/\/[^?#]*)[?#].*$/is, "$1?***");
}

/** The same for every text of a value. */
export function withMaskedUrls(value: Json): Json {
  return JSON.parse(JSON.stringify(value), (_, part: Json) =>
    typeof part === "string" ? maskedUrl(part) : part,
  ) as Json;
}
