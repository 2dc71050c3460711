/** The schema of themis.yml as a function; the build makes it beforehand and puts it in this file's place. */
import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";
import { type ThemisYml, themisYmlSchema } from "./themis-yml.ts";

/** All faults, each with the schema it is one of. Names of `required` stand in `properties` one level up for "exactly one of". */
export const CONFIG_OPTIONS = {
  ...{ strict: true, strictRequired: false, allowUnionTypes: true },
  ...{ allErrors: true, ownProperties: true, verbose: true },
} as const;

export function compileConfig(): ValidateFunction<ThemisYml> {
  return new Ajv2020(CONFIG_OPTIONS).compile(themisYmlSchema);
}
