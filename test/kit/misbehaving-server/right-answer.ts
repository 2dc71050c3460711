/**
 * What a server should answer: the preconditions in the order of RFC 9110, section 13.2.2, then the range.
 *
 *   If-None-Match (weak comparison)  ->  304      If-Modified-Since only without it
 *   If-Range (strong comparison)     ->  no match: Range is ignored
 */
import { type Answer, type Header, plainAnswer, withHeader } from "./answer.ts";
import type { Asset } from "./asset.ts";
import { contentRange, resolveRange } from "./range.ts";
import type { Request } from "./request.ts";

/** `asset` is undefined when there is none of that name. */
export function rightAnswer(request: Request, asset: Asset | undefined): Answer {
  const { method, headers } = request;
  if (method !== "GET" && method !== "HEAD")
    return plainAnswer(405, "text/plain", "only GET and HEAD\n", ["allow", "GET, HEAD"]);
  if (asset === undefined) return plainAnswer(404, "text/plain", "not found\n");
  const { bytes } = asset;
  const whole: Answer = { status: 200, headers: describe(asset), body: bytes, part: undefined };
  if (isUnmodified(request, asset)) return { ...whole, status: 304, body: Buffer.alloc(0) };
  // Section 14.2: Range is defined for GET alone.
  if (method !== "GET" || !rangeApplies(headers["if-range"], asset)) return whole;
  const range = resolveRange(headers.range, bytes.length);
  switch (range.kind) {
    case "whole":
      return whole;
    case "unsatisfiable":
      return plainAnswer(416, "text/plain", "no such range\n", ["content-range", `bytes */${bytes.length}`]);
    case "part": {
      const { start, end } = range.range;
      const part: Answer = { ...whole, status: 206, body: bytes.subarray(start, end), part: range.range };
      return withHeader(part, "content-range", contentRange(range.range, bytes.length));
    }
  }
}

function describe({ etag, lastModified }: Asset): Header[] {
  const headers: Header[] = [
    ["date", new Date().toUTCString()],
    ["content-type", "application/octet-stream"],
    ["accept-ranges", "bytes"],
  ];
  if (etag !== undefined) headers.push(["etag", etag]);
  if (lastModified !== undefined) headers.push(["last-modified", lastModified]);
  return headers;
}

function isUnmodified({ headers }: Request, { etag, lastModified }: Asset): boolean {
  const tags = headers["if-none-match"];
  if (tags !== undefined) {
    if (tags.trim() === "*") return true;
    return etag !== undefined && tags.split(",").some((tag) => opaque(tag) === opaque(etag));
  }
  const since = headers["if-modified-since"];
  return since !== undefined && lastModified !== undefined && Date.parse(lastModified) <= Date.parse(since);
}

/** Section 13.1.5: a date has to be exactly the one that was sent; a weak tag never matches. */
function rangeApplies(condition: string | undefined, { etag, lastModified }: Asset): boolean {
  if (condition === undefined) return true;
  if (condition.startsWith('"')) return condition === etag;
  return !condition.startsWith("W/") && condition === lastModified;
}

function opaque(tag: string): string {
  return tag.trim().replace(/^W\//, "");
}
