/**
 * Does a value keep to the schema of themis.yml? If not: where, what was expected, what was found, what was meant.
 *
 * All faults at once, because a person mends a file and not a line. What is found is shown only where no secret
 * can stand.
 */
import type { ErrorObject, ValidateFunction } from "ajv";
import { isSameName, nearestName } from "../../base/nearest-name.ts";
import { DURATION_PATTERN } from "../../base/units.ts";
import { compileConfig } from "./compile-config.ts";
import { invalidConfig, type Problem } from "./config-error.ts";
import { keyOf, pointerTo, quoted, shownName } from "./json-pointer.ts";
import type { PlaceOf } from "./origin.ts";
import { type ThemisYml, themisYmlSchema } from "./themis-yml.ts";

/** What each was meant to be is looked for among all names, and nobody reads so many. */
const MAX_ERRORS = 1000;

let compiled: ValidateFunction<ThemisYml> | undefined;

/** @throws ConfigError CONFIG_INVALID */
export function checkConfig(value: unknown, placeOf: PlaceOf): ThemisYml {
  compiled ??= compileConfig();
  const validate = compiled;
  if (validate(value)) return value;
  throw invalidConfig(problemsOf(validate.errors ?? [], placeOf));
}

function problemsOf(errors: readonly ErrorObject[], placeOf: PlaceOf): Problem[] {
  // The branches of "exactly one of" fail each for itself, and so do the names of a map; the whole says it.
  const whole = errors.filter(({ schemaPath }) => !/\/(oneOf\/\d+|propertyNames)\//.test(schemaPath));
  // Where a key is written wrongly, that it lacks says nothing more.
  const misnamed = new Set(
    whole.filter(({ keyword }) => keyword === "additionalProperties").map((each) => each.instancePath),
  );
  const own = whole.filter(({ keyword, instancePath }) => keyword !== "oneOf" || !misnamed.has(instancePath));
  const seen = new Set<string>();
  return own
    .slice(0, MAX_ERRORS)
    .map((error) => problemOf(error, placeOf))
    .filter(({ key, message }) => {
      const same = `${key}\n${message}`;
      return !seen.has(same) && seen.add(same);
    });
}

function problemOf(error: ErrorObject, placeOf: PlaceOf): Problem {
  const { keyword, params, instancePath, parentSchema = {} } = error;
  const key = keyOf(instancePath);
  const at = placeOf(instancePath);
  switch (keyword) {
    case "additionalProperties":
      return unknownKey(error, placeOf);
    case "propertyNames": {
      const pointer = pointerTo(instancePath, String(params.propertyName));
      const message = `${quoted(String(params.propertyName))} is no name of a dependency`;
      return { at: placeOf(pointer, "key"), key: keyOf(pointer), message };
    }
    case "required": {
      const lacks = String(params.missingProperty);
      const message = `${key || "the file"} needs ${lacks}${about(parentSchema.properties?.[lacks])}`;
      return { at: placeOf(instancePath, "key"), key, message, expected: lacks };
    }
    case "dependentRequired": {
      const { property, missingProperty } = params;
      const pointer = pointerTo(instancePath, String(property));
      const message = `${property} is for ${missingProperty}, which is not there`;
      return { at: placeOf(pointer, "key"), key: keyOf(pointer), message };
    }
    case "oneOf": {
      const keys = (error.schema as { required: string[] }[]).map(({ required: [name] }) => name);
      const many = params.passingSchemas === null ? "none" : "more than one";
      const message = `${key} takes exactly one of ${keys.join(", ")}, and ${many} is there`;
      return { at: placeOf(instancePath, "key"), key, message, expected: `one of ${keys.join(", ")}` };
    }
    case "minProperties":
    case "maxProperties": {
      const keys = Object.keys(parentSchema.properties ?? {}).join(", ");
      const many = keyword === "minProperties" ? "none" : "more than one";
      const message = `${key} takes exactly one of ${keys}, and ${many} is there`;
      return { at: placeOf(instancePath, "key"), key, message, expected: `one of ${keys}` };
    }
    default: {
      const expected = String(parentSchema.title ?? error.message);
      const found = shown(error.data, key, keyword);
      const message = `${key || "the file"} takes ${expected}, not ${found}`;
      const hint =
        parentSchema.type === "string" &&
        isPlain(error.data) &&
        hintForText(parentSchema.pattern, error.data);
      return { at, key, message, expected, found, ...(hint && { hint }) };
    }
  }
}

/** A number where a text belongs: of a span of time it lacks the unit, else the quotes. */
function hintForText(pattern: unknown, found: unknown): string {
  const lacksUnit = pattern === DURATION_PATTERN && Number.isInteger(found);
  return lacksUnit ? `say the unit too, as in ${found}s` : 'put a text in quotes, as in version: "1.5"';
}

function unknownKey({ params, instancePath, parentSchema }: ErrorObject, placeOf: PlaceOf): Problem {
  const name = String(params.additionalProperty);
  const pointer = pointerTo(instancePath, name);
  const known = Object.keys((parentSchema?.properties ?? {}) as object);
  const at = placeOf(pointer, "key");
  const within = keyOf(instancePath);
  const key = within === "" ? shownName(name) : `${within}.${shownName(name)}`;
  // `token` where `tokenFile` is known: the value is a secret, or will be one.
  const file = known.find((each) => isSameName(each, `${name}File`));
  if (file !== undefined) {
    const hint = `write it to a file that only the user of themis-fetch may read, and name that by ${file}`;
    return {
      at,
      key,
      message: `${key} would be a secret, and none stands in this file`,
      nearest: file,
      hint,
    };
  }
  const nearest = nearestName(name, known) ?? elsewhere(name);
  const message = `${key} is not known${nearest === undefined ? "" : `; did you mean ${nearest}?`}`;
  const hint = hintFor(name, within);
  return {
    ...{ at, key, message, expected: `one of ${known.join(", ")}` },
    ...(nearest !== undefined && { nearest }),
    ...(hint !== undefined && { hint }),
  };
}

function hintFor(name: string, within: string): string | undefined {
  if (name === "<<") return "merge keys are no part of YAML 1.2; write the keys out";
  if (name === "updates" && within === "")
    return "themis-fetch migrate-config turns ThemisDB's file into this one";
  return undefined;
}

/** The same name in another section: a key that is only in the wrong place. */
function elsewhere(name: string): string | undefined {
  const sections = Object.entries(themisYmlSchema.properties ?? {});
  for (const [section, { properties = {} }] of sections) {
    const near = nearestName(name, Object.keys(properties));
    if (near !== undefined) return `${section}.${near}`;
  }
  return undefined;
}

function about(schema: unknown): string {
  const description = (schema as { description?: string } | undefined)?.description;
  return description ? ` (${description})` : "";
}

function isPlain(value: unknown): boolean {
  return typeof value === "number" || typeof value === "boolean";
}

/** In words; a text itself only where no secret is near. */
function shown(value: unknown, key: string, keyword: string): string {
  if (value === null) return "nothing";
  if (Array.isArray(value)) return keyword === "type" ? "a list" : `a list of ${value.length}`;
  if (typeof value === "object") return "a mapping";
  if (typeof value !== "string") return String(value);
  if (value === "") return "an empty text";
  if (/^notifications|token|source|mirrors/i.test(key) || /^https?:/i.test(value))
    return `a text of ${value.length} characters`;
  return quoted(value);
}
