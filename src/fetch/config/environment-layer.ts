/**
 * THEMIS_<SECTION>_<KEY>: one variable for each plain setting; a list is separated by spaces.
 *
 * A variable of one of these sections that names no setting is refused: whoever set it believes that it holds.
 */
import type { Json } from "../../base/canonical-json.ts";
import { nearestName } from "../../base/nearest-name.ts";
import { oneLine } from "../../base/one-line.ts";
import { invalidConfig, type Problem } from "../../format/config/config-error.ts";
import type { Origin } from "../../format/config/origin.ts";
import type { Schema } from "../../format/config/schema-of.ts";
import { documentOf, type Layer } from "./layer.ts";
import { SETTINGS } from "./setting.ts";

/** Of the sections that can be set so. What notifications take are secrets' places, and any name may be one. */
const PREFIX = /^THEMIS_(CHECKER|AUTO_UPDATE|HOT_RELOAD|ADVANCED)_/;
const VARIABLES = SETTINGS.map(({ variable }) => variable).filter((variable) => variable !== "");

/** @throws ConfigError CONFIG_INVALID */
export async function environmentLayer(environment: NodeJS.ProcessEnv): Promise<Layer | undefined> {
  const strange = Object.keys(environment).filter((name) => PREFIX.test(name) && !VARIABLES.includes(name));
  if (strange.length > 0) throw invalidConfig(strange.map(unknownVariable));
  const given = SETTINGS.flatMap(({ name, variable, schema }) => {
    // An empty variable is none, as for proxies and tokens.
    const text = variable === "" ? "" : environment[variable];
    return text ? [{ name, variable, value: parsed(text, schema) }] : [];
  });
  if (given.length === 0) return undefined;
  const placeOf = (pointer: string): Origin => {
    const keys = pointer.split("/").slice(1).join(".");
    const variable = given.find(({ name }) => `${keys}.`.startsWith(`${name}.`))?.variable;
    return variable === undefined ? { kind: "default" } : { kind: "environment", variable };
  };
  const { checkConfig } = await import("../../format/config/check-config.ts");
  return { document: checkConfig(documentOf(given), placeOf), placeOf };
}

/** What cannot be read stays a text, and the schema says what was expected. */
function parsed(text: string, { type }: Schema): Json {
  if (type === "boolean" && /^(true|false)$/.test(text)) return text === "true";
  if (type === "integer" && /^\d{1,15}$/.test(text)) return Number(text);
  if (type === "array") return text.split(/\s+/).filter((word) => word !== "");
  return text;
}

function unknownVariable(name: string): Problem {
  const at = { kind: "environment", variable: name } as const;
  const nearest = nearestName(name, VARIABLES);
  const message = `this variable is no setting${nearest === undefined ? "" : `; did you mean ${nearest}?`}`;
  const hint = "what has parts of its own comes from the file alone; themis-fetch config lists the settings";
  return { at, key: oneLine(name, 100), message, ...(nearest !== undefined && { nearest }), hint };
}
