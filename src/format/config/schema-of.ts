/**
 * JSON Schemas, and for the compiler what they let through: a type and its schema cannot drift, because the
 * type is read from the schema.
 *
 *   const hook = record({ command: argv("…") }, { timeout: duration("…") });
 *   type Hook = Holds<typeof hook>;      { command: readonly string[]; timeout?: string }
 *
 * `title` says what is expected and goes into messages; `description` says what it is for and goes into help
 * and editors. Where a value has two shapes the keywords of both stand beside each other, as each speaks of
 * its own type only; `anyOf` would answer a slip with the faults of every shape.
 */
import { DURATION_PATTERN, SIZE_PATTERN } from "../../base/units.ts";

declare const holds: unique symbol;

type Keywords = {
  readonly type?: string | readonly string[];
  readonly title?: string;
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Keywords>>;
  readonly [keyword: string]: unknown;
};

export type Schema<T = unknown> = Keywords & { readonly [holds]?: T };
export type Holds<S> = S extends { readonly [holds]?: infer T } ? Exclude<T, undefined> : never;

type Fields = Readonly<Record<string, Schema>>;
type RecordOf<Must extends Fields, May extends Fields> = {
  readonly [Key in keyof Must]: Holds<Must[Key]>;
} & { readonly [Key in keyof May]?: Holds<May[Key]> };

/** PATH_MAX of Linux; no text of ours is longer. */
const MAX_TEXT = 4096;

export function text(description: string, more: Keywords = {}): Schema<string> {
  return { type: "string", title: "a text", description, minLength: 1, maxLength: MAX_TEXT, ...more };
}

export function word<const T extends string>(description: string, words: readonly T[]): Schema<T> {
  return { type: "string", title: `one of ${words.join(", ")}`, description, enum: words };
}

export function yesOrNo(description: string): Schema<boolean> {
  return { type: "boolean", title: "true or false", description };
}

export function whole(description: string, minimum: number, maximum: number): Schema<number> {
  const title = `a whole number from ${minimum} to ${maximum}`;
  return { type: "integer", title, description, minimum, maximum };
}

/** "1h30m"; its bounds are rules beyond the schema. */
export function duration(description: string): Schema<string> {
  return text(description, { title: "a span of time such as 90s, 10m or 1h30m", pattern: DURATION_PATTERN });
}

/** Bytes, or a number with K, M or G. */
export function size(description: string): Schema<string | number> {
  const title = "a size such as 800K, 96M or 2G";
  const bytes = { minimum: 0, maximum: Number.MAX_SAFE_INTEGER };
  return { type: ["integer", "string"], title, description, pattern: SIZE_PATTERN, ...bytes };
}

export function list<T>(
  description: string,
  items: Schema<T>,
  [minItems, maxItems]: readonly [number, number],
): Schema<readonly T[]> {
  const title = `a list of ${minItems} to ${maxItems}`;
  return { type: "array", title, description, items, minItems, maxItems };
}

/** A program and its arguments, never read by a shell. */
export function argv(description: string): Schema<readonly string[]> {
  const word = text("", { title: "a program or an argument", minLength: 0 });
  return { ...list(description, word, [1, 256]), title: "a list of a program and its arguments" };
}

/** Names that the person chooses, each with the same kind of value. */
export function named<T>(
  description: string,
  key: string,
  value: Schema<T>,
): Schema<Readonly<Record<string, T>>> {
  const propertyNames = { type: "string", title: "a name", pattern: key, maxLength: 256 };
  const most = { maxProperties: 256 };
  return {
    type: "object",
    title: "names with values",
    description,
    propertyNames,
    additionalProperties: value,
    ...most,
  };
}

/** A mapping with these keys and no others. */
export function record<Must extends Fields, May extends Fields>(
  must: Must,
  may: May,
  more: Keywords = {},
): Schema<RecordOf<Must, May>> {
  const properties = { ...must, ...may };
  const title = `a mapping with ${Object.keys(properties).join(", ")}`;
  return {
    type: "object",
    title,
    properties,
    required: Object.keys(must),
    additionalProperties: false,
    ...more,
  };
}

/** Of these keys exactly one. */
export function exactlyOne(...keys: readonly string[]): Keywords {
  return { oneOf: keys.map((key) => ({ required: [key] })) };
}
