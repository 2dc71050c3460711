/**
 * Mutations of JSON by someone who knows our documents: values of other types and at the edges, keys that are gone,
 * new, spelled otherwise, or names that JavaScript has for something; and the text itself, so that it is JSON but not
 * canonical.
 */
import { pick, type Roll } from "../../format/delta/fuzz/dice.ts";
import { mutateBytes } from "../../format/delta/fuzz/mutate.ts";

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

const NUMBERS = [
  0,
  -0,
  1,
  -1,
  2,
  255,
  65_536,
  2 ** 31 - 1,
  2 ** 31,
  2 ** 32,
  2 ** 40,
  2 ** 53 - 1,
  2 ** 53,
  1.5,
];
const TEXTS = [
  ...[
    "",
    ".",
    "..",
    "../x",
    "/",
    "a/../b",
    "a//b",
    "con",
    "a\\b",
    "a\u0000b",
    "\ud800",
    "\u202e",
    "é",
    "e\u0301",
  ],
  ...[
    "__proto__",
    "constructor",
    "toString",
    "1.0.0",
    "none",
    "2026-01-01T00:00:00Z",
    "-0",
    "1e3",
    " ",
    "%00",
  ],
  ...[
    ".themis/x",
    "NUL.txt",
    "a ",
    "a.",
    "A",
    "a".repeat(300),
    "f".repeat(64),
    "0".repeat(64),
    "https://x.invalid/",
  ],
];

export function mutateJson(bytes: Uint8Array, others: readonly Uint8Array[], roll: Roll): Uint8Array {
  const value = parse(bytes);
  if (value === undefined || roll(10) === 0) return mutateBytes(bytes, others, roll);
  if (roll(10) === 0) return respell(Buffer.from(bytes).toString("utf8"), roll);
  const holder = { value };
  const places = placesOf(holder);
  const { object, key } = pick(places, roll);
  const donor = parse(pick(others, roll));
  const elsewhere = (): Json => structuredClone(pick(placesOf({ value: donor ?? value }), roll).read());
  change(object, key, elsewhere, roll);
  return canonical(holder.value);
}

function parse(bytes: Uint8Array): Json | undefined {
  try {
    return JSON.parse(Buffer.from(bytes).toString("utf8")) as Json;
  } catch {
    return undefined;
  }
}

type Holder = Json[] | { [key: string]: Json };
type Place = { readonly object: Holder; readonly key: string; readonly read: () => Json };

function placesOf(object: Holder, depth = 0): Place[] {
  if (depth > 40) return [];
  return Object.keys(object).flatMap((key) => {
    const read = (): Json => (object as { [key: string]: Json })[key]!;
    const value = read();
    const inner = value !== null && typeof value === "object" ? placesOf(value, depth + 1) : [];
    return [{ object, key, read }, ...inner];
  });
}

function change(object: Holder, key: string, elsewhere: () => Json, roll: Roll): void {
  const old = (object as { [key: string]: Json })[key]!;
  const kind = roll(12);
  if (kind > 2) set(object, key, replacement(old, elsewhere, roll));
  else if (kind === 2) {
    if (Array.isArray(object)) object.reverse();
    else set(object, key.toUpperCase(), old);
  } else if (kind === 1) {
    if (Array.isArray(object)) object.splice(roll(object.length + 1), 0, structuredClone(old));
    else set(object, pick(TEXTS, roll), structuredClone(old));
  } else if (Array.isArray(object)) object.splice(Number(key), 1);
  else delete object[key];
}

/** Also for "__proto__". */
function set(object: Holder, key: string, value: Json): void {
  Object.defineProperty(object, key, { value, writable: true, enumerable: true, configurable: true });
}

function replacement(old: Json, elsewhere: () => Json, roll: Roll): Json {
  switch (roll(9)) {
    case 0:
      return pick(NUMBERS, roll);
    case 1:
      return pick(TEXTS, roll);
    case 2:
      return pick<Json>([null, true, false, [], {}, [[]], { "": 0 }], roll);
    case 3:
      return elsewhere();
    case 4:
      return roll(2) ? [old] : { value: old };
    case 5: {
      let deep: Json = old;
      for (let depth = roll(40); depth > 0; depth--) deep = [deep];
      return deep;
    }
    default:
      return near(old, roll);
  }
}

/** Almost the same: one more or less, one character, one letter's case. */
function near(value: Json, roll: Roll): Json {
  if (typeof value === "number") return value + pick([-1, 1, 2 ** 20, -(2 ** 20), 0.5, -2 * value], roll);
  if (typeof value === "boolean") return !value;
  if (typeof value !== "string") return pick(TEXTS, roll);
  const at = roll(value.length + 1);
  const odd = pick(["", "/", ".", "\u0000", "A", "0", "f", "é", " ", "\\", "\u200d", "-"], roll);
  return value.slice(0, at) + odd + value.slice(at + roll(2));
}

/** The same value, or nearly, in other words. */
function respell(text: string, roll: Roll): Uint8Array {
  const at = roll(text.length + 1);
  switch (roll(7)) {
    case 0:
      return Buffer.from(`${text}${pick(["\n", " ", "\u0000", "{}", ","], roll)}`);
    case 1:
      return Buffer.from(`\ufeff${text}`);
    case 2:
      return Buffer.from(text.replace(/\d+/, (digits) => `${digits}.0`));
    case 3:
      return Buffer.from(
        text.replace(/"([a-z])/, (_, letter: string) => `"\\u00${letter.charCodeAt(0).toString(16)}`),
      );
    case 4:
      return Buffer.from(text.replace(/\{"([^"]*)":/, (all, key: string) => `${all}0,"${key}":`));
    case 5:
      return Buffer.from(
        text.slice(0, at) + pick(["[", "{", '"', "\\", "1e999", "//"], roll) + text.slice(at),
      );
    default:
      return Buffer.from(JSON.stringify(parse(Buffer.from(text)), null, 1));
  }
}

/** Keys sorted, as RFC 8785 has it; not by our own code, which is on trial. */
function canonical(value: Json): Uint8Array {
  const sorted = (each: Json): Json => {
    if (Array.isArray(each)) return each.map(sorted);
    if (each === null || typeof each !== "object") return each;
    const copy = Object.create(null) as { [key: string]: Json };
    for (const key of Object.keys(each).sort()) copy[key] = sorted(each[key]!);
    return copy;
  };
  return Buffer.from(JSON.stringify(sorted(value)) ?? "null");
}
