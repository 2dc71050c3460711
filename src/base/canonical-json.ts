/**
 * Canonical JSON (RFC 8785, JCS), both directions.
 *
 *   { b: 1, a: "é" }   ->   {"a":"é","b":1}      keys sorted by UTF-16 code units, no white space
 *
 * Reading is strict: bytes that are not the canonical form of the value they hold are refused.
 * That one rule closes duplicate keys, hidden white space, alternative escapes, exponents, byte order
 * marks and trailing bytes at once: two readers can never see two values in one signed document.
 * Numbers are integers within 2^53 - 1, because a larger one would be rounded silently by JSON.parse.
 */
import { isUtf8 } from "node:buffer";
import { ThemisError } from "./error.ts";

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** Deeper than any document of ours; keeps a hostile one from exhausting the stack. */
const MAX_DEPTH = 32;

export class JsonError extends ThemisError<"JSON_MALFORMED" | "JSON_NOT_CANONICAL"> {
  constructor(code: "JSON_MALFORMED" | "JSON_NOT_CANONICAL", message: string, cause?: unknown) {
    super(code, "refused", message, { cause });
  }
}

export function encodeCanonicalJson(value: Json): Uint8Array {
  return Buffer.from(canonicalText(value), "utf8");
}

/** @throws JsonError JSON_MALFORMED, JSON_NOT_CANONICAL */
export function decodeCanonicalJson(bytes: Uint8Array): Json {
  const text = decodeUtf8(bytes);
  refuseDeepNesting(text);
  let value: Json;
  try {
    value = JSON.parse(text) as Json;
  } catch (cause) {
    throw new JsonError("JSON_MALFORMED", "the document is not JSON", cause);
  }
  const canonical = canonicalText(value);
  if (canonical !== text) {
    throw new JsonError(
      "JSON_NOT_CANONICAL",
      `the document is not canonical JSON (RFC 8785): it differs from its canonical form at character ${firstDifference(canonical, text)}`,
    );
  }
  return value;
}

/** The engine's own serializer is many times as fast as one in JavaScript, and right wherever keys come in order. */
function canonicalText(value: Json): string {
  if (isInOrder(value, 0)) return JSON.stringify(value);
  const ordered = inOrder(value);
  return ordered === undefined ? textOf(value) : JSON.stringify(ordered);
}

/** Whether the keys of every object come in order. @throws JsonError for what no document may hold */
function isInOrder(value: Json, depth: number): boolean {
  if (depth > MAX_DEPTH) throw new JsonError("JSON_MALFORMED", `the document nests deeper than ${MAX_DEPTH}`);
  if (typeof value === "number" && !Number.isSafeInteger(value))
    throw new JsonError("JSON_MALFORMED", `the number ${value} is not an integer within 2^53 - 1`);
  if (typeof value === "string" && !value.isWellFormed())
    throw new JsonError("JSON_MALFORMED", "a string holds a lone surrogate");
  if (value === null || typeof value !== "object") return true;
  let isOrdered = true;
  if (isArray(value)) {
    for (const item of value) if (!isInOrder(item, depth + 1)) isOrdered = false;
    return isOrdered;
  }
  let before: string | undefined;
  for (const key of Object.keys(value)) {
    if (!isInOrder(key, depth) || !isInOrder(value[key] ?? null, depth + 1)) isOrdered = false;
    if (before !== undefined && before >= key) isOrdered = false;
    before = key;
  }
  return isOrdered;
}

/** A copy with the keys of each object in order; undefined where an object cannot have it: integers always come first. */
function inOrder(value: Json): Json | undefined {
  if (value === null || typeof value !== "object") return value;
  if (isArray(value)) {
    const items = value.map(inOrder);
    return items.includes(undefined) ? undefined : (items as Json[]);
  }
  const copy: Record<string, Json> = {};
  for (const key of Object.keys(value).sort()) {
    const member = inOrder(value[key] ?? null);
    if (member === undefined || key === "__proto__" || /^[0-9]/.test(key)) return undefined;
    copy[key] = member;
  }
  return copy;
}

/** For what `inOrder` cannot have. */
function textOf(value: Json): string {
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  if (isArray(value)) return `[${value.map(textOf).join(",")}]`;
  const members = Object.keys(value)
    .sort()
    .map((key) => `${JSON.stringify(key)}:${textOf(value[key] ?? null)}`);
  return `{${members.join(",")}}`;
}

function isArray(value: Json): value is readonly Json[] {
  return Array.isArray(value);
}

function decodeUtf8(bytes: Uint8Array): string {
  if (!isUtf8(bytes)) throw new JsonError("JSON_MALFORMED", "the document is not UTF-8");
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("utf8");
}

/** JSON.parse recurses, so depth is bounded before it runs. Strings are skipped with their escapes. */
function refuseDeepNesting(text: string): void {
  let depth = 0;
  let inString = false;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (inString) {
      if (c === 0x5c) i++;
      else if (c === 0x22) inString = false;
    } else if (c === 0x22) inString = true;
    else if (c === 0x5b || c === 0x7b) {
      if (++depth > MAX_DEPTH)
        throw new JsonError("JSON_MALFORMED", `the document nests deeper than ${MAX_DEPTH}`);
    } else if (c === 0x5d || c === 0x7d) depth--;
  }
}

function firstDifference(a: string, b: string): number {
  let i = 0;
  while (i < a.length && a[i] === b[i]) i++;
  return i;
}
