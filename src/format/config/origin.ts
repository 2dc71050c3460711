/** Where the value of a setting comes from, so that a message leads to the line that has to be changed. */
import { oneLine } from "../../base/one-line.ts";

export type Origin =
  | { readonly kind: "flag"; readonly flag: string }
  | { readonly kind: "environment"; readonly variable: string }
  /** Lines and columns count from 1, columns in UTF-16 units. */
  | { readonly kind: "file"; readonly file: string; readonly line: number; readonly column: number }
  | { readonly kind: "default" };

/** Of a value, or of the key before it, by JSON pointer. */
export type PlaceOf = (pointer: string, which?: "key" | "value") => Origin;

/** "--source", "THEMIS_CHECKER_SOURCE", "themis.yml:3:11", "default" */
export function originText(origin: Origin): string {
  switch (origin.kind) {
    case "flag":
      return origin.flag;
    case "environment":
      return oneLine(origin.variable, 100);
    case "file":
      return `${oneLine(origin.file, 300)}:${origin.line}:${origin.column}`;
    case "default":
      return "default";
  }
}
