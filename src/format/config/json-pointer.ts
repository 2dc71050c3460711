/** JSON pointers (RFC 6901) to places in a configuration, and how a person writes the same. */
import { oneLine } from "../../base/one-line.ts";

const SHOWN_CHARACTERS = 60;

export function pointerTo(parent: string, key: string | number): string {
  return `${parent}/${String(key).replaceAll("~", "~0").replaceAll("/", "~1")}`;
}

/** "/hotReload/checks/0/name" -> "hotReload.checks[0].name" */
export function keyOf(pointer: string): string {
  return pointer
    .split("/")
    .slice(1)
    .map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"))
    .reduce((key, part) => {
      if (/^\d+$/.test(part)) return `${key}[${part}]`;
      return key === "" ? shownName(part) : `${key}.${shownName(part)}`;
    }, "");
}

/** In quotes unless it is a plain word. */
export function shownName(name: string): string {
  return /^[\w-]{1,60}$/.test(name) ? name : quoted(name);
}

export function quoted(text: string): string {
  return JSON.stringify(oneLine(text, SHOWN_CHARACTERS));
}
