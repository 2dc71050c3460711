/**
 * The settings of themis.yml one by one, as they can be given in an environment and shown to a person.
 *
 *   checker.trustAnchor               THEMIS_CHECKER_TRUST_ANCHOR
 *   autoUpdate.restorePoints.count    THEMIS_AUTO_UPDATE_RESTORE_POINTS_COUNT
 *   hotReload.checks                  has parts of its own, and comes from the file alone
 */
import type { Schema } from "../../format/config/schema-of.ts";
import { themisYmlSchema } from "../../format/config/themis-yml.ts";

export type Setting = {
  readonly name: string;
  /** "" for what comes from the file alone. */
  readonly variable: string;
  readonly schema: Schema;
};

/** A group of settings that are given one by one, as those of a section are. */
const GROUPS: readonly string[] = ["autoUpdate.restorePoints"];

export const SETTINGS: readonly Setting[] = Object.entries(themisYmlSchema.properties ?? {}).flatMap(
  ([section, schema]) => settingsOf(section, schema),
);

export function settingNamed(name: string): Setting | undefined {
  return SETTINGS.find((each) => each.name === name);
}

function settingsOf(group: string, { properties = {} }: Schema): Setting[] {
  return Object.entries(properties).flatMap(([key, schema]) => {
    const name = `${group}.${key}`;
    return GROUPS.includes(name)
      ? settingsOf(name, schema)
      : [{ name, schema, variable: variableOf(name, schema) }];
  });
}

function variableOf(name: string, { type, items }: Schema): string {
  const isList = type === "array" && (items as Schema).type === "string";
  const isPlain = Array.isArray(type) ? !type.includes("object") : type !== "object" && type !== "array";
  if (!isList && !isPlain) return "";
  return `THEMIS_${name.replaceAll(".", "_").replace(/[A-Z]/g, "_$&").toUpperCase()}`;
}
